"""Free text: the instructions of a prompt search."""

import re
from collections.abc import Sequence

from optiprompt.errors import ParseError
from optiprompt.spaces.base import Space

MAX_CHARS = 500  # as in the OPRO paper
OPENING = "Start"  # the tag of candidates that are the first words of an answer
PLACEHOLDERS = ("<INS>", "</INS>", "<TEXT>", "</TEXT>", "<Start>", "</Start>")
# Within words an apostrophe goes without a trace: don't, dont. Marks between digits stay.
_APOSTROPHE = re.compile(r"(?<=[^\W\d_])['’‘](?=[^\W\d_])")
_PUNCTUATION = re.compile(
    r"(?<!\d)[.,;:!?…\"'`“”‘’„«»¡¿–—。，、；：！？]|[.,;:!?…\"'`“”‘’„«»¡¿–—。，、；：！？](?!\d)|-(?!\d)|(?<=[^\W\d_])-"
)
_QUOTES = {'"': '"', "'": "'", "`": "`", "“": "”", "‘": "’", "«": "»"}


class Text(Space[str]):
    """An instruction. The empty text is one too: a search may start from it.

    A candidate is a value that is put into a prompt, never a template: `{{ 7*7 }}` stays as it is. Texts that differ
    only in case, whitespace or punctuation have the same key; signs that bear a meaning of their own count. There are
    no random texts: only a language model can propose here.

    Attributes:
        max_chars: the longest text, in characters.
        forbidden: what a text must not contain, in any case; by default the meta-prompt's placeholders.
        tag: what a candidate is called in the meta-prompt: `INS`, or `Start` for the first words of an answer.
        digits: whether a text may contain digits. In tasks whose answers are numbers they are mostly copied examples.
    """

    kind = "text"

    def __init__(
        self,
        max_chars: int = MAX_CHARS,
        forbidden: Sequence[str] = PLACEHOLDERS,
        tag: str = "INS",
        digits: bool = True,
    ) -> None:
        """Set up the space."""
        self.max_chars = max_chars
        self.forbidden = tuple(forbidden)
        self.tag = tag
        self.digits = digits

    def parse(self, text: str) -> str:
        """The text without surrounding whitespace and quotes.

        Raises:
            ParseError: too long, contains something forbidden, or is no valid Unicode.
        """
        bare = _bare(text)
        if len(bare) > self.max_chars:
            raise ParseError(f"has {len(bare)} characters, at most {self.max_chars} are allowed")
        folded = bare.casefold()
        for part in self.forbidden:
            if part.casefold() in folded:
                raise ParseError(f"contains {part!r}, which is not allowed")
        if not self.digits and any(char.isdigit() for char in bare):
            raise ParseError("contains a digit, which is not allowed here")
        if any("\ud800" <= char <= "\udfff" for char in bare):
            raise ParseError("contains half a surrogate pair, which is no valid Unicode")
        return bare

    def render(self, value: str) -> str:
        """The text itself."""
        return value

    def key(self, value: str) -> str:
        """The text with case, whitespace and punctuation folded.

        Brackets and signs such as +, %, #, / and * stay, as do marks between digits (3.5) and the minus of a number.
        """
        folded = _PUNCTUATION.sub(" ", _APOSTROPHE.sub("", value.casefold()))
        return " ".join((folded if folded.strip() else value).split())

    def describe(self) -> str:
        """What a text may be."""
        return f"A candidate is an instruction of at most {self.max_chars} characters."


def _bare(text: str) -> str:
    """Strip whitespace and quotes around the whole; `"Yes" or "No"` keeps its quotes."""
    text = text.strip()
    opening, inner, closing = text[:1], text[1:-1], text[-1:]
    quoted = len(text) > 1 and _QUOTES.get(opening) == closing
    return _bare(inner) if quoted and opening not in inner and closing not in inner else text
