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
        (["True.", "true.", "False."], 3, "Answer with the output only: False or True."),
        (["bug", "billing", "other"], 4, "Answer with the output only: billing, bug or other."),
        (["same", "not the same"], 5, "Answer with the output only: not the same or same."),
        (["0", "1"], 6, "Answer with the output only: 0 or 1."),
        (["(A)", "(B)"], 4, "Answer with the output only: (A) or (B)."),
        (["(A)", "(C)", "(B)"], 5, "Answer with the option's letter only, in parentheses."),
        (["B", "D", "E"], 5, "Answer with one letter only."),
        (["B.", "D.", "E."], 5, "Answer with one letter only."),
        (["3", "4", "5"], 8, "Answer with a number only."),
        (["12", "-7", "1,250.5", "40"], 1, "Answer with a number only."),
        (["cold", "late", "empty", "far"], 1, "Answer with one word only."),
        (["Guinea pig", "l'hôtel", "mother-in-law", "far"], 1, "Answer with a few words only."),
        (
            ["A cat sat on a mat.", "Dogs bark at night, mostly.", "Nobody knows the answer here.", "Why should it?"],
            1,
            "",
        ),
        (["12.05.2020", "01.02.1999", "31.12.1987", "02.02.2002"], 1, ""),
        (["02139", "10115", "75001", "00184"], 2, ""),
        (["3,1,2", "5,4,9,1", "1,2,3", "4,4,4"], 1, ""),
        (["cat, dog, lion", "tiger, cow", "wolf", "ant, bee"], 1, ""),
        (["https://a.org/b", "http://c.de", "https://d.fr/x", "https://e.it"], 1, ""),
        (["London, UK", "Paris, France"], 5, ""),
        (["first line\nsecond line", "first\nsecond"], 5, ""),
        (["no", "yes\u2028really"], 5, ""),
        (['{"a":1}', '{"a":22}', '{"a":3,"b":4}', '{"b":4}'], 1, ""),
        (["你好世界", "再见世界", "早上好", "晚上好"], 1, ""),
        (["cold", "late"], 1, ""),
        ([], 1, ""),
        ([""], 9, ""),
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


def test_a_frame_has_a_gap_where_some_answers_have_words() -> None:
    safe = [f"It is {word}safe to {verb}" for word in ("", "not ", "") for verb in ("eat", "drink", "touch", "keep it")]
    assert answers(*safe) == "Reply in the form: It is [...] safe to [...]."
    assert answers(*(f"Did {name} do it?" for name in ("he", "she", "the dog", "they"))) == (
        "Reply in the form: Did [...] do it?"
    )


def test_words_that_any_text_has_are_no_frame() -> None:
    texts = ["the man went to the sea in the night", "a cat saw the mouse run over the big road"]
    texts += ["we like the food of the south very much", "nobody knew where the road would lead the king"]
    assert answers(*texts) == ""
    assert answers(*(f"{text} " * 200 for text in texts)) == ""  # and long ones take no time


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


def test_a_sentence_is_cut_off_only_where_it_stands_by_itself() -> None:
    known = ("Write nothing else.", "Antworte nur mit gross oder klein.")
    assert without("Name it. Write nothing else.", known) == "Name it."
    assert without("Name it. write nothing else.", known) == "Name it."
    assert without("Write nothing else.", known) == ""
    for whole in ("Name it and write nothing else.", "You should write nothing else.", "Write nothing else. Name it."):
        assert without(whole, known) == whole
