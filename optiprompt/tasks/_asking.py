"""What the scorer is asked: where the instruction stands (Yang et al. 2023), and the question for the final answer."""

from dataclasses import dataclass, replace
from typing import Literal

from optiprompt.backends.base import Form, Message, Reply, Request
from optiprompt.errors import UsageError

FINAL = "So the final answer is"
FINAL_TOKENS = 64

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
            asked = (Message("user", self.text("", question)),)
            return (Message("system", instruction), *asked) if instruction else asked
        text = self.text(instruction, question)
        return (Message("user", text),) if self.form == "chat" else text

    def text(self, instruction: str, question: str) -> str:
        """Instruction and question as one text; the question alone where the instruction is the system message."""
        if self.system and instruction:
            return f"{instruction}\n\n{self.text('', question)}"
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


def final_request(first: Request, reply: str) -> Request:
    """What the scorer is asked after its reply to the first request: only the final answer (Kojima et al. 2022).

    Plain text goes on behind the reply; in a chat the reply is the model's message, and the sentence the user's next.
    """
    if isinstance(first.prompt, str):
        prompt: str | tuple[Message, ...] = f"{first.prompt} {reply.strip()} {FINAL}"
    else:
        prompt = (*first.prompt, Message("assistant", reply), Message("user", FINAL))
    return replace(first, prompt=prompt, max_tokens=min(first.max_tokens, FINAL_TOKENS))


def final_text(first: Request, reply: str) -> str:
    """The part of the second reply that is graded: of plain text, which goes on with answers of its own, a line."""
    if not isinstance(first.prompt, str):
        return reply
    return next((line for line in reply.splitlines() if line.strip(" :.*")), reply)


def no_answer(reply: Reply) -> str:
    """Why a reply holds no answer that could be right or wrong; empty where it does."""
    if reply.finish == "refused":
        return "the server refused to answer this prompt"
    if reply.finish == "length" and not reply.text.strip():
        return "the reply has no text: all of max_tokens went into reasoning: raise max_tokens"
    return ""
