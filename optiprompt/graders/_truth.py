"""Yes or no, true or false, valid or invalid: which one a reply says."""

import re

from optiprompt.graders._final import HEDGE, Hedge
from optiprompt.graders._stated import Statements
from optiprompt.graders._text import statement_end

_FAMILIES = (("no", "yes"), ("false", "true"), ("invalid", "valid"), ("implausible", "plausible"))
_TRUTH = {word: bool(n) for family in _FAMILIES for n, word in enumerate(family)} | {
    "yeah": True, "yep": True, "nope": False,
}  # fmt: skip
_ANY = "|".join(sorted(_TRUTH, key=len, reverse=True))
_WORD = re.compile(rf"(?<![\w-])(?<!\w')({_ANY})(?![\w-]|'\w)")
_PAIR = re.compile(
    r"\b(?:(?:yes|true|valid|plausible|0)\s*(?:or|/)\s*(?:no|not|false|invalid|implausible|1)|(?:no|false|invalid|"
    r"implausible|1)\s*(?:or|/)\s*"
    r"(?:yes|true|valid|plausible|0))\b"
)
_SUPPOSED = re.compile(
    r"(?<!is )(?<!\bas )(?<!be )(?<!not )\ban? (?:deductively |logically )?(?:in)?valid (?:argument|inference|"
    r"deduction|syllogism) (?:would|could|might|must|should|can|cannot|needs|requires|has|is one|does)\b"
)  # not this argument
_EITHER = " \x00 "  # stands for "yes or no"
_ASKS = re.compile(r"\s*\x00[\s)\"']*(?:$|[.,;:!?\n])")
_RETRACTS = re.compile(r"\b(?:wait|actually|oops|scratch that|correction)\b")
_FILLER = re.compile(
    r"(?:[\s:=\"'$(*\[-]|(?:that|therefore|thus|hence|definitely|clearly|simply|just|indeed|most|likely|probably|"
    r"the|is|it|it's|this|a|an|"
    r"statement|argument|sentence|expression|deductively|logically|option|answer|final|correct|so|evaluates|to|"
    r"resounding)\b)*"
)
_OPEN_NO = re.compile(
    r"\s*(?:$|[.,;:!?\n()\"'\]-]|(?:because|since|as|for|you|it|he|she|they|we|i|the|this|that|there|its|his|her|"
    r"their|due)\b)"
)
_OPEN = re.compile(r"\s*(?:$|[.,;:!?\n()\"'\]-]|(?:because|since|as)\b)")
_DIGIT = re.compile(r"([01])(?=\s*(?:$|[.,;!\n)]))")
_JOIN = re.compile(
    r"[\s\"'.,)]*(?:\b(?:and|or)\b|/|&|\bbut\b)\s*(?:(?:also|maybe|perhaps|possibly|even|sometimes)\s*)*"
)
_OTHERWISE = re.compile(r"\b(?:or|(?:could|might|may) (?:also |well )*be|possibly|maybe|perhaps)\s+(?:a\s+)?")
_NO_IS_ANSWER = re.compile(
    r"(?:^|[\"':=]|\b(?:is|be|say|answer|a|an|definite|clear|so|therefore|thus|hence|then)),?\s*[\"'(]?$"
)
_NOT = re.compile(
    r"(?:\bnot|n't|\bnever|\bcannot|\bneither|\bnor|\bfails to|\bfar from|\bno)\s(?:(?!(?:but|and|so|"
    r"is)\b)[a-z]+\s){0,3}[\"'(]*$"
)
_FALSE_THAT = re.compile(r"\b(?:false|untrue|incorrect|wrong|not (?:true|correct|the case)) (?:that|to say)\b[^.,;]*$")
_GAP = re.compile(r"[\s,/|]*")
_EVALUATED = re.compile(r"[\s)]*(?:(?:and|or)\b[^=]*?)?(?:=|\bis\b)")
_REASON = re.compile(r"\b(?:because|since|as)\b|;")
_VERDICT = re.compile(
    r"=>?|->|≡|⇒|\b(?:is|be|becomes|equals|evaluates to|simplifies to|reduces to|gives|yields|get|returns|as)\b:?"
)
_CLAUSE = re.compile(
    r"\b(?:so|therefore|thus|hence|which means|that means|meaning|making|conclude|consequently|but|wait|actually)\b"
)

_REFUSAL = re.compile(
    r"(?:not really|not at all|(?:of course|certainly|definitely|absolutely|probably) not)\s*(?:$|[.!\n])"
)


def truth_of(target: str) -> bool | None:
    """What a folded target says; None if it is no boolean."""
    return {"1": True, "0": False}.get(target, _TRUTH.get(target))


class TruthReader:
    """Reads booleans; of several families of words the target's own comes first.

    Given the statements of a reply that may answer the question, it reads them where they name no such word.
    """

    def __init__(self, target: str = "", statements: Statements | None = None) -> None:
        self.statements = statements
        self.family = next((family for family in _FAMILIES if target in family), ())

    def lead(self, text: str) -> bool | Hedge | None:
        head = _paired(text[:300])
        filler = _FILLER.match(head)
        start = filler.end() if filler else 0
        if _ASKS.match(head, start):
            return HEDGE
        if (digit := _DIGIT.match(head, start)) or (digit := _DIGIT.match(head)):
            return digit[1] == "1"
        if _REFUSAL.match(head, start):
            return False
        word = _WORD.match(head, start)
        if not word or (word[1] == "no" and not _OPEN_NO.match(head, word.end())):
            return None
        if _is_evaluated(head, word.end()):
            return None
        said = _TRUTH[word[1]] != bool(_NOT.search(head[:start]))
        return HEDGE if _wavers(said, head[word.end() :]) else said

    def whole(self, text: str) -> bool | Hedge | None:
        head = _paired(text[:300]).lstrip(" \"'([*-")
        if _ASKS.match(head):
            return HEDGE
        if re.fullmatch(r"[01][.!)\"'\]]*", head):
            return head[0] == "1"
        if (refusal := _REFUSAL.match(head)) and not head[refusal.end() :].strip():
            return False
        word = _WORD.match(head)
        if not word:
            return self.statements.opens(text) if self.statements and not _WORD.search(text) else None
        if _is_evaluated(head, word.end()):
            return None
        if _wavers(_TRUTH[word[1]], head[word.end() :]):
            return HEDGE
        answers = word[1] in ("yes", "no", "yeah", "yep", "nope")
        opens = (_OPEN_NO if answers else _OPEN).match(head, word.end()) or word[1] == "yes"
        return _TRUTH[word[1]] if opens and not _RETRACTS.search(head, word.end()) else None

    def conclude(self, sentence: str) -> bool | Hedge | None:
        text = _paired(sentence)
        words = [word for word in _WORD.finditer(text) if word[1] != "no" or _is_answer(text, word)]
        words = [word for word in words if word[1] in self.family] or words
        if not words:
            return self.statements.concludes(sentence) if self.statements else None
        if self.statements and (stated := self.statements.led(sentence[words[-1].end() :])) is not None:
            return stated
        reason = _REASON.search(text, words[0].end())
        if reason and len({_said(text, word) for word in words}) > 1:
            text = text[: reason.start()]
            words = [word for word in words if word.end() <= reason.start()]
        starts = [0, *(clause.end() for clause in _CLAUSE.finditer(text))][-4:]
        for start in reversed(starts):
            behind = [word for word in words if word.start() >= start]
            if behind:
                return self._verdict(text, behind)
        return None

    def goes_through(self, text: str) -> bool:
        return False

    def _verdict(self, text: str, words: list[re.Match[str]]) -> bool | Hedge:
        """What a clause says: one value, or the one behind its last equals sign or verb."""
        said = {_said(text, word) for word in words}
        if len(said) == 1:
            return said.pop()
        verdicts = [v.end() for v in _VERDICT.finditer(text) if v.end() <= words[-1].start()]
        last = {_said(text, word) for word in words if word.start() >= verdicts[-1]} if verdicts else said
        return last.pop() if len(last) == 1 else HEDGE


def _paired(text: str) -> str:
    """With "yes or no" and the like, which asks instead of answering, and arguments in general set aside."""
    return _SUPPOSED.sub(" ", _PAIR.sub(_EITHER, text))


def _is_evaluated(text: str, start: int) -> bool:
    """Whether a word opens an expression whose value follows: `true and false is false`."""
    rest = re.split(r"[.\n]", text[start : start + 80])[0]
    return bool(_EVALUATED.match(rest))


def _said(text: str, word: re.Match[str]) -> bool:
    before = text[max(0, word.start() - 60) : word.start()]
    if word[1] in ("yes", "no"):
        before = before.replace("no ", " ")  # "no yes" denies nothing, unlike "no valid argument"
    return _TRUTH[word[1]] != bool(_NOT.search(before) or _FALSE_THAT.search(before))


def _is_answer(text: str, word: re.Match[str]) -> bool:
    """Whether a "no" answers, unlike that of "no doubt"."""
    before = text[max(0, word.start() - 12) : word.start()]
    return bool(_NO_IS_ANSWER.search(before) and _OPEN_NO.match(text, word.end()))


def _wavers(said: bool, rest: str) -> bool:
    """Whether the other value is offered beside the one just said."""
    rest = rest[: statement_end(rest[:200])]
    places = [match.end() for match in (_GAP.match(rest), _JOIN.match(rest), _OTHERWISE.search(rest)) if match]
    words = [word for place in places if (word := _WORD.match(rest, place))]
    answers = [word for word in words if word[1] != "no" or _OPEN_NO.match(rest, word.end())]
    return any(_TRUTH[word[1]] != said for word in answers)
