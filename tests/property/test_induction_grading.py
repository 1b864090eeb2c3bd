"""The grader of instruction induction holds for any text: only the target counts, however it is punctuated."""

import asyncio
import string

from hypothesis import assume, given
from hypothesis import strategies as st

from optiprompt import graders

WORD = st.text(string.ascii_letters + "éüñß", min_size=1, max_size=8)
TARGET = st.lists(WORD, min_size=1, max_size=5).map(" ".join)
AROUND = st.sampled_from(
    ["{}", "{}.", "**{}**", '"{}"', "“{}”", "`{}`", "  {} ", "{}!", "({})", "- {}", "\n\n{}\nSo it is."]
)


def score(output: str, target: str | list[str]) -> float:
    return asyncio.run(graders.induction().grade(output, target)).score


@given(TARGET, AROUND)
def test_case_punctuation_and_spaces_do_not_count(target: str, around: str) -> None:
    assert score(around.format(target), target) == 1
    assert score(around.format(target.upper()), target) == 1
    assert score(around.format(target.replace(" ", "-")), target) == 1
    assert score(around.format(target.replace(" ", ", ")), target) == 1


@given(TARGET, TARGET, AROUND)
def test_a_reply_that_only_holds_the_target_is_wrong(target: str, more: str, around: str) -> None:
    for reply in (f"{more} {target}", f"{target} {more}", f"{target}, {more}", f"{more}\n{target}"):
        assume(reply.split("\n")[0].casefold() != target.casefold())
        assert score(around.format(reply), target) == 0


@given(TARGET, st.text(max_size=40))
def test_only_the_first_line_counts(target: str, rest: str) -> None:
    assert score(f"{target}\n{rest}", target) == 1


@given(st.lists(TARGET, min_size=1, max_size=5), st.data())
def test_each_accepted_target_is_right(targets: list[str], data: st.DataObject) -> None:
    assert score(data.draw(st.sampled_from(targets)), targets) == 1


@given(st.integers(-10_000, 10_000), st.integers(-10_000, 10_000))
def test_numbers_are_told_apart(one: int, other: int) -> None:
    assert score(f"{one:,}.", str(one)) == 1
    assert score(str(other), str(one)) == (one == other)
    assert score(f"{one}.5", str(one)) == 0


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_graded_and_is_its_own_target(output: str, target: str) -> None:
    assert score(output, target) in (0, 1)
    line = next((line for line in target.splitlines() if line.strip()), "")
    assert score(line, line) == 1
