"""The key of a text: spelling does not count, meaning does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optiprompt.spaces.text import Text

SPACE = Text()
words = st.lists(
    st.sampled_from(["write", "Opposite", "don't", "straße", "C++", "100%", "(A)", "3.5", "-2", "x", "日本"])
)
marks = st.sampled_from([" ", ", ", ". ", "; ", " - ", " — ", "... ", "? ", ' " ', "\n", ": ", "’ "])


def key(text: str) -> str:
    return SPACE.key(text)


@given(words, st.lists(marks, min_size=12, max_size=12), st.sampled_from(["", ".", "!", ' "', "…"]))
def test_marks_between_words_case_and_whitespace_do_not_count(parts: list[str], between: list[str], end: str) -> None:
    spelled = "".join(part + mark for part, mark in zip(parts, between * len(parts), strict=False)) + end
    if parts:
        assert key(spelled) == key(" ".join(parts)) == key(" ".join(parts).upper())


@given(st.text(max_size=40))
def test_a_key_is_its_own_key_and_only_blank_texts_have_none(text: str) -> None:
    assert key(key(text)) == key(text)
    assert bool(key(text)) == bool(text.strip())


@given(
    st.text(st.sampled_from("ab"), min_size=1, max_size=4), st.sampled_from("0123456789%+#*/=<>@$&()[]{}"), st.data()
)
def test_digits_and_signs_count(word: str, sign: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(word)))
    assert key(word[:place] + sign + word[place:]) != key(word)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Write the opposite.", "write the  opposite"),
        ("Let's think step by step.", "Let’s think step-by-step!"),
        ('Say "yes" or "no".', "Say yes or no"),
        ("Wait... what?", "Wait, what"),
        ("First: read; then - write.", "First read then write"),
    ],
)
def test_the_same_instruction(one: str, other: str) -> None:
    assert key(one) == key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Answer in C++", "Answer in C"),
        ("Give 100%", "Give 100"),
        ("Round to 3.5", "Round to 35"),
        ("Round to 3.5", "Round to 3 5"),
        ("Add -5", "Add 5"),
        ("Write (A) or (B)", "Write A or B"),
        ("At 10:30", "At 10 30"),
        ("Compute 5-3", "Compute 5 3"),
        ("?", ""),
        ("?", "!"),
    ],
)
def test_another_instruction(one: str, other: str) -> None:
    assert key(one) != key(other)
