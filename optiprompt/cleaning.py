"""Stand-in until the branch cleaning is merged."""

from optiprompt import parse


def instructions(reply: str, tag: str = "INS", most: int = 8) -> list[str]:
    """The instructions in a chat reply."""
    text = parse.tagged(reply, tag)
    return [parse.polished(text)] if text else []


def continuation(reply: str) -> list[str]:
    """The instruction in a continuation."""
    text = reply.split('"')[0].strip()
    return [parse.polished(text)] if text else []
