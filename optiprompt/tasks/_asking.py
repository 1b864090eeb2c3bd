"""Where the instruction stands in what the scorer is asked (Yang et al. 2023)."""

from dataclasses import dataclass
from typing import Literal

from optiprompt.backends.base import Form, Message
from optiprompt.errors import ParseError, UsageError
from optiprompt.spaces.text import Text

Position = Literal["before_Q", "Q_begin", "Q_end", "A_begin"]

PLACES: dict[Position, str] = {
    "before_Q": "before the question",
    "Q_begin": "at the beginning of the question",
    "Q_end": "at the end of the question",
    "A_begin": "at the beginning of the answer",
}


@dataclass(frozen=True, slots=True)
class Asking:
    """How a question and an instruction become a prompt.

    Attributes:
        position: where the instruction stands.
        form: a chat message, or plain text that the model continues.
        markers: whether `Q:` and `A:` stand before question and answer; by default in plain text, and wherever the
            instruction begins the answer.
        system: the instruction is the system message, and the question alone is the user's.

    Raises:
        UsageError: the settings contradict each other.
    """

    position: Position = "Q_begin"
    form: Form = "chat"
    markers: bool | None = None
    system: bool = False

    def __post_init__(self) -> None:
        if self.position not in PLACES:
            raise UsageError(f"unknown position {self.position!r}: there are {', '.join(PLACES)}")
        if self.system and self.form == "continuation":
            raise UsageError("system: true needs form: chat (plain text has no system message)")
        if self.position == "A_begin" and self.markers is False and not self.system:
            raise UsageError("position: A_begin needs the markers (without A: there is no answer to begin)")

    @property
    def place(self) -> str:
        """Where the instruction stands, in words."""
        return "in the system message" if self.system else PLACES[self.position]

    @property
    def stop(self) -> tuple[str, ...]:
        """What ends the answer: plain text goes on with a question of its own."""
        return ("\nQ:",) if self.form == "continuation" else ()

    def prompt(self, instruction: str, question: str) -> str | tuple[Message, ...]:
        """What the scorer is asked. Instruction and question go in as they are."""
        if self.system:
            asked = (Message("user", self._text("", question)),)
            return (Message("system", instruction), *asked) if instruction else asked
        text = self._text(instruction, question)
        return (Message("user", text),) if self.form == "chat" else text

    def _text(self, instruction: str, question: str) -> str:
        above = f"{instruction}\n" if instruction else ""
        below = f"\n{instruction}" if instruction else ""
        if not self._marked:
            return f"{question}{below}" if self.position == "Q_end" else f"{above}{question}"
        match self.position:
            case "before_Q":
                return f"{above}Q: {question}\n\nA:"
            case "Q_begin":
                return f"Q: {above}{question}\n\nA:"
            case "Q_end":
                return f"Q: {question}{below}\n\nA:"
            case "A_begin":
                return f"Q: {question}\n\nA: {instruction}".rstrip(" ")

    @property
    def _marked(self) -> bool:
        if self.markers is not None:
            return self.markers
        return self.form == "continuation" or (self.position == "A_begin" and not self.system)


def check_start(space: Text, text: str) -> None:
    """Make sure that an instruction to start from is one.

    Raises:
        UsageError: it is not.
    """
    try:
        space.parse(text)
    except ParseError as error:
        raise UsageError(f"start: {text[:40]!r}: {error}") from None
