"""Replies of models become instructions: 100 real replies, and the wrappings that a person looks through."""

import json
from pathlib import Path
from typing import Any

import pytest

from optiprompt.cleaning import continuation, instructions

REPLIES = [json.loads(line) for line in Path(__file__).with_name("replies.jsonl").read_text().splitlines()]
WRITE = "Write the plural of the noun."


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            case, marks=pytest.mark.xfail(strict=True, reason="a rule would fit this one reply") if known_gap else ()
        )
        for case in REPLIES
        for known_gap in [case.get("known_gap")]
    ],
    ids=[f"{case['model']}-{case['operator']}-{index}" for index, case in enumerate(REPLIES)],
)
def test_a_real_reply(case: dict[str, Any]) -> None:
    found = continuation(case["reply"]) if case["operator"] == "continue" else instructions(case["reply"])
    assert found == case["expected"]


def test_there_are_enough_real_replies() -> None:
    assert len(REPLIES) >= 100
    assert sum(bool(case.get("known_gap")) for case in REPLIES) <= 5


@pytest.mark.parametrize(
    "reply",
    [
        f"<INS>{WRITE}</INS>",
        f"I begin with <INS> and end it with </INS>, as asked.\n<INS>{WRITE}</INS>",
        f"<ins>{WRITE}",
        f"<INS>{WRITE}<INS>",
        f"<<INS>>{WRITE}<</INS>>",
        f"[INS]{WRITE}[/INS]",
        f"<INS><instruction>{WRITE}</instruction></INS>",
        f"Here is the improved instruction: <instruction>\n{WRITE}\n</instruction>\nIt is better, for it is clear.",
        f"<Improved_Prompt>{WRITE}</Improved_Prompt>",
        f"<think>Perhaps <INS>Answer it.</INS> is enough.</think><INS>{WRITE}</INS>",
        f"First I think of it.</think>\n\n{WRITE}",
        f'"{WRITE}"',
        f"“{WRITE}”",
        f"**{WRITE}**",
        f"```\n{WRITE}\n```",
        f"```text\n{WRITE}\n```\n\nThis keeps it short.\nIt is clear.",
        f"Sure! Here is an improved instruction:\n\n{WRITE}",
        f'Certainly! Here\'s the instruction: "{WRITE}"\n\nLet me know if you need anything else.',
        f"### Improved Instruction\n\n{WRITE}\n\n### Explanation\n\nIt names the form.",
        f"**Improved instruction:** {WRITE}\n\n**Explanation:** The old one names no form.",
        f"Improved prompt: {WRITE}",
        f"Original instruction: Answer it.\n\nImproved instruction: {WRITE}",
        f'The old instruction was: "Answer it." The new instruction is: "{WRITE}"',
        "The instruction was to write the plural of the noun.",
        f"The instruction given to my friend is likely: {WRITE}",
        f'Based on the pairs, the instruction was probably "{WRITE}" It fits all five.',
        "Your friend was asked to write the plural of the noun.",
        "I want you to write the plural of the noun.",
        "Write an instruction to write the plural of the noun.",
        "<INS>Generate a short instruction for a language model to write the plural of the noun.</INS>",
        "to write the plural of the noun.",
        f"{WRITE} This instruction is concise and clear.",
        f"{WRITE} For example, Input: cup Output: cups",
        f"{WRITE}\n\nFor example:\nInput: cup\nOutput: cups\n\nInput: bus\nOutput: buses",
        f"The old instruction is too vague.\n\n{WRITE}",
        f'{{"instruction": "{WRITE}"}}',
        f'```json\n{{"improved_instruction": "{WRITE}", "reason": "clear"}}\n```',
        f'{{"instruction": "{WRITE}',
        f"1. {WRITE}\n2. WRITE the plural of the noun",
    ],
)
def test_one_instruction_is_found_in_its_wrapping(reply: str) -> None:
    assert instructions(reply) == [WRITE]


@pytest.mark.parametrize(
    "reply",
    [
        "Here are three variants:\n\n1. Write the plural.\n2. Give the plural form.\n3. Make the noun plural.",
        "1. Write the plural.\n\n2. Give the plural form.\n\n3. Make the noun plural.\n\nEach version is short.",
        '- "Write the plural."\n- "Give the plural form."\n- "Make the noun plural."',
        "**Variant 1:** Write the plural.\n**Variant 2:** Give the plural form.\n**Variant 3:** Make the noun plural.",
        "1. **Plain:** Write the plural.\n2. **Playful:** Give the plural form.\n3. **Short:** Make the noun plural.",
        "<INS>Write the plural.</INS> or <INS>Give the plural form.</INS>\n<INS>Make the noun plural.</INS>",
        '{"instructions": ["Write the plural.", "Give the plural form.", "Make the noun plural."]}',
        "Option A: Write the plural.\n\nOption B: Give the plural form.\n\nOption C: Make the noun plural.",
        "Here are some:\n1. Write the plural.\n2. Give the plural form.\n3. Make the noun plural.\n4. Give the",
    ],
)
def test_several_proposals_are_several(reply: str) -> None:
    assert instructions(reply) == ["Write the plural.", "Give the plural form.", "Make the noun plural."]
    assert instructions(reply, most=2) == ["Write the plural.", "Give the plural form."]


@pytest.mark.parametrize(
    "text",
    [
        "Follow these steps:\n1. Read the noun.\n2. Add its ending.\n3. Write the plural.",
        "1. Read the noun.\n2. Decide how it ends.\n3. Then write the plural.",
        "Write the plural of the noun by these rules:\n- After s, add es.\n- After any other letter, add s.",
        "Write the plural of the noun.\n\nAnswer with one word, without a remark.",
        "Given a noun, write its plural.",
        "Let's think step by step.",
        "Read the word. Your task is to write its plural.",
        "Write the word 'many' in front of the noun",
        'Say whether the sentence is "positive" or "negative".',
        "Write the answer as a = b, with nothing else.",
        "You are a teacher of English. Write the plural of the noun.",
        "The answer should be the plural of the noun.",
        "The input is a noun. Write its plural.",
        "A noun is given: answer with its plural.",
        "No explanations, write only the plural of the noun.",
        "In the first step, read the noun. In the second step, write its plural.",
        "To write the plural of a noun that is irregular, think of its class.",
        "Your answer is one word, the plural of the noun.",
        "Write the plural of the following noun:",
        "写出下面这个词的复数形式。",
        "名詞の複数形を書いてください。",
        "เขียนรูปพหูพจน์ของคำนาม",
    ],
)
@pytest.mark.parametrize("wrapping", ["{}", "<INS>{}</INS>", "<INS>\n{}\n</INS>", "Improved instruction:\n\n{}"])
def test_what_is_one_instruction_stays_one(text: str, wrapping: str) -> None:
    assert instructions(wrapping.format(text)) == [text]


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "   \n",
        "Sure.",
        "<INS></INS>",
        "I'm sorry, but I cannot help with that.",
        "Could you please provide the instruction that you want to shorten?",
        "Please provide the instruction.",
        "```python\ndef plural(noun):\n    return noun + 's'\n```",
        "def plural(noun):\n    return noun + 's'",
        "Input: cup\nOutput: cups",
        "cups",
        "好",
        "Here they are:",
        "Improved instruction:",
        "Some better ways to say it:",
        "The model fails because the instruction is too vague.",
        "Let me know if you need anything else.",
        "<think>Perhaps <INS>Answer it.</INS> is",
        "Begin it with <INS> and end it with </INS>.",
        "<INS>Your instruction here</INS>",
        "<INS>Put the word into <INS> and answer with one word.</INS>",
    ],
)
def test_no_instruction_is_found_where_there_is_none(reply: str) -> None:
    assert instructions(reply) == []


def test_what_was_cut_off_is_dropped_where_another_sentence_is_there() -> None:
    assert instructions(f"{WRITE} If the noun ends with") == [WRITE]
    assert instructions("Write the plural of the") == []


def test_nothing_long_is_proposed() -> None:
    assert instructions("Write " + "x" * 1994) == ["Write " + "x" * 1994]
    assert instructions("Write " + "x" * 1995) == []


def test_the_tag_is_the_one_asked_for() -> None:
    assert instructions("<Start>Think first.</Start> <INS>Or not now.</INS>", tag="Start") == ["Think first."]


@pytest.mark.parametrize(
    "reply",
    [
        f'{WRITE}" It was easy.',
        f" {WRITE}\n\nInput: cup\nOutput: cups",
        f" {WRITE} Input: cup",
        f'"{WRITE}"\nScore: 80',
        f"{WRITE}</INS> and so on",
        " to write the plural of the noun.\n",
    ],
)
def test_a_continuation_ends_with_its_quote_or_line(reply: str) -> None:
    assert continuation(reply) == [WRITE]


def test_a_continuation_keeps_the_quotes_inside() -> None:
    text = 'Write the word "yes" or "no".'
    assert continuation(f'{text}" It was easy.') == continuation(text) == [text]


@pytest.mark.parametrize("reply", ["", '"', "\n\n", "Input: cup\nOutput: cups", "</INS>"])
def test_a_continuation_may_be_empty(reply: str) -> None:
    assert continuation(reply) == []


@pytest.mark.parametrize(
    "sentence",
    ["The answer is", "I will solve this step by step.", "To solve this, we first list the numbers.", "The key is to"],
)
def test_the_first_words_of_an_answer_may_be_about_the_task(sentence: str) -> None:
    assert instructions(f"Sure! <Start>{sentence}</Start>", "Start") == [sentence]
    assert continuation(f'{sentence}"\nand so on', "Start") == [sentence]


@pytest.mark.parametrize(
    "text",
    [
        "Write the antonym of the input:",
        "Translate the input into French:",
        "Answer the question: what is the opposite of this word?",
        "For each input: write its plural",
        "Classify the sentiment: positive/negative.",
        "Convert singular → plural.",
        "Choose one of the options: positive or negative",
        "Classify the review.\nOutput: one word, positive or negative.",
        "I will give you a word. Reply with its antonym only.",
        "Can you write the antonym of this word?",
        "This is a noun. Write its plural.",
        "These are two animals. Write the larger one.",
        "One of the two animals is larger. Write its name.",
        "Read the sentence. Write every word that the given letter begins with",
        "Write the first letter of the word. It is always lowercase.",
        "Write the plural of the noun. Note that some nouns are irregular.",
        "Write the antonym. In this case, use one word.",
        "1. Compare the two animals.\n2. Write the larger one.",
        "The input is a cause and effect, write the cause",
        "The output is the plural of the input.",
        "Great answers are short. Write the plural.",
        "<system>You are a linguist.</system>\n<instruction>Write it.</instruction>\n<format>\n- one word\n</format>",
        "Categorize the ticket into one of:\n\n- bug\n- billing\n- other\n\nReply with the category only.",
        "Choose the sentiment:\n1) positive\n2) negative\n3) neutral",
        "Extract:\n- name\n- date\n- amount\nas JSON",
        "Write code in Python:\n- name the function solve\n- use no imports",
        "Answer the question about the context:\n- copy the span\n- write nothing else",
        'Classify the review.\n\nOutput: exactly one word, "positive" or "negative".',
        "Read the question and choose.\n\nAnswer: the letter of the right option, nothing else.",
        "**Task:** Translate the sentence.\n\n**Input:** an English sentence.\n\n**Output:** the German sentence only.",
        "# Task\nClassify the sentiment.\n# Output\nOne word: positive or negative.",
        "Answer the question.\nNote: copy the span exactly.",
        "Write a Python function that solves it. Return only the code in a ```python block.",
        "You must not explain. Write the plural.",
        "Write an image prompt to depict the given scene.",
        "Read the text in the tags:\n<prompt>{text}</prompt>\nand write a summary of it.",
        "Write what an image shows between <prompt> and </prompt>.",
        "<instruction>Write it.</instruction>\n<format>One word.</format>",
    ],
)
def test_what_stands_between_tags_is_meant_as_it_is(text: str) -> None:
    assert instructions(f"<INS>{text}</INS>") == [text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hot: cold", []),
        ("Input: hot\nOutput: cold", []),
        ("I would need more examples.", []),
        ("The output is a word because the input is one.", []),
        ("The input is a cause and effect, as before.", []),
        ("Great, thank you.", []),
        ("Write the plural. This instruction is clearer.", ["Write the plural."]),
        ("Improved instruction: Write the plural.", ["Write the plural."]),
        ("1. Write the plural form.\n2. Give the plural form.", ["Write the plural form.", "Give the plural form."]),
        ("Write the antonym.\n\nThis instruction is short and clear.", ["Write the antonym."]),
        ("Write the antonym.\n\nExplanation: it is clear.", ["Write the antonym."]),
        ("Write the antonym.\nInput: cat\nOutput: dog", ["Write the antonym."]),
        ("Write the words.\nInput: I threw the ball.\nOutput: threw the ball too", ["Write the words."]),
        ("Examples:\n- hot: cold\n- big: small", []),
        ("The instruction lacks clarity.\nWrite the antonym.", []),
        ("Two variants:\n- Write the antonym.\n- Give the opposite.", ["Write the antonym.", "Give the opposite."]),
        ("Write a clear instruction to name the plural.", ["Name the plural."]),
    ],
)
def test_what_is_more_than_an_instruction_is_read_between_tags_too(text: str, expected: list[str]) -> None:
    assert instructions(f"<INS>{text}</INS>") == expected


@pytest.mark.parametrize("before", ["Sure, ", "Okay. ", "Of course. ", "Sure thing! ", "My suggestion: "])
def test_a_polite_beginning_goes(before: str) -> None:
    assert instructions(f"{before}write the plural of the noun.") == ["Write the plural of the noun."]


def test_a_list_in_one_line_is_a_list() -> None:
    assert instructions("1. Write the plural. 2. Give the plural form.") == [
        "Write the plural.",
        "Give the plural form.",
    ]


def test_what_a_bare_reply_says_about_tags_is_left_as_it_is() -> None:
    text = "Read the text in the tags:\n<prompt>{text}</prompt>\nand write a summary of it."
    assert instructions(text) == [text]
    assert instructions("**Instruction:** Given the question:\n[INS] What is 2+2?\nanswer it.") != ["What is 2+2?"]
    nested = "<instruction>" * 1500 + "Write it." + "</instruction>" * 1500
    assert isinstance(instructions(f"<INS>{nested}</INS>"), list), "never raises"
