"""A model's reply becomes the instructions that it proposes, as a person would read them. Total: never raises.

Models wrap what they were asked for: in tags, quotes, markdown, JSON, "Sure! Here is ...", explanations, examples. The
form that was asked for wins; then what is named an instruction ("Improved instruction: ..."), then lists, then the bare
text. Code, answers, refusals and talk about the task are no instructions. The words it goes by are in wording.py.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice, pairwise

from optiprompt import wording
from optiprompt.composed import composed
from optiprompt.parse import polished
from optiprompt.spaces.text import OPENING

ROUNDS = 4
PIECES = 64
READ = 50_000
# More tags than these, none of them closed, are the question repeated: its examples have a tag each.
OPENED = 2
ALIKE = 0.15
# Up to the quote that closes; one that follows a space and precedes a word opens a quote inside, which is closed first.
_UNQUOTED = re.compile(r"(?:[^\"“”]+|(?<=[\s(])[\"“](?=\w)[^\"“”]*[\"”])*")
CODE_LANGUAGES = ("python", "json", "javascript", "bash")


@dataclass(slots=True)
class _Section:
    """Lines that belong together: under a name for an instruction, or under none."""

    named: str = ""
    open: bool = True
    lines: list[str] = field(default_factory=list)


def instructions(reply: str, tag: str = "INS", most: int = 8) -> list[str]:
    """The instructions that a chat reply proposes, in order; [] where there is none.

    With the tag `Start` they are the first words of an answer, which may be about the task, and are taken as they stand
    between their tags.

    Each stands without quotes, markdown and remarks, begins with a capital letter, has at most 2,000 characters, and
    is given once (case and punctuation aside). Time is linear in the reply.

    Args:
        reply: of a model that was asked for an instruction, perhaps between `<TAG>` and `</TAG>`.
        tag: the name of the tag.
        most: how many at most.
    """
    if tag == OPENING and (sentences := _usable(_tagged(_marks(tag).split(_unthought(reply))))):
        return sentences[:most]
    text = _as_asked(_unthought(reply), tag)
    closed, _ = _inside(_marks(tag).split(text))
    found = _distinct(each for piece in closed for each in _meant(piece, tag)) if closed else _settled(text, tag)
    return found[:most]


def _meant(piece: str, tag: str) -> list[str]:
    """What stands between tags is what was asked for, as it is, unless there is more in it than an instruction."""
    if alone := wording.ALONE.fullmatch(piece):
        piece = alone[2]
    if wording.SECTION.search(piece):
        return [piece.strip()]
    lines = piece.strip().splitlines()
    items = [item[1] for item in map(wording.ITEM.match, lines) if item]
    if len(items) == len(lines) > 1 and not _alike(items):
        return ["\n".join(lines)]  # the steps or rules of one
    if wording.plain(piece):
        return [polished(wording.bare(piece))]
    return [piece.strip()] if composed(piece) else _settled(piece, tag)


def _as_asked(text: str, tag: str) -> str:
    """With the tags that were asked for, where a model wrote others in their place."""
    if _marks(tag).search(text) or wording.PARTS.search(text) or not wording.LIKE_OPENED.search(text):
        return text
    return wording.LIKE_TAGS.sub(lambda mark: f"<{'/' if '/' in mark[0] else ''}{tag}>", text)


def _settled(text: str, tag: str) -> list[str]:
    """Read until nothing changes any more."""
    found = _distinct(_read(text, tag))
    for _ in range(ROUNDS):
        again = _distinct(piece for text in found for piece in _read(text, tag))
        if again == found:
            break
        found = again
    return [text for text in found if _read(text, tag) == [text]]


def continuation(reply: str, tag: str = "INS") -> list[str]:
    """The instruction with which a model went on after an open prompt like `The instruction was: "`.

    It ends where the quote is closed, the line ends, or the next part of the list begins. At most one.
    """
    text = _unthought(reply).lstrip()
    text = re.split(r"\n|</?\w{1,20}>|\b(?:In|Out)put:|\bScore:|\bInstruction:", text.lstrip("\"“'‘`"), maxsplit=1)[0]
    quoted = _UNQUOTED.match(text)
    written = quoted[0] if quoted else ""
    return _usable([written]) if tag == OPENING else instructions(written, most=1)


def _unthought(reply: str) -> str:
    """Without what a model thought aloud; a thought may have been opened by the prompt, or be cut off."""
    text = re.sub(r"<think>.*?(?:</think>|\Z)", "", reply, flags=re.DOTALL | re.IGNORECASE)
    return re.split(r"</think>", text, flags=re.IGNORECASE)[-1][:READ]


def _distinct(texts: Iterable[str]) -> list[str]:
    seen: dict[str, str] = {}
    for text in texts:
        seen.setdefault("".join(c for c in text.casefold() if c.isalnum()), text)
        if len(seen) == PIECES:
            break
    return list(seen.values())


def _read(text: str, tag: str) -> list[str]:
    """One reading: of each piece that stands in the form asked for, else of the whole."""
    marks = _marks(tag)
    pieces = _tagged(marks.split(text))
    if pieces:
        return [found for piece in pieces for found in _from_text(piece)]
    text = "\n".join(line for line in text.splitlines() if not marks.search(line))
    return [found for piece in _from_json(text) for found in _from_text(piece)] or _from_text(text)


def _marks(tag: str) -> re.Pattern[str]:
    return re.compile(rf"<{{1,2}}\s{{0,3}}(/?)\s{{0,3}}{re.escape(tag)}\s{{0,3}}>{{1,2}}", re.IGNORECASE)


def _usable(texts: Iterable[str]) -> list[str]:
    """First words of an answer: whatever they say, if they are not too long."""
    bare = [polished(text.strip().strip("\"“”'`")) for text in texts]
    return _distinct(text for text in bare if 2 <= len(text) <= wording.LONGEST and re.search(r"\w", text))


def _tagged(parts: list[str]) -> list[str]:
    """What stands between tags; else what follows one that was not closed, up to an empty line, or precedes all.

    Args:
        parts: as for `_inside`.
    """
    closed, opened = _inside(parts)
    return (closed or opened)[:PIECES]


def _inside(parts: list[str]) -> tuple[list[str], list[str]]:
    """What stands between tags, and what follows those that were not closed.

    A tag that is opened again in the middle of a line is a word of the proposal, which nobody could follow.

    Args:
        parts: text, "" or "/" for a tag that opens or closes, text, and so on.
    """
    tags, texts = parts[1::2], parts[2::2]
    broken = [
        tags[index : index + 3] == ["", "", "/"] and bool(wording.PART.fullmatch(inside))
        for index, inside in enumerate(texts)
    ]
    closed, opened = [], [parts[0]] if tags[:1] == ["/"] else []
    for index, inside in enumerate(texts):
        if tags[index] == "/" or broken[index] or (index and broken[index - 1]):
            continue
        if tags[index + 1 : index + 2] == ["/"]:
            closed.append(inside)
        else:
            opened.append(inside.strip().split("\n\n")[0])
    closed = [piece for piece in closed if not wording.PLACEHOLDER.fullmatch(piece)]
    if len(opened) > OPENED:
        return closed, [""]
    return closed, [piece for piece in opened if not wording.PLACEHOLDER.fullmatch(piece)]


def _from_json(text: str) -> list[str]:
    """The strings under keys like "instruction" or "improved_prompts"."""
    found: list[str] = []
    for key in islice(wording.KEY.finditer(text), PIECES):
        try:
            value, _ = json.JSONDecoder(strict=False).raw_decode(text[key.end() : key.end() + 4 * wording.LONGEST])
        except (ValueError, RecursionError):
            value = text[key.end() + 1 : key.end() + wording.LONGEST].split('"')[0]
        found += [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)]
    return found


def _from_text(text: str) -> list[str]:
    """From prose, markdown and lists: what is named an instruction, else what may be one."""
    text = wording.whole(text.replace("\r", "\n"))
    if wording.ITEM.match(text):
        text = wording.INLINE.sub("\n", text)
    sections = list(_sections(wording.GAP.sub("\n", "\n".join(_prose(text)))))
    for named in (True, False):
        found = [piece for s in sections if bool(s.named) is named for piece in _proposals(s)]
        usable = [polished(piece) for piece in map(wording.bare, found) if wording.usable(piece)]
        if usable:
            return usable
    return []


def _prose(text: str) -> Iterator[str]:
    """The lines that are no program; fences around prose are taken away."""
    parts = wording.FENCE.split(text)
    yield parts[0]
    for index in range(1, len(parts), 2):
        inside = index % 4 == 1
        lines = parts[index + 1].splitlines()
        if inside and (parts[index].lower() in CODE_LANGUAGES or any(map(wording.CODE.match, lines))):
            yield "\n"
        else:
            yield parts[index + 1]


def _sections(text: str) -> Iterator[_Section]:
    section, skips = _Section(), ""
    for line in text.splitlines():
        bare = line.strip().lstrip("#> ")
        if wording.HEADING.fullmatch(line):
            bare = bare.strip("*_ ").rstrip(":") + ":"
        name = wording.name(bare)
        if name and not name[0]:
            skips = "all"
        elif name:
            yield section
            section, skips = _Section(name[0], open=not name[1], lines=[name[1]]), ""
        elif not skips and wording.REMARKS.match(bare):
            skips = "all" if section.named or any(map(str.strip, section.lines)) else "paragraph"
        elif not bare and skips == "paragraph":
            skips = ""
        elif skips:
            continue
        elif not bare and section.named and not section.open and not section.lines[-1].rstrip().endswith(":"):
            yield section
            section = _Section()
        else:
            section.lines.append(line.lstrip("#> ") if line.lstrip()[:1] in "#>" else line)
    yield section


def _proposals(section: _Section) -> list[str]:
    """The items of a list where each is an instruction, else all lines as one."""
    before: list[str] = []
    items: list[list[str]] = []
    for line in section.lines:
        item = wording.ITEM.match(line)
        if item:
            items.append([item[1]])
        elif not items:
            before.append(line)
        elif line.strip() and line[:1].isspace():
            items[-1].append(line)
    texts = [wording.TITLE.sub("", "\n".join(item), count=1).strip() for item in items]
    if items and all(wording.DATA.fullmatch(text) or wording.length(text) < 2 for text in texts):
        return []
    lead = "\n".join(before).strip()
    if not items:
        first, *rest = lead.split("\n\n", 1)
        return rest if rest and not section.named and wording.TALKS.match(first) else [lead]
    if len(items) == 1 and not lead:
        return texts
    if not _separate(lead or section.named, bool(lead), texts):
        return ["\n".join(section.lines)]
    complete = [text[-1:] in tuple(".!?\"'”*`") for text in texts]
    return texts[:-1] if len(texts) > 1 and all(complete[:-1]) and not complete[-1] else texts


def _separate(lead: str, written: bool, items: list[str]) -> bool:
    """Whether the items are proposals, each by itself, and not the steps or rules of one.

    Args:
        lead: what they stand under.
        written: whether this is a text, and not only a name.
        items: of the list.
    """
    if written:
        return not wording.STEPS.search(lead) and bool(wording.NAMES.search(lead) or wording.TALKS.match(lead))
    if wording.SEVERAL.search(lead):
        return True
    if any(map(wording.SEQUENCE.match, items[1:])):
        return False
    return _alike(items) or not (wording.PREPARES.match(items[0]) or any(map(wording.REFERS.search, items[1:])))


def _alike(items: list[str]) -> bool:
    """Whether neighbours share many of their longer words."""
    words = [{word for word in re.findall(r"\w+", item.lower()) if len(word) > 3} for item in items]
    shared = [len(a & b) / max(1, len(a | b)) for a, b in pairwise(words)]
    return sum(shared) >= ALIKE * len(shared)
