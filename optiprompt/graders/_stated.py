"""A yes/no question answered by a statement: `Does Ann lie?`, `Ann does not`."""

import re

from optiprompt.graders._text import fold, plain, sentences, tidy

_DO = frozenset(["does", "do", "did"])
_AUX = "does|do|did|is|are|was|were|will|would|can|could|has|have|had|should"
_QUESTION = re.compile(rf"(?:^|[.?!:;,\n\"'])[ ]*({_AUX}) ([^.?!:;\n]{{3,300}})\?", re.MULTILINE)
_TOKEN = re.compile(r"[^\W_]+(?:[-'][^\W_]+)*")
_SHORT = {"won't": ["will", "not"], "can't": ["can", "not"], "cannot": ["can", "not"], "never": ["not"]}
_ADVERBS = frozenset(
    ["really", "indeed", "actually", "definitely", "clearly", "certainly", "simply", "also", "then", "ultimately"]
)

# Where in a sentence a statement of its own may begin and end.
_LEAD_IN = re.compile(
    r"(?<!not )\b(?:so|therefore|thus|hence|consequently|finally|overall|in conclusion|in the end|this means|"
    r"that means|which means|meaning|it follows|(?:we|i|people|person) (?:can |would |will )?(?:conclude|say)),?"
    r"(?: that)?,? |^that "
)
_GROUND = re.compile(
    r"(?:since|because|as|given|after|based on|at the end|if you follow (?:all )?(?:of )?(?:these|the|those) "
    r"(?:instructions|directions|steps))\b[^?]{0,300}?, "
)
_TAIL = re.compile(r"[,;:(]| - | (?:because|since|as|given|but|after|when|at the end|in the end|again)\b|[.!\"')]*$")
_OPEN = re.compile(
    r"\?|\b(?:if|unless|whether|suppos(?:e|ing)|assum(?:e|es|ing)|or|only|says?|said|claims?|according|perhaps|maybe|"
    r"possibly|actually|wait)\b"
)
_CONDITION = re.compile(r"\b(?:if (?!you follow )|suppos(?:e|ing)\b|assum(?:e|ing)\b)[^.!?\n]*$")

_LENGTH = 400  # characters of a sentence that states an answer
_PLACE = (
    r"(?:back )?(?:(?:to|at|in|on) )?(?:the|your|our) (?:(?:exact|same|original) )?start(?:ing)? (?:point|position|"
    r"place)"
)
_RETURN = re.compile(
    rf"(?:you|we|i) (?:(?:do|did|will|would|are|were|have) )?(?P<no>not )?"
    rf"(?P<move>(?:return|returned|end up|ended up|come|came|get|got|arrive|arrived|be|been) )?{_PLACE}"
)
_HONEST = re.compile(r"(.+) (?:tell the truth|telling the truth|honest|truthful)")
_TRUTHS = re.compile(
    r"(?:(?:does )?tells? the truth|must tell the truth|(?:is|must be) (?:telling the truth|honest|truthful|"
    r"a truth-teller)|(?:does not|is not|must not) (?:lie|lying|be lying|a liar))"
)
_LIES = re.compile(
    r"(?:(?:does |must )?lies?|(?:is|must be) (?:lying|a liar|dishonest)|"
    r"(?:does|is) not (?:tell the truth|telling the truth|honest|truthful))"
)
_PRONOUNS = frozenset(["he", "she", "they", "it"])
_DID_IT = re.compile(r"(did )?(not )?(?:did|do) (?:it|so|this|that)")


class Statements:
    """Reads the sentences of a cleaned reply that answer a question by stating what it asks, or the opposite."""

    def __init__(self, question: str, text: str) -> None:
        questions = list(_QUESTION.finditer(tidy(plain(fold(question)))))
        last = questions[-1] if questions and "?" not in questions[-1].string[questions[-1].end() :] else None
        words = _normal(last[2]) if last else []
        self.verb, self.words = (last[1], words) if last and "not" not in words else ("", [])
        self.text = text
        self.last = sentences(text)[-1] if self.words and text else ""

    def opens(self, sentence: str) -> bool | None:
        """What the first or last sentence of a reply states."""
        if not self.words or len(sentence) > _LENGTH:
            return None
        first = (
            sentence != self.last
            and (back := _RETURN.match(" ".join(_normal(sentence))))
            and not (back["no"] or back["move"])
        )
        return None if first else self._says(sentence, [0, *_starts(sentence)])  # "you are at the start" may be a step

    def concludes(self, sentence: str) -> bool | None:
        """What a sentence concludes with a word such as `so`, or what the last sentence states."""
        starts = _starts(sentence)
        return self._says(sentence, [0, *starts] if self.last.endswith(sentence) else starts)

    def led(self, rest: str) -> bool | None:
        """What the rest of a sentence concludes with a word such as `so`."""
        return self._says(rest, _starts(rest))

    def _says(self, sentence: str, starts: list[int]) -> bool | None:
        place = self.text.rfind(sentence)
        if not self.words or sentence.endswith("?") or len(sentence) > _LENGTH:
            return None
        if _CONDITION.search(self.text[max(0, place - _LENGTH) : max(0, place)]):
            return None
        for start in reversed(starts):
            for end in [tail.start() for tail in _TAIL.finditer(sentence, start)][:8]:
                said = self._states(_normal(sentence[start:end]))
                if said is not None:
                    return None if _OPEN.search(sentence, end) or _CONDITION.search(sentence[:start]) else said
        return None

    def _states(self, said: list[str]) -> bool | None:
        text, asked = " ".join(said), " ".join(self.words)
        if _RETURN.fullmatch(asked) and (back := _RETURN.fullmatch(text)):
            return not back["no"]
        if (honest := _HONEST.fullmatch(asked)) and text.startswith(honest[1] + " "):
            rest = text[len(honest[1]) + 1 :]
            return True if _TRUTHS.fullmatch(rest) else False if _LIES.fullmatch(rest) else None
        goal = self.words
        if "intentionally" in goal:
            said, goal = _intended(said, goal)
        rest_of = [word for word in said if word != "not"]
        return said.count("not") == 0 if said.count("not") < 2 and self._same(rest_of, goal) else None

    def _same(self, said: list[str], goal: list[str]) -> bool:
        """Whether a statement has a question's words and its verb, which `do` may lend to another: `Ann lied`."""
        if len(said) == len(goal) + 1:
            return any(said[:n] + said[n + 1 :] == goal for n, word in enumerate(said) if word == self.verb)
        changed = [(new, old) for new, old in zip(said, goal, strict=False) if new != old]
        inflected = all(new in (old + "s", old + "es", old + "d", old + "ed") for new, old in changed)
        return self.verb in _DO and len(said) == len(goal) and len(changed) < 2 and inflected


def _normal(text: str) -> list[str]:
    """The words of a text, with `not` on its own, without adverbs that change nothing."""
    words: list[str] = []
    for word in _TOKEN.findall(text):
        short = _SHORT.get(word) or ([word[:-3], "not"] if word.endswith("n't") else [word])
        words += [part for part in short if part not in _ADVERBS]
    return words


def _starts(sentence: str) -> list[int]:
    ground = _GROUND.match(sentence)
    return [*([ground.end()] if ground else []), *(lead.end() for lead in _LEAD_IN.finditer(sentence))][-8:]


def _intended(said: list[str], goal: list[str]) -> tuple[list[str], list[str]]:
    """Statement and question without `intentionally`, where both have it; its place and `he did it` do not matter."""
    text = " ".join(said).replace("on purpose", "intentionally")
    if text.split().count("intentionally") != 1:
        return said, goal
    place = goal.index("intentionally")
    subject, did = goal[:place], goal[place + 1 :]
    words = [word for word in text.split() if word != "intentionally"]
    if words and words[0] in _PRONOUNS:
        words = subject + words[1:]
    if words[:place] == subject and (short := _DID_IT.fullmatch(" ".join(words[place:]))):
        words = [*subject, *(["not"] if short[2] else []), *did]
    return words, subject + did
