"""What the right answers have in common is told in a sentence that a person would write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import optiprompt as op
from optiprompt.operators._form import says_form, without
from optiprompt.operators._shape import shape


def told(*pairs: tuple[str, str], times: int = 1) -> str:
    rows = [pair for pair in pairs for _ in range(times)]
    return shape([op.Example(f"e{at}", question, answer) for at, (question, answer) in enumerate(rows)])


def answers(*texts: str, times: int = 1) -> str:
    return told(*((f"Question {at}?", text) for at, text in enumerate(texts)), times=times)


@pytest.mark.parametrize(
    ("targets", "times", "sentence"),
    [
        (["positive", "negative"], 3, "Answer with the output only: negative or positive."),
        (["bug", "billing", "other"], 4, "Answer with the output only: billing, bug or other."),
        (["same", "not the same"], 5, "Answer with the output only: not the same or same."),
        (["(A)", "(B)"], 4, "Answer with the output only: (A) or (B)."),
        (["(A)", "(C)", "(B)"], 5, "Answer with the letter of the option only, in parentheses."),
        (["B", "D", "E"], 5, "Answer with one letter only."),
        (["12", "-7", "1,250.5", "40"], 1, "Answer with a number only."),
        (["cold", "late", "empty"], 1, "Answer with one word only."),
        (["guinea pig", "late", "empty"], 1, "Answer with at most 2 words only."),
        (["A cat sat on a mat.", "Dogs bark at night, mostly.", "Nobody knows the answer here."], 1, ""),
        (["first line\nsecond line", "first\nsecond"], 5, ""),
        (['{"a": 1}', '{"a": 22}', '{"a": 3, "b": 4}'], 1, ""),
        (["你好世界", "再见世界", "早上好"], 1, ""),
        ([], 1, ""),
        ([""], 1, ""),
    ],
)
def test_the_form_of_the_answers(targets: list[str], times: int, sentence: str) -> None:
    assert answers(*targets, times=times) == sentence


def test_words_that_most_answers_share_are_a_frame() -> None:
    numbers = ["one thousand, two hundred and six", "three thousand, one hundred and ninety-two", "ninety"]
    numbers += ["nine thousand, four hundred and forty-eight", "two thousand, eight hundred and one"]
    assert answers(*numbers) == "Reply in the form: [...] thousand, [...] hundred and [...]."


def test_a_frame_of_words_of_the_inputs_alone_tells_nothing() -> None:
    seen = ("red fox", "dog", "old man", "cat")
    rows = [(f"I saw the {each} on the hill.", f"the {each} on the hill") for each in seen]
    assert told(*rows) == ""
    passive = [(f"The {a} saw the {b}.", f"The {b} was seen by the {a}.") for a, b in ("xy", "yz", "ab", "cd", "ef")]
    assert told(*passive) == "Reply in the form: The [...] was seen by the [...]."


def test_a_label_seen_once_says_that_others_may_be_unseen() -> None:
    labels = ["red light"] * 6 + ["green light"] * 6 + ["no light at all"]
    pairs = [(f"q{at}", label) for at, label in enumerate(labels)]
    assert "green light or" not in told(*pairs)


def test_answers_that_are_all_the_same_leave_no_gap() -> None:
    assert "Reply" not in answers("this is always what is said", times=8)


@given(st.lists(st.tuples(st.text(max_size=40), st.text(max_size=60)), max_size=12), st.integers(1, 4))
def test_any_answers_are_told_of_in_one_line_that_is_known_as_a_form(pairs: list[tuple[str, str]], times: int) -> None:
    sentence = told(*pairs, times=times)
    if sentence:
        assert "\n" not in sentence
        assert says_form(f"Do it. {sentence}")
        assert without(f"Do it. {sentence}", (sentence,)) == "Do it."
