"""A reply to multiple choice in a shorter form, before its answer is read."""

import re

from optiprompt.graders._asked import of_person, with_asked
from optiprompt.graders._choices import Options, ranged
from optiprompt.graders._degrees import ORDINALS

_NOT_PLAIN = re.compile(r"[.!?;](?:\s|$)")
_PAIR_NOUNS = r"|statement|sentence|phrase|one(?= is\b| has\b|[.!]*$)"
_PAIR_OF_TRUTHS = re.compile(
    r"\bstatement (?:1|i|one) is (true|false)[,;.]?(?: and| but| while| whereas)? "
    r"statement (?:2|ii|two) is (true|false)\b"
)


def shortened(text: str, options: Options, plain_texts: dict[str, str]) -> str:
    """A cleaned reply with letters for "the second option" and for options whose texts hold sentence ends.

    What it says of others than those that the question asks for is left out.
    """
    text = ranged(text)
    nouns = _PAIR_NOUNS if len(plain_texts) == 2 and options.asked else ""
    for key, ordinal in zip(plain_texts, ORDINALS, strict=False):
        if ordinal in text:
            text = re.sub(rf"\b{ordinal} (?:option|choice{nouns})\b", f"option {key}", text)
    for key, said in sorted(plain_texts.items(), key=lambda item: -len(item[1])):
        if _NOT_PLAIN.search(said) and said in text:
            for other, name in filter(lambda item: item[1], plain_texts.items()):
                subject = rf"((?:^|[;,.] |\band )(?:an? |the )?){re.escape(name)}(?= is\b)"
                text = re.sub(subject, rf"\1({other})", text)
            text = text.replace(said, f"({key})").replace(f"({key}) ({key})", f"({key})")
    if pair := _PAIR_OF_TRUTHS.search(text):
        key = next((option.key for option in options.items if option.text == f"{pair[1]}, {pair[2]}"), "")
        text = f"{text[: pair.start()]}({key}){text[pair.end() :]}" if key else text
    if options.person:
        text = of_person(text, options.person, options.others, list(plain_texts.values()))
    return with_asked(text, options.asked, set(plain_texts)) if options.asked else text
