"""Which number a reply settles on."""

import re
from itertools import pairwise

from optiprompt.graders._final import HEDGE, Hedge
from optiprompt.graders._numbers import Found, Number, parse, same, scan

_FILLER = re.compile(
    r"(?:[\s:=~≈\"'(\[$]|(?:that|therefore|thus|hence|so|simply|just|exactly|precisely|about|approximately|approx|"
    r"around|roughly|"
    r"only|equal|equals|to|a|an|total|of|sum|the|is|are|it|it's|now|also|be|would|there|final|answer|"
    r"[xyzn](?= ?=))\b\.?)*"
)
_IN_WORDS = re.compile(r"(half a dozen|a dozen|(?:a )?half)[ .!$)\"']*$")
_SPELT = {"half a dozen": "6", "a dozen": "12", "half": "1/2", "a half": "1/2"}
_LIST_NUMBER = re.compile(r"(?:step )?\d{1,2}[.):] +(?=\S*[a-z])")
_OPERATOR = re.compile(r" ?(?:[-+*/^]|plus|minus|times|divided by) ?[-$(]?\d")
_SUM = re.compile(r"(?: [a-z/]+){0,3} [-+*/] [^=\n]{0,60}=")
_EQUALS = re.compile(r"=>?|≈|->|\bequals?(?: to)?\b|\bcomes to\b|\bworks out (?:to|as)\b")
_RESULT = re.compile(
    r"(?:\b(?:so|therefore|thus|hence|which (?:means|is|gives|makes|leaves)|for a total of|resulting in|that is|"
    r"that's|"
    r"total(?:l?ing)|consequently|in total|altogether|wait|actually|but)|, (?:leaving|giving|making|meaning)),?(?= )"
)
_TOTAL_BEFORE = re.compile(r"\b(?:totals?|altogether|in all|overall|result)\b[^\d.;]{0,30}$")
_TOTAL_AFTER = re.compile(
    r"[^\d.;:]{0,30}?\b(?:in total|in all|total|altogether|overall|combined|left|remain(?:s|ing)?)\b"
)
_VERB_BEFORE = re.compile(
    r"(?:[=≈]|(?<!to )\b(?:is|are|was|were|be|has|have|had|makes?|made|gets?|got|earns?|earned|leaves?|left with|"
    r"costs?|pays?|paid|"
    r"spends?|spent|needs?|needed|takes?|took|gives?|remains?|contains?|owns?|owes?|so|thus|therefore|hence|only|"
    r"say|equals?|becomes?|"
    r"that's|receives?|saves?|sold|count|counted|find|found|answer|"
    r"(?:length|cost|price|value|number|amount|distance|weight|age|speed|average|profit|area|volume|"
    r"sum) of))[\s,:]*(?:(?:only|just|exactly|about|approximately|"
    r"roughly|around|a total of|now|still|left with|then|also|there are|altogether|in total)[\s,]*)?[$(]?$"
)
_VERB_AFTER = re.compile(r"(?: [a-z'-]+)? (?:is|are|were|was|remain)\b")
_IN_PHRASE = re.compile(
    r"\b(?:after|from|by|per|for|in|with|than|at|on|every|each|over|within|of|day|step|week|year|the)[ ]$"
)
_ADDED = re.compile(r"(?: (?!(?:per|each|every|an?|in|for|on)\b)[a-z'-]+){0,3},? (?:and|\+|plus|&) ")
_LISTED = re.compile(r"(?: [a-z'-]+){0,3}, ")
_DENIED = re.compile(
    r"(?:\bnot|n't|\bnever|\binstead of|"
    r"\b(?:rather|less|more|fewer|greater|higher|lower|smaller|larger) than)\s(?:[a-z]+ ){0,2}[$]?$"
)
_EITHER = re.compile(
    r"(?: [a-z'%-]+){0,2},? ?\(?(?<![a-z])(?:or|and/or)(?: (?:maybe|perhaps|possibly|even|about|is it))? $|"
    r"(?: [a-z'-]+)? (?:to|through) $|-$"
)
_OPENS = re.compile(r"[\s\"'(*-]*(?:a )?$")
_HEADS = re.compile(r"(?: [a-z'-]+){0,3} ?(?P<colon>:)|(?: [a-z'-]+){1,3}(?:,| -) ")
_COUNTS = re.compile(r"(?: [a-z'-]+){1,3}(?:, and |,? and |, )|(?: [a-z'-]+){1,3}[\s.,]*$")
_REASON = re.compile(r",? (because|since|as long as|if|whenever)\b")
_PRONOUN_BEFORE = re.compile(r"\b(?:this|that|each|every|which|no|any|the|another|last|easy|good|some|every)[ ]$")


class NumberReader:
    """Reads numbers; `units` is the folded question, see `scan`."""

    def __init__(self, units: str = "") -> None:
        self.units = units

    def lead(self, text: str) -> Number | Hedge | None:
        line = text[:200].split("\n")[0]
        filler = _FILLER.match(line)
        if spelt := _spelt(line) or (_spelt(line[filler.end() :]) if filler else None):
            return spelt
        found = self._numbers(line)
        if not found or not filler or found[0].start > filler.end():
            return None
        first, rest = found[0], line[found[0].end :]
        if len(found) > 1 and _either(line, found[0], found[1]):
            return HEDGE
        if (
            _OPERATOR.match(rest)
            or _SUM.match(rest)
            or (len(found) > 1 and _ADDED.fullmatch(line, first.end, found[1].start))
        ):
            return None
        if (equals := _EQUALS.match(rest.lstrip())) and any(_OPERATOR.match(line, n.end) for n in found[1:]) is False:
            return self.lead(rest.lstrip()[equals.end() :]) or first.number
        return first.number

    def whole(self, text: str) -> Number | Hedge | None:
        bare = text.lstrip(" \"'([").rstrip(" .!\"')]")
        if spelt := _spelt(bare):
            return spelt
        found = self._numbers(bare) if len(bare) < 60 else []
        return found[0].number if len(found) == 1 and (found[0].start, found[0].end) == (0, len(bare)) else None

    def conclude(self, sentence: str) -> Number | Hedge | None:
        text = _without_reason(_without_list_number(sentence))
        for result in list(_RESULT.finditer(text))[-3:][::-1]:
            answer = self._result(text[result.end() :])
            if answer is not None:
                return answer
        return self._result(text)

    def goes_through(self, text: str) -> bool:
        return False

    def _numbers(self, text: str) -> list[Found]:
        return scan(text, self.units)

    def _result(self, text: str) -> Number | Hedge | None:
        """The number that a clause comes to."""
        found = _outside_brackets(text, self._numbers(text))
        found = [n for n in found if not _is_pronoun(text, n, len(found)) and not _DENIED.search(_before(text, n))]
        if not found:
            return None
        equals = [e.end() for e in _EQUALS.finditer(text) if e.end() <= found[-1].start]
        offered = [n for n in found if not equals or n.start >= equals[-1]]
        if any(_either(text, left, right) for left, right in pairwise(offered)):
            return HEDGE
        if equals:
            return _behind_equals(text, found, equals[-1])
        return _weigh(text, found)


def _spelt(text: str) -> Number | None:
    """The number of a text that is `half` or `a dozen`; inside a sentence these need not be a number."""
    spelt = _IN_WORDS.match(text)
    return parse(_SPELT[spelt[1]]) if spelt else None


def _weigh(text: str, found: list[Found]) -> Number | None:
    """The number that a clause without an equals sign is about: its total, its verb's object, or its last."""
    if len(found) == 1:
        return found[0].number
    if _is_headed(text, found):
        return found[0].number
    added = {n.start for pair in pairwise(found) if _ADDED.fullmatch(text, pair[0].end, pair[1].start) for n in pair}
    listed = {
        n.start
        for pair in pairwise(found)
        if _LISTED.fullmatch(text, pair[0].end, pair[1].start)
        for n in pair
        if {m.start for m in pair} & added
    }
    single = [n for n in found if n.start not in added and not _OPERATOR.match(text, n.end)]
    alone = [n for n in single if n.start not in listed]
    totals = [n for n in single if _TOTAL_BEFORE.search(_before(text, n)) or _TOTAL_AFTER.match(text, n.end)]
    objects = [n for n in alone if _VERB_BEFORE.search(_before(text, n))]
    colon = text.find(":")
    if summed := [n for n in totals or objects if n.end <= colon]:
        return summed[-1].number  # what follows the colon tells what it is made of
    subjects = [n for n in alone if _VERB_AFTER.match(text, n.end)]
    plain = [n for n in alone if text[n.start] == "$" or not _IN_PHRASE.search(_before(text, n))]
    best = totals or objects or subjects or plain or alone
    return best[-1].number if best else None


def _is_headed(text: str, found: list[Found]) -> bool:
    """Whether the first number opens the clause and the others count what it is made of: `8 fruits: 5 figs, 3 pears`.

    Behind a colon a list of smaller counts is enough; behind a comma they must add up.
    """
    first, rest = found[0], found[1:]
    head = _HEADS.match(text, first.end)
    if not head or not _OPENS.match(text[: first.start]) or head.end() > rest[0].start or "$" in text:
        return False
    listed = all(_COUNTS.fullmatch(text, left.end, right.start) for left, right in pairwise(rest))
    if not listed or text[head.end() : rest[0].start].strip():
        return False
    whole, parts = first.number.values[0], [n.number.values[0] for n in rest]
    if len(parts) < 2 or max(parts) > whole:
        return False
    return sum(parts) == whole or bool(head["colon"] and _COUNTS.match(text, rest[-1].end))


def _behind_equals(text: str, found: list[Found], start: int) -> Number | None:
    """The number behind the last equals sign, or in front of it where a sum stands behind it."""
    right = [n for n in found if n.start >= start]
    if not _OPERATOR.match(text, right[0].end):
        return right[0].number
    left = [n for n in found if n.start < start]
    return left[-1].number if len(left) == 1 else None


def _either(text: str, left: Found, right: Found) -> bool:
    """Whether a text offers one number or the other: `5 or 6`, `5 to 6`, `between 5 and 6`."""
    between = text[left.end : right.start]
    offered = _EITHER.fullmatch(between) or (
        between == " and " and text.endswith(("between ", "either ", "both "), 0, left.start)
    )
    return bool(offered) and not same(left.number, right.number)


def _outside_brackets(text: str, found: list[Found]) -> list[Found]:
    """The numbers that do not stand in round brackets, or all if all do."""
    depth, depths = 0, []
    for char in text:
        depths.append(depth)
        depth += (char == "(") - (char == ")" and depth > 0)
    outside = [n for n in found if not depths[n.start]]
    return outside or found


def _before(text: str, number: Found) -> str:
    return text[max(0, number.start - 60) : number.start]


def _is_pronoun(text: str, number: Found, count: int) -> bool:
    """Whether a `one` counts nothing: `this one`, `one of them`, or beside other numbers."""
    if not number.is_word or number.number.values[0] != 1:
        return False
    before, after = _before(text, number), text[number.end : number.end + 10]
    if before.endswith(" or "):
        return False
    if _PRONOUN_BEFORE.search(before) or after.startswith((" of", " who", " that", " can", " could")):
        return True
    return not _VERB_BEFORE.search(before) and (count > 1 or bool(before.strip()))


def _without_reason(sentence: str) -> str:
    """A sentence without the reason or condition that follows its statement."""
    reason = _REASON.search(sentence)
    if not reason or (reason[1] == "if" and "=" in sentence[reason.end() :]):
        return sentence
    return sentence[: reason.start()] if scan(sentence[: reason.start()]) else sentence


def _without_list_number(sentence: str) -> str:
    number = _LIST_NUMBER.match(sentence)
    rest = sentence[number.end() :] if number else sentence
    return rest if scan(rest[:400]) or not number else sentence
