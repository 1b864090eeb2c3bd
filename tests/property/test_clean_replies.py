"""Whatever a model replies: clean instructions or none, and clean ones are left as they are."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optiprompt.cleaning import continuation, instructions

_FORMS = ["<INS>", "</INS>", "<think>", "</think>", "```", "```python", '"', "“", "”", "'", "`", "**", "{", "}", "["]
_MARKS = ["# ", "- ", "1. ", "2. ", ". ", ": ", " ", "\n", "\n\n", "\0", "ß", "…", '"instruction": ', "Input: "]
_WORDS = ["to ", "it", "the", "Finally", "Sure! ", "Here are three variants:", "The instruction was ", "def f(x):"]
_PHRASES = [
    "write the plural",
    "Improved instruction",
    "This instruction is short.",
    "Follow these steps:",
    "Explanation:",
]
_PIECES = [
    *_FORMS,
    *_MARKS,
    *_WORDS,
    *_PHRASES,
    "I want you to ",
    "For example, ",
    "Let me know if you",
    "The input is ",
]
replies = st.text() | st.lists(st.sampled_from(_PIECES) | st.text(max_size=5), max_size=25).map("".join)


@given(replies)
def test_what_is_found_is_clean_and_stays(reply: str) -> None:
    for found in (instructions(reply), continuation(reply)):
        assert len(found) <= 8
        assert len({text.casefold() for text in found}) == len(found)
        for text in found:
            assert text == text.strip()
            assert 0 < len(text) <= 2000
            assert not (text[0] == text[-1] and text[0] in "\"'`")
            assert instructions(text) == [text]


@pytest.mark.parametrize(
    "piece", ["x", ". ", "a ", "<INS>a b", "<think>", "</think>", "1. b\n", '{"prompt": [', "```a\n", '"']
)
def test_a_megabyte_is_read_in_linear_time(piece: str) -> None:
    def seconds(size: int) -> float:
        reply, took = piece * (size // len(piece)), []
        for _ in range(3):
            began = time.process_time()
            instructions(reply)
            continuation(reply)
            took.append(time.process_time() - began)
        return min(took)

    # Ten times the text takes ten times as long, with room for what other work on the machine does to the clock.
    assert seconds(50_000) < 40 * max(seconds(5_000), 0.01)
    assert seconds(1_000_000) < 5
