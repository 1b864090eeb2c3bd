"""A model's reply becomes the text of a proposal. Total: never raises, on any string."""

import re
from collections.abc import Iterator

_THINKING = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL | re.IGNORECASE)


def tagged(reply: str, tag: str) -> str | None:
    """What stands in the last `<TAG>...</TAG>` of a chat reply; None where there is none.

    The last one counts, for a model that thinks aloud often repeats the form it was asked for before it answers. A
    reply that was cut off, or that forgot the closing tag, counts up to the end of the line.
    """
    text = _THINKING.sub("", reply)
    opening, closing = re.escape(f"<{tag}>"), re.escape(f"</{tag}>")
    pairs = re.findall(rf"{opening}((?:(?!{opening}).)*?){closing}", text, re.DOTALL | re.IGNORECASE)
    if pairs:
        return str(pairs[-1]).strip()
    open_ended = re.findall(rf"{opening}([^\n]*)", text, re.IGNORECASE)
    return str(open_ended[-1]).strip() if open_ended else None


def bracketed(reply: str) -> str | None:
    """What stands in the last pair of square brackets, those inside it included; None where there is none.

    A reply that forgot the closing bracket counts up to the end of the line.
    """
    text = _THINKING.sub("", reply)
    depth, end = 0, -1
    for place in range(len(text) - 1, -1, -1):
        if text[place] == "]":
            end, depth = (place, 1) if depth == 0 else (end, depth + 1)
        elif text[place] == "[" and depth:
            depth -= 1
            if depth == 0:
                return text[place + 1 : end].strip()
    _, bracket, rest = text.rpartition("[")
    return (rest.strip().splitlines() or [""])[0].strip() if bracket else None


def pieces(reply: str) -> Iterator[str]:
    """Where a candidate may stand that was given without its tags: in brackets, as the whole reply, or on a line."""
    text = _THINKING.sub("", reply).strip()
    inside = bracketed(text)
    if inside is not None:
        yield inside
    yield text
    yield from reversed([line.strip() for line in text.splitlines()[-50:]])


def continued(reply: str, tag: str) -> str | None:
    """What continues a list: the first `<TAG>...</TAG>`, or else what stands before `</TAG>` or the end of the line.

    None where nothing stands there.
    """
    parts = re.split(rf"<(/?){re.escape(tag)}>", reply, flags=re.IGNORECASE)
    text = parts[2] if len(parts) > 2 and not parts[1] else parts[0]
    lines = text.strip().splitlines()
    return lines[0].strip() if lines else None


def polished(text: str) -> str:
    """An instruction without markdown emphasis, its first letter a capital one (as in the published OPRO code)."""
    bare = text.replace("**", "").strip()
    return bare[:1].upper() + bare[1:]
