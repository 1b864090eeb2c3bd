"""What a reply says of others than those that the question asks for, left out."""

import re

_PIECE = re.compile(
    r"(?:[.;,]\s|\n|\s-\s)\s*(?:(?:and|but|while|whereas|because|since|so)\s+)?|"
    r",?\s(?:and|but|while|whereas|because|since)\s(?=(?:the\s)?(?:(?:statement|sentence|option|phrase)\s)?[(\"']?[a-z]\b)"
)
_VERB = (
    r"(?:is|isn't|was|are|has|does|doesn't|uses|puts|places|sounds|seems|follows|violates|makes|contains|says|reads|"
    r"expresses|means|would)\b"
)
_SUBJECT = re.compile(
    r"(?:(?:while|whereas|since|although|because|unlike|so|therefore|thus)\s)?(?:an?\s|the\s)?"
    rf"(?:(?:(?:statement|sentence|option|phrase)\s[(\"']?|\()([a-z])\b[)\"']?|([a-z])(?=\s{_VERB}))"
)
_OBJECT = re.compile(
    r"(?:so\s)?(?:the\s)?(?:[a-z]+\s){1,4}?is\s(?:(?:statement|sentence|option|phrase)\s)?[(\"']?([a-z])[)\"']?[\s.,]*$"
)
_NOT = re.compile(r"\bnot\b|n't\b|\bneither\b|\bless\b|\bnever\b|\bboth\b")
_CLAIM = re.compile(r"\b(?:correct|right|answer|best|better|true)\b|\b(?:also|too|as well|equally)\b")
_ASKED = re.compile(
    r"\bwhich (?:of (?:these|the following) )?(?:statement |sentence |phrase |remark |one )?(?:is|has|was) "
    r"(?:an? |the )?([a-z]+)[a-z ]*[?:.]*\s*$"
)
_PERSON = re.compile(r"\b([A-Z][a-z]+) (?:has|is|gets|holds|owns|plays|ends up|dances)(?: [a-z]+){0,3}$")
_NAME = re.compile(r"\b[A-Z][a-z]+\b")
_LINK = (
    r"(?:\s?(?::|-|->|=|,)\s?|\s)(?:(?:now|is|has|gets|holds|owns|plays|ends up|finishes|dances|the|an?|playing|"
    r"dancing|holding|with|their|got|had|as)\s){0,5}"
)
_BETWEEN = r"(?:\s?[,;.]\s?|\s)(?:and\s|while\s|-\s)?"
_MOVES = re.compile(r"\b(?:swap|trad|exchang|switch|after|then|next|initial|start|begin|first|before|now)")


def asked_word(question: str) -> str:
    """The word for what "Which statement is sarcastic?" asks for; empty where the last line asks otherwise."""
    found = _ASKED.search(question.strip().rpartition("\n")[2].casefold())
    return found[1] if found else ""


def asked_person(question: str) -> tuple[str, tuple[str, ...]]:
    """The person whose thing completes the question ("Now Bob has"), and the other names of the question."""
    found = _PERSON.search(question.strip().removesuffix(" the").removesuffix(" a"))
    if not found:
        return "", ()
    others = {name.casefold() for name in _NAME.findall(question)} - {found[1].casefold()}
    return found[1].casefold(), tuple(sorted(others, key=lambda name: (-len(name), name)))


def with_asked(text: str, word: str, keys: set[str]) -> str:
    """A reply without what it says of other letters where of just one it says the word that the question asks for."""
    pieces, start = list[str](), 0
    if word not in text or len(text) > 4000:
        return text
    for mark in _PIECE.finditer(text):
        pieces += [text[start : mark.start()], text[mark.start() : mark.end()]]
        start = mark.end()
    pieces.append(text[start:])
    about = {place: key for place, piece in enumerate(pieces[::2]) if (key := _key_of(piece)) in keys}
    saying = {place for place in about if re.search(rf"\b{word}\b", pieces[2 * place])}
    said = {about[place] for place in saying if not _NOT.search(pieces[2 * place])}
    others = [place for place, key in about.items() if key not in said]
    if len(said) != 1 or any(_CLAIM.search(pieces[2 * p]) and not _NOT.search(pieces[2 * p]) for p in others):
        return text
    key = next(iter(said))
    for place in others:
        pieces[2 * place] = ""
    for place in saying - set(others):
        pieces[2 * place] = re.sub(rf"^{key}(?= )", f"option {key}", pieces[2 * place])
    return re.sub(r"^[\s,.;]+", "", "".join(pieces))


def _key_of(piece: str) -> str:
    found = _SUBJECT.match(piece.strip()) or _OBJECT.match(piece.strip())
    return next((key for key in found.groups() if key), "") if found else ""


def of_person(text: str, person: str, others: tuple[str, ...], things: list[str]) -> str:
    """A reply that gives everyone a thing, with just the thing of the person asked for."""
    if person not in text and not any(name in text for name in others):
        return text
    names = "|".join(map(re.escape, (person, *others)))
    thing = "|".join(re.escape(said) for said in sorted(things, key=len, reverse=True))
    one = rf"(?:{names}){_LINK}(?:{thing})\b"
    for run in reversed(list(re.finditer(rf"\b{one}(?:{_BETWEEN}{one}){{0,9}}", text))):
        given = [part[0] for part in re.finditer(one, run[0])]
        mine = [part for part in given if part.startswith(person)]
        around = text[max(0, run.start() - 40) : run.start()] + text[run.end() :]
        alone = not text[: run.start()].strip() and not text[run.end() :].strip(" .\n")
        if (len(mine) == 1 and len(given) > 1 and not _MOVES.search(around)) or (alone and not mine):
            text = text[: run.start()] + "".join(mine) + text[run.end() :]
    return text
