"""Which option a reply picks."""

import re

from optiprompt.graders._choices import Mention, Options, simplify, unpunctuated
from optiprompt.graders._final import HEDGE, Hedge
from optiprompt.graders._numbers import Number, same, scan
from optiprompt.graders._rewrite import shortened
from optiprompt.graders._sums import NumberReader
from optiprompt.graders._text import fold, plain, statement_end
from optiprompt.graders._truth import TruthReader, truth_of

_FILLER = re.compile(
    r"(?:[\s:=\"'$*]|-(?= )|(?P<noun>(?:options?|choices?|letter|sentence|statement)\b)|(?P<either>(?:either|both|"
    r"between)\b)|(?:that|therefore|thus|hence|"
    r"definitely|clearly|simply|just|indeed|most|likely|probably|the|is|it|it's|its|answer|final|correct|one|so|"
    r"number|would|be)\b)*"
)
_BRACKETED = re.compile(
    r"\(\s?([a-z])\s?\)(?!\w)|\[\s?([a-z])\s?\]|([a-z])\)(?!\w)|([a-z])[.:](?=\s|$)|([a-z])(?=[\"'](?!\w))"
)
_BARE = re.compile(r"([a-z])(?![\w'&])(?!-\w)")
_AFTER_BARE = re.compile(r"\s*(?:$|[.,;:!?)\n(-]|(?:because|since|as|or|and|is|for|with)\b)")
_LETTER = re.compile(
    r"(?<![\w(])\(\s?([a-z])\s?\)(?!\w)|(?<!\w)\[\s?([a-z])\s?\](?!\w)|\b(?:option|choice|letter|"
    r"alternative)s? [\"'(\[]?([a-z])\b(?!'[a-z])"
    r"|(?<![\w'(])([a-z])\)(?=[\s.,:;]|$)|(?<!\w)[\"']([a-z])[\"'](?!\w)|^(?:([a-z])\.|([b-z]):)(?=\s|$)"
    r"|\b(?:is|it's|be|choose|chose|pick|picked|select|selected|say|with|answer|prefer|so|therefore|thus|hence|"
    r"leaves|leaving|definitely|certainly|clearly|probably|likely|->),? ([a-z])"
    r"(?=[ ]?(?:[.,;!?\n)]|$|because\b|since\b))"
    r"|\b(?:sentence|statement) [\"'(\[]?([a-z])[\"')\]]?(?=\s*(?:[.,;:!?\n]|$|is\b|has\b|was\b))|^([a-z])[.!]*$"
    r"|(?<![\w'-])(?<!or )(?<!and )([a-z])(?= (?:is|must be|should be) (?:the )?(?:only |most )?(?:correct|right|"
    r"best|better|true|answer)\b)|(?<![\w'-])([a-z])(?= remains\b)"
)
_JOIN = re.compile(
    r"[\s,.)\"']*(?:\b(?:or|and|and/or)\b|[/&,|])[\s,]*(?:(?:possibly|maybe|perhaps|also|even|option|choice|the|"
    r"is it)\b\s*)*"
)
_OTHERWISE = re.compile(
    r"\b(?:or|(?:could|might|may) (?:also |well )*be|possibly|maybe|perhaps|alternatively,?)\b(?:\s+(?:maybe|"
    r"perhaps|even|possibly|also|option|choice|it(?:'s| is)))*\s*"
)
_NOT_BEFORE = re.compile(
    r"(?:\bnot|n't|\bnever|\bneither|\bnor|\bcannot|\brul(?:e|ed|es|ing) out|\beliminat(?:e|ed|es|ing)|"
    r"\bexclud(?:e|ed|es|ing)|"
    r"\bdiscard(?:ed|ing)?|\binstead of|\brather than|\bunlike|\bother than|\bexcept(?: for)?|\bover|\bthan|\bwrong:|"
    r"\bincorrect:|\b(?:wrong|incorrect) (?:answer|option|choice)s? (?:is|are))\s"
    r"(?:(?!but\b)[a-z']+\s){0,4}[\"'(\[]?$"
)
_MORE = r"(?:\s?(?:,|\band\b|\bor\b|\bnor\b|/|&)+\s?(?:and |or )?(?:options? )?[(\[]?[a-z][)\]]?(?!\w)){0,10}"
_NOT_AFTER = re.compile(
    rf"[)\]\"']?{_MORE},?(?: [\w'-]+){{0,8}}? ?(?:\b(?:is|are|was|were|seems?|would be|must be|can be)\b (?:all |"
    rf"both |also |definitely |clearly |"
    r"obviously |therefore |simply |just )?(?:not|wrong|incorrect|false|ruled out|eliminated|out|impossible|"
    r"excluded|invalid|too|irrelevant|"
    r"unlikely|implausible)\b|\b(?:isn't|aren't|wasn't|cannot|can't|doesn't|does not|don't|do not|fails?|"
    r"contradicts?)\b|: ?(?:no|not|wrong|incorrect|false)\b)"
)
_CLAUSE = re.compile(
    r"\b(?:so|therefore|thus|hence|but|making|leaving|wait|actually|which means|that means|meaning|which leaves|"
    r"must be|has to be|->|=>|we get|indicates?|shows?|refers? to)\b"
)
_LINE_LETTER = re.compile(r"^[ ]*(?:option )?[(\[]?([a-z])[)\].:](?=\s)", re.MULTILINE)


_OR = re.compile(r"\bor\b")
_SAYS = re.compile(r" (?:is|are|was|has|does|would|sets|means|refers|describes|says|only|cannot|contains)\b")
_RIGHT = re.compile(r"[)\"']? (?:is|must be|should be) (?:the )?(?:only |most )?(?:correct|right|best|better|answer)\b")
_GOES_ON = re.compile(r"\w|[.,/]\d")
_UNIT = re.compile(r"(?: ?%| [a-z/]+){0,2}?(?=,? or\b)|")
_OPENS = re.compile(r"[\s\"')]*(?:$|[.,;:!]|- |because\b|since\b|as\b)")
_WHY = re.compile(r"[ ,)]*(?:because|since)\b")
_RETRACTS = re.compile(r"\b(?:wait|actually|oops|scratch that|correction)\b")


class ChoiceReader:
    """Reads the key of the option that a reply picks; with unknown options, the letter."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.by_key = {option.key: option for option in options.items}
        truths = [truth_of(option.text) for option in options.items if not option.text.isdigit()]
        self.truth = (
            TruthReader(options.items[0].text)
            if set(truths) == {True, False} and len(truths) == len(options.items)
            else None
        )
        self.plain_texts = {option.key: plain(fold(option.raw)).strip(" .") for option in options.items}

    def shorten(self, text: str) -> str:
        """A cleaned reply in a shorter form that names options by letters."""
        return shortened(text, self.options, self.plain_texts) if self.options.lettered else text

    def lead(self, text: str) -> str | Hedge | None:
        head = text[:400]
        filler = _FILLER.match(head)
        start = filler.end() if filler else 0
        if filler and filler["either"]:
            start = filler.start("either")  # an option may begin so: "both of the above"
            if self._first(head, start) is None:
                return HEDGE
        mention = self._first(head, start, named=bool(filler and filler["noun"]))
        if mention is None:
            return self._truth_key(self.truth.lead(head)) if self.truth else self._number_lead(head)
        rest = head[mention.end :]
        if mention.by_letter:
            rest, clash = self._skip_text(mention.key, rest)
            if clash:
                return HEDGE
        return HEDGE if self._wavers(mention.key, rest) else mention.key

    def whole(self, text: str) -> str | Hedge | None:
        head = text[:400].lstrip(" \"'*")
        named = re.match(r"(?:option|choice|answer|sentence|statement) ", head)
        mention = self._first(head, named.end() if named else 0, named=bool(named), strict=True)
        if mention is None:
            if self.truth:
                return self._truth_key(self.truth.whole(head))
            number = NumberReader().whole(head) if self.options.numeric else None
            return self._with_number(number) if isinstance(number, Number) else None
        rest = head[mention.end :]
        if mention.by_letter:
            behind, clash = self._skip_text(mention.key, rest)
            if head.startswith("a:") and behind == rest:
                return None  # the label of an answer, as in "Q: ... A: ..."
            if clash:
                return HEDGE
            rest = behind
        if self._wavers(mention.key, rest):
            return HEDGE
        return mention.key if _OPENS.match(rest) and not _RETRACTS.search(rest) else None

    def conclude(self, sentence: str) -> str | Hedge | None:
        letters = self._letters(sentence)
        if letters:
            return self._settle(sentence, letters)
        if self.truth:
            return self._truth_key(self.truth.conclude(sentence))
        if self.options.numeric:
            number = NumberReader().conclude(sentence)
            if isinstance(number, Hedge):
                return HEDGE
            if number is not None and (key := self._with_number(number)) in self.by_key:
                beside = any(self._speaks(mention) for mention in self.options.texts_in(simplify(sentence)))
                return HEDGE if beside and _OR.search(sentence) else key
        text = simplify(sentence)
        if whole := [option.key for option in self.options.items if option.text == unpunctuated(text)]:
            return whole[0]
        if only := [o.key for o in self.options.items if o.text == f"{unpunctuated(text)} only"]:
            return only[0]
        texts = [m for m in self.options.texts_in(text) if not _negated(text, m) and self._speaks(m)]
        if texts:
            return self._settle(text, texts)
        stated = _RATHER.split(text)[0]
        hints = self.options.hinted_in(stated) if not self.options.numeric and not _NEGATION.search(stated) else []
        return hints[0] if len(hints) == 1 else None

    def goes_through(self, text: str) -> bool:
        return len({mark[1] for mark in _LINE_LETTER.finditer(text)}) > 1

    def _first(
        self, text: str, start: int, *, named: bool = False, strict: bool = False, numbers: bool = False
    ) -> Mention | None:
        """The option named right at a place of a text; one that is a number only if told so."""
        if self.options.lettered:
            if match := _BRACKETED.match(text, start):
                key = match[match.lastindex or 0]
                if not self.by_key or key in self.by_key or match.lastindex in (1, 2):
                    return Mention(key, start, match.end(), True)
            if (match := _BARE.match(text, start)) and (not self.by_key or match[1] in self.by_key):
                open_end = _AFTER_BARE.match(text, match.end())
                own = self.plain_texts.get(match[1])
                says_own = bool(own) and text.startswith(own or "", match.end() + 1)
                if named or open_end or says_own or (match[1] not in "ai" and not strict):
                    return Mention(match[1], start, match.end(), True)
        best = None
        for key, option_text in self.plain_texts.items():
            if self.truth or (self.options.numeric and self.by_key[key].number and not numbers):
                continue
            stripped = option_text.removeprefix("the ").removeprefix("a ").removeprefix("an ")
            for form in (option_text, stripped):
                end = start + len(form)
                fits = form and text.startswith(form, start) and not text[end : end + 1].isalnum()
                exact = not (form[-1:].isdigit() and re.match(r"[.,/%]\d", text[end : end + 2]))
                if fits and exact and (best is None or end > best.end):
                    best = Mention(key, start, end, False)
        return best

    def _truth_key(self, said: bool | Hedge | None) -> str | Hedge | None:
        if said is None or isinstance(said, Hedge):
            return said
        return next(option.key for option in self.options.items if truth_of(option.text) is said)

    def _number_lead(self, text: str) -> str | Hedge | None:
        if not self.options.numeric:
            return None
        number = NumberReader().lead(text)
        if not isinstance(number, Number):
            return number
        key, line = self._with_number(number), text.split("\n")[0]
        unit = _UNIT.match(line, scan(line)[0].end)
        return HEDGE if self._wavers(key, line[unit.end() if unit else 0 :]) else key

    def _with_number(self, number: Number) -> str:
        """The key of the option with this number; a key that no option has if there is none."""
        keys = [option.key for option in self.options.items if option.number and same(number, option.number)]
        return keys[0] if len(keys) == 1 else f"={number}"

    def _skip_text(self, key: str, rest: str) -> tuple[str, bool]:
        """What follows a letter behind its own option's text, and whether another option's text follows instead."""
        behind = rest.lstrip(" :.)=,\"'(\n").removeprefix("- ")
        own = self.plain_texts.get(key, "")
        if own and behind.startswith(own) and not _GOES_ON.match(behind, len(own)):
            return behind[len(own) :], False
        follows = [
            other
            for other, text in self.plain_texts.items()
            if (len(text) > 1 or text.isdigit()) and unpunctuated(behind.split("\n")[0]) == unpunctuated(text)
        ]
        return rest, bool(follows) and key not in follows and bool(self.by_key)

    def _wavers(self, key: str, rest: str) -> bool:
        """Whether another option is offered beside the one just named."""
        end = statement_end(rest[:200])
        if (why := _WHY.match(rest)) and key not in {mention.key for mention in self._letters(rest[why.end() :])}:
            end = why.start()
        places = [match.end() for match in (_JOIN.match(rest, 0, end), _OTHERWISE.search(rest, 0, end)) if match]
        offered = [self._first(rest, place, strict=True, numbers=True) for place in places]
        other = next((mention for mention in offered if mention), None)
        if other is None or other.key == key or (self.by_key and other.key not in self.by_key):
            return False
        starts_anew = _SAYS.match(rest, other.end) and not _OR.search(rest, 0, other.start)
        return not starts_anew and not _NOT_AFTER.match(rest, other.end)

    def _letters(self, text: str) -> list[Mention]:
        if not self.options.lettered:
            return []
        found = []
        for match in _LETTER.finditer(text):
            key = match[match.lastindex or 0]
            mention = Mention(key, match.start(), match.end(), True)
            if (not self.by_key or key in self.by_key) and not _negated(text, mention):
                found.append(mention)
        return found

    def _speaks(self, mention: Mention) -> bool:
        """Whether a text names an option by itself: numbers and yes or no stand in sentences for other reasons."""
        option = self.by_key[mention.key]
        return not (self.options.numeric and option.number) and option.text not in ("i", "a")

    def _settle(self, text: str, mentions: list[Mention]) -> str | Hedge:
        """The one option that the mentions name, if need be in the last clause or where they complete the question."""
        keys = {mention.key for mention in mentions}
        if len(keys) == 1:
            return keys.pop()
        right = {mention.key for mention in mentions if _RIGHT.match(text, mention.end)}
        if len(right) == 1:
            return right.pop()
        if (word := self.options.asked) and (named := self._said_to_be(word, text, mentions)):
            return named
        if stem := self.options.stem:
            completed = {m.key for m in mentions if text.endswith(f"{stem} ", 0, m.start)}
            if len(completed) == 1:
                return completed.pop()
        for clause in list(_CLAUSE.finditer(text))[-4:][::-1]:
            last = {mention.key for mention in mentions if mention.start >= clause.end()}
            if len(last) == 1:
                return last.pop()
            if last:
                return HEDGE
        return HEDGE

    def _said_to_be(self, word: str, text: str, mentions: list[Mention]) -> str:
        """The one option of which a text says what the question asks for: "the youngest is Ann"."""
        if text.count(word) != 1:
            return ""
        behind = re.compile(rf" (?:is|was) (?:the )?{word}\b(?! than\b)")
        before = re.compile(rf"\b{word}(?: [a-z]+)? (?:is|was) (?:the )?[(\"']?$")
        keys = {
            mention.key
            for mention in mentions
            if behind.match(text, mention.end) or before.search(text[max(0, mention.start - 60) : mention.start])
        }
        wavers = any(self._wavers(mention.key, text[mention.end :]) for mention in mentions if mention.key in keys)
        return keys.pop() if len(keys) == 1 and not wavers else ""


_RATHER = re.compile(r", (?:and |but )?not | (?:and|but) not |,? (?:rather than|instead of|unlike) ")
_NEGATION = re.compile(r"\bnot\b|n't\b|\bneither\b|\bcannot\b|\bunknown\b|\bunclear\b")


def _negated(text: str, mention: Mention) -> bool:
    before = re.split(r"[.;]\s|,\s(?!(?:or|nor|and)\b)|\bbut\b", text[max(0, mention.start - 50) : mention.start])[-1]
    return bool(_NOT_BEFORE.search(before) or _NOT_AFTER.match(text, mention.end))
