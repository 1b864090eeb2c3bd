"""Any text is a candidate or a ParseError that explains itself; spelling does not matter where it should not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optiprompt.spaces.base import Space
from optiprompt.spaces.cell import CellSpace
from optiprompt.spaces.numbers import Numbers
from optiprompt.spaces.permutation import Permutation
from optiprompt.spaces.prompt import PARTS, Prompt, Prompts, Shot
from optiprompt.spaces.text import Text
from optiprompt.testing.spaces import check_text

CELL = CellSpace(["1<-0", "2<-0", "2<-1"], ["none", "skip", "conv3x3"])
INTEGERS = Numbers({"w": (-20, 20), "b": (0, 99)}, integer=True)
DECIMALS = Numbers({"rate": (0.0001, 10)})
PROMPTS = Prompts(Text(max_chars=80, forbidden=()), PARTS, shots=3)
SPACES: list[Space[Any]] = [CELL, INTEGERS, DECIMALS, Permutation(4), Text(max_chars=80), PROMPTS]

any_text = st.text(st.characters(), max_size=60)  # every code point, surrogates too
fragments = st.sampled_from(
    [
        "none",
        "skip",
        "conv3x3",
        "w",
        "b",
        "rate",
        "=",
        ":",
        ",",
        " ",
        "|",
        "~0",
        "+",
        "[",
        "]",
        '"',
        "-",
        ".",
        "e",
        "->",
    ]
    + [str(digit) for digit in range(10)]
)
near_misses = st.lists(fragments, max_size=14).map("".join)


@pytest.mark.parametrize("space", SPACES, ids=lambda space: type(space).__name__)
@given(text=any_text | near_misses)
def test_any_text_is_a_candidate_or_a_parse_error(space: Space[Any], text: str) -> None:
    check_text(space, text)


@given(st.lists(st.sampled_from(CELL.operations), min_size=3, max_size=3), st.data())
def test_a_cell_reads_the_same_in_every_spelling(words: list[str], data: st.DataObject) -> None:
    between = data.draw(st.sampled_from([" ", ", ", ",", "  \n", " ; "]))
    text = data.draw(st.sampled_from(["{}", "[{}]", " {} ", '"{}"'])).format(between.join(words))
    spelled = text.upper() if data.draw(st.booleans()) else text
    digits = "".join(str(CELL.operations.index(word)) for word in words)
    architecture = "|{}~0|+|{}~0|{}~1|".format(*words)
    assert CELL.parse(spelled) == CELL.parse(digits) == CELL.parse(architecture) == tuple(words)


@given(st.integers(-20, 20), st.integers(0, 99))
def test_numbers_read_the_same_in_every_spelling(w: int, b: int) -> None:
    spellings = [f"w={w}, b={b}", f"b: {b}; W: {w}", f"{w}, {b}", f"[{w}, {b}]", f'{{"w": {w}.0, "b": {b}}}']
    assert [INTEGERS.parse(text) for text in spellings] == [{"w": w, "b": b}] * len(spellings)


@given(st.floats(0.0001, 10))
def test_decimals_are_rounded_once(number: float) -> None:
    value = DECIMALS.parse(repr(number))
    assert abs(value["rate"] - number) <= 0.5e-4 + 1e-12
    assert DECIMALS.parse(DECIMALS.render(value)) == value


@given(st.lists(st.sampled_from(["Step", "by", "STEP.", "straße", "7"]), min_size=1), st.sampled_from(" \n\t"))
def test_case_and_whitespace_do_not_make_another_text(words: list[str], between: str) -> None:
    space = Text()
    plain, other = " ".join(words), f"  {between.join(words).upper()}{between}"
    assert space.candidate(other).key == space.candidate(plain).key
    assert space.candidate(plain).text == plain


tags = st.sampled_from([f"<{end}{name}>" for name in (*PARTS, "example", "input", "output") for end in ("", "/", "\\")])
tagged = st.lists(tags | st.sampled_from(["a", " ", "\n", '"', "\\"]), max_size=8).map("".join)


@given(tagged)
def test_text_with_any_tags_is_a_prompt_or_a_parse_error(text: str) -> None:
    check_text(PROMPTS, text)


@given(tagged.map(str.strip), tagged.map(str.strip), st.lists(st.tuples(tagged, tagged), max_size=3))
def test_a_prompt_may_hold_any_text_tags_too(instruction: str, system: str, pairs: list[tuple[str, str]]) -> None:
    texts = PROMPTS.texts
    shots = tuple(Shot(a.strip(), b.strip()) for a, b in pairs if a.strip() and b.strip())
    prompt = Prompt(texts.parse(instruction), texts.parse(system), shots=shots)
    if not prompt.plain:
        assert PROMPTS.parse(PROMPTS.render(prompt)) == prompt


@given(st.text(max_size=80).map(str.strip))
def test_a_plain_instruction_is_written_and_named_as_in_the_space_of_texts(text: str) -> None:
    plain = PROMPTS.texts.parse(text)
    prompt = Prompt(plain)
    assert PROMPTS.render(prompt) == plain
    assert PROMPTS.key(prompt) == PROMPTS.texts.key(plain)
