"""Structured prompts: a system message, an instruction, an answer format and examples, written in tagged sections."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from optiprompt.errors import ParseError, UsageError
from optiprompt.spaces.base import Space
from optiprompt.spaces.text import Text

Part = Literal["system", "instruction", "format"]
PARTS: tuple[Part, ...] = get_args(Part)
MOST_SHOTS = 8

_TAGS = "system|instruction|format|example|input|output"
_SECTION = re.compile(r"<(system|instruction|format|example)>(.*?)</\1>", re.DOTALL | re.IGNORECASE)
_EXAMPLE = re.compile(r"\s*<input>(.*?)</input>\s*<output>(.*?)</output>\s*", re.DOTALL | re.IGNORECASE)
_OPENING = re.compile(r"\s*<(system|instruction|format|example)>", re.IGNORECASE)
# A tag inside a section is written with a backslash, and one that has backslashes already with one more.
_TAG = re.compile(rf"<(\\*/?(?:{_TAGS})>)", re.IGNORECASE)
_ESCAPED = re.compile(rf"<\\(\\*/?(?:{_TAGS})>)", re.IGNORECASE)
_ABOUT: dict[Part, str] = {
    "system": "who answers, and how",
    "instruction": "what to do",
    "format": "how the answer is written",
}


@dataclass(frozen=True, slots=True)
class Shot:
    """An example that a prompt shows, without whitespace around."""

    input: str
    output: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """All that is asked besides the question.

    Attributes:
        instruction: stands where the task puts instructions.
        system: the system message; before everything else where there are no messages.
        format: how the answer is to be written; follows the instruction.
        shots: shown before the question, each asked and answered as the question is.
    """

    instruction: str = ""
    system: str = ""
    format: str = ""
    shots: tuple[Shot, ...] = ()

    @property
    def plain(self) -> bool:
        """It is an instruction and nothing else."""
        return not (self.system or self.format or self.shots)


class Prompts(Space[Prompt]):
    """Prompts in sections: `<system>..</system><instruction>..</instruction><format>..</format>`, then examples.

    An example is `<example><input>..</input><output>..</output></example>`. A prompt that is only an instruction is
    written as it is, without tags, and has the key that it has in `Text`. Read leniently: sections may be in any order
    and on lines of their own, and text outside of them is the instruction where no section is.

    Args:
        texts: what each of the parts may be.
        parts: which there may be.
        shots: the most examples, up to 8.

    Raises:
        UsageError: no instruction among the parts, an unknown part, or more examples than 8.
    """

    kind = "text"

    def __init__(self, texts: Text, parts: Sequence[str] = ("instruction",), shots: int = 0) -> None:
        if "instruction" not in parts or not set(parts) <= set(PARTS):
            raise UsageError(f"parts must be some of {', '.join(PARTS)}, with instruction, not {', '.join(parts)}")
        if not 0 <= shots <= MOST_SHOTS:
            raise UsageError(f"shots must be between 0 and {MOST_SHOTS}, not {shots}")
        self.texts, self.tag, self.shots = texts, texts.tag, shots
        self.parts = tuple(part for part in PARTS if part in parts)

    def parse(self, text: str) -> Prompt:
        """The prompt that stands in the sections; a text without any is an instruction.

        Raises:
            ParseError: a section is unknown here, twice or not closed, an example is broken, or a part is no `Text`.
        """
        sections = [(match[1].lower(), match[2]) for match in _SECTION.finditer(text)]
        if not sections:
            if found := _OPENING.match(text):
                raise ParseError(f"the section <{found[1].lower()}> has no end: write </{found[1].lower()}>")
            return Prompt(self.texts.parse(text))
        found_parts: dict[str, str] = {}
        shots: list[Shot] = []
        for name, inside in sections:
            if name == "example":
                shots.append(_shot(inside))
            elif name not in self.parts:
                raise ParseError(
                    f"has a section <{name}>; there may be {', '.join(f'<{part}>' for part in self.parts)}"
                )
            elif name in found_parts:
                raise ParseError(f"has two sections <{name}>: write one")
            else:
                found_parts[name] = self.texts.parse(_ESCAPED.sub(r"<\1", inside.strip()))
        if len(shots) > self.shots:
            raise ParseError(f"shows {len(shots)} examples, at most {self.shots} are allowed")
        outside = " ".join(_SECTION.sub(" ", text).split())
        if outside and "instruction" in found_parts:
            raise ParseError(f"has text outside of its sections: {outside[:40]!r}")
        if outside:
            found_parts["instruction"] = self.texts.parse(outside)
        return Prompt(**found_parts, shots=tuple(shots))

    def render(self, value: Prompt) -> str:
        """The sections one after the other; a lone instruction as it is."""
        if value.plain and not _TAG.search(value.instruction):
            return value.instruction
        return "".join(_sections(value))

    def key(self, value: Prompt) -> str:
        """Case, whitespace and punctuation of the parts do not count; those of the examples do."""
        if value.plain:
            return self.texts.key(value.instruction)
        parts = [f"\n<{part}>{self.texts.key(getattr(value, part))}" for part in PARTS]
        return "".join([*parts, *(f"\n<example>{shot.input!r} {shot.output!r}" for shot in value.shots)])

    def describe(self) -> str:
        """Which sections there are, and what is said in each."""
        if len(self.parts) > 1:
            sections = "".join(f"<{part}>{_ABOUT[part]}</{part}>" for part in self.parts)
            text = f"It is written in sections, {sections}; each may be left out and has at most"
        else:
            text = "It has at most"
        text += f" {self.texts.max_chars} characters."
        if self.shots:
            text += " Examples, written <example><input>..</input><output>..</output></example>, are added later:"
            text += (
                " write the text before them only, without <instruction>...</instruction> where it is all you write."
            )
        return text


def tagged(text: str) -> bool:
    """Whether the text begins as a prompt in sections does."""
    return _OPENING.match(text) is not None


def as_prompt(value: str | Prompt) -> Prompt:
    """A plain instruction is a prompt too."""
    return value if isinstance(value, Prompt) else Prompt(value)


def _sections(value: Prompt) -> Iterator[str]:
    for part in PARTS:
        if text := getattr(value, part):
            yield f"<{part}>{_TAG.sub(_backslash, text)}</{part}>"
    for shot in value.shots:
        inside = [_TAG.sub(_backslash, each) for each in (shot.input, shot.output)]
        yield "<example><input>{}</input><output>{}</output></example>".format(*inside)


def _backslash(match: re.Match[str]) -> str:
    return f"<\\{match[1]}"


def _shot(inside: str) -> Shot:
    match = _EXAMPLE.fullmatch(inside)
    if match is None:
        raise ParseError("an <example> must be <input>...</input><output>...</output>")
    texts = [_ESCAPED.sub(r"<\1", each.strip()) for each in match.groups()]
    if not all(texts):
        raise ParseError("an <example> needs both an input and an output")
    if any("\ud800" <= char <= "\udfff" for text in texts for char in text):
        raise ParseError("contains half a surrogate pair, which is no valid Unicode")
    return Shot(*texts)
