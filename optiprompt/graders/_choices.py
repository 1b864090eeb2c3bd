"""Multiple choice: the options of a question, and where a text mentions them."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from optiprompt.graders._asked import asked_person, asked_word
from optiprompt.graders._degrees import PARTS, TO_LAST, degrees, fits
from optiprompt.graders._numbers import Number, parse
from optiprompt.graders._text import UNSPACED, fold, plain

_FORMS = (
    re.compile(r"(?<!\w)\(([A-Z])\)"),
    re.compile(r"(?<![\w(])([A-Z])\)"),
    re.compile(r"^[ ]*([A-Z])[.:](?=\s)", re.MULTILINE),
    re.compile(r"(?<!\w)\(([a-z])\)"),
    re.compile(r"^[ ]*([a-z])[.)](?=\s)", re.MULTILINE),
)
_DASHED = re.compile(r"^[ ]*[-*\u2022][ ]+(.*\S)", re.MULTILINE)
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec"
_MONTH = r"(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATES = re.compile(
    rf"\b{_MONTH} (?P<day>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<year>\d{{4}})\b|\b(?P<day2>\d{{1,2}})(?:st|nd|rd|"
    rf"th)?(?: of)? "
    rf"{_MONTH.replace('month', 'month2')},? (?P<year2>\d{{4}})\b|"
    rf"\b(?P<year3>\d{{4}})-(?P<month3>\d\d)-(?P<day3>\d\d)\b"
)
_TIME = re.compile(r"(\d)(?::00)? ?([ap])\.?m\b\.?")
_FIRST_MARK = re.compile(r"\n\s*\(?[Aa][).:]")
_RANGE = re.compile(
    r"\b(\d{1,2}(?::\d\d)?) ?([ap])\.?m\b\.?(?: ?- ?| (?:to|until|till|(and)) )(\d{1,2}(?::\d\d)?) ?([ap])\.?m\b"
)
_NONE = re.compile(
    r"\bnone of (?:above|these|(?:options|choices|answers)(?=[.! ]*$))(?: (?:options|choices|answers)\b)?"
)
_EITHER = re.compile(r"[^\W\d_]+ or [^\W\d_]+")
_ZEROS = re.compile(r"\b0+(?=\d+/)|(?<=/)0+(?=\d+/)")
_ARTICLES = re.compile(r"\b(?:the|an?)\s(?=\s*\S)")
_SPACES = re.compile(r"\s+")
# Chinese: bu, fei, mei, wu, wei, fou; Japanese: dewa nai, dewa naku, dewa ari(masen), ja na(i).
_DENIED_BEFORE = re.compile("[\u4e0d\u975e\u6ca1\u6c92\u7121\u65e0\u672a\u5426]")
_DENIED_BEHIND = re.compile("\u3067\u306f(?:\u306a\u3044|\u306a\u304f|\u3042\u308a)|\u3058\u3083\u306a")
_OPERATORS = re.compile(r" ([+*/^]) |(?<=\d) ([-\u2013]) (?=[\d(])|(?<=[(]) | (?=[)])")
_COMMON_WORDS = "the a an of in on at to is are was were be by for from and or not it its with as than that this"
_COMMON = frozenset(_COMMON_WORDS.split())


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its key (a lower-case letter, or its text where it has none), its text made plain, its number."""

    key: str
    text: str
    number: Number | None
    raw: str


@dataclass(frozen=True, slots=True)
class Mention:
    """A place where a text names an option."""

    key: str
    start: int
    end: int
    by_letter: bool


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a question; empty when they are unknown.

    Attributes:
        items: in the question's order.
        lettered: whether letters name them.
        stem: the last words of a question that an option completes: `bob has`.
        asked: the word for what a question asks for: `sarcastic`.
        person: whose thing a question asks for: `bob`.
        others: the other names in such a question.
    """

    items: tuple[Option, ...] = ()
    lettered: bool = True
    stem: str = ""
    asked: str = ""
    person: str = ""
    others: tuple[str, ...] = ()

    @property
    def numeric(self) -> bool:
        """Whether most options are numbers; then a number in prose names an option only as the prose's result."""
        numbers = [option for option in self.items if option.number]
        return len(numbers) >= 2 and 2 * len(numbers) >= len(self.items)

    def named(self, text: str) -> Option | None:
        """The option that a target means: by its letter, its text, or its number."""
        wanted = simple(text)
        letter = re.fullmatch(r"[(\[]?([a-z])[)\].:]*", fold(text).strip())
        for option in self.items:
            if (self.lettered and letter and letter[1] == option.key) or wanted == option.text:
                return option
        number = parse(fold(text))
        return next((o for o in self.items if number and o.number and number.values[0] == o.number.values[0]), None)

    def texts_in(self, text: str) -> list[Mention]:
        """Where the options' texts stand in a simple text as whole words; the longest text wins.

        In scripts without spaces they may stand within a sentence, where none stands by itself.
        """
        found = self._placed(text, _places) or self._placed(text, _unspaced_places)
        found.sort(key=lambda mention: (mention.start, -mention.end))
        kept: list[Mention] = []
        for mention in found:
            contained = kept and mention.end <= kept[-1].end
            if not contained or (mention.start, mention.end) == (kept[-1].start, kept[-1].end):
                kept.append(mention)
        return kept

    def _placed(self, text: str, places: Callable[[str, str], list[tuple[int, int]]]) -> list[Mention]:
        return [
            Mention(option.key, start, end, False)
            for option in self.items
            if option.text
            for start, end in places(text, option.text)
            if not TO_LAST.match(text, end)
        ]

    def hinted_in(self, text: str) -> list[str]:
        """The options of which a text holds all words, or all those that tell them from options made alike."""
        keys = [key for key in self._hinted_in(text) if self._in_order(key, text)] or self._loosely_in(text)
        fitting = [key for key in keys if self._fits_degree(key, text)]
        if len(keys) > 1 and fitting == keys and any(degrees(option.text) for option in self.items):
            parts = PARTS.split(text)
            return [key for part in parts for key in self._hinted_in(part) if self._fits_degree(key, part)]
        return fitting

    def _fits_degree(self, key: str, text: str) -> bool:
        option = next(option.text for option in self.items if option.key == key)
        return fits(option, text, len(self.items))

    def _in_order(self, key: str, text: str) -> bool:
        """Whether a text has the two times of an option such as `3pm to 4pm` in their order."""
        first, to, last = next(option.text for option in self.items if option.key == key).partition(" to ")
        return not (to and first[:1].isdigit() and last[:1].isdigit()) or 0 <= text.find(first) < text.rfind(last)

    def _loosely_in(self, text: str) -> list[str]:
        """The options that a text names in the singular or, where several are `x or y`, by one of their words."""
        pairs = sum(bool(_EITHER.fullmatch(option.text)) for option in self.items) > 1
        said = f" {_singular(text)} "
        keys = []
        for option in self.items:
            forms = [option.text, *(option.text.split(" or ") if pairs and _EITHER.fullmatch(option.text) else [])]
            named = [_singular(form) for form in forms]
            if any(said == f" {form} " or (pairs and f" {form} " in said) for form in named if form):
                keys.append(option.key)
        return keys

    def _hinted_in(self, text: str) -> list[str]:
        words = set(_words(text))
        bags = {option.key: set(_words(option.text)) - _COMMON for option in self.items}
        whole = [key for key, bag in bags.items() if bag and bag <= words]
        if whole:
            return whole
        count = Counter(word for bag in bags.values() for word in bag)
        own = {key: {word for word in bag if count[word] == 1} for key, bag in bags.items()}
        if any(own[key] & words and not own[key] <= words for key in own):
            return []
        return [key for key, bag in own.items() if bag and bag < bags[key] and bag <= words] or [
            key for key, bag in own.items() if bag and bag <= words
        ]


@lru_cache(maxsize=4096)
def read_options(question: str) -> Options:
    """The options of a question: `(A) ...`, `A) ...`, `A. ...` or, without letters, lines `- ...` under `Options:`."""
    before, _, behind = question.rpartition("ptions:")
    before = before.removesuffix("O").strip()
    stem = simple(before).split(" ")[-2:] if before[-1:].isalnum() else []
    for part in (behind, question):
        run = max((_lettered(part, form) for form in _FORMS), key=len)
        if run:
            items = tuple(_option(letter, _trimmed(text)) for letter, text in run)
            asking = before or _FIRST_MARK.split(question)[0]
            person, others = asked_person(asking)
            return Options(items, True, " ".join(stem), asked_word(asking), person, others)
    return from_texts(_DASHED.findall(behind)) if before else Options()


def from_texts(texts: list[str]) -> Options:
    """Options without letters, named by their texts."""
    return Options(tuple(_option(simple(text), text) for text in texts), lettered=False)


def simple(text: str) -> str:
    """Text in the form in which options are compared: folded, plain, without articles and outer punctuation."""
    return unpunctuated(simplify(plain(fold(text))))


def simplify(folded: str) -> str:
    """Folded text with one form for spaces, dates, times and articles."""
    text = _TIME.sub(r"\1\2m", ranged(_DATES.sub(_as_numbers, folded)))
    text = _NONE.sub("none of these", _SPACES.sub(" ", _ARTICLES.sub("", _ZEROS.sub("", text))).strip())
    return _OPERATORS.sub(lambda sign: sign[1] or sign[2] or "", text)


def ranged(folded: str) -> str:
    """Folded text with one form for spans of time: `3pm to 4pm`."""
    return _RANGE.sub(lambda span: f"{span[1]}{span[2]}m {span[3] or 'to'} {span[4]}{span[5]}m", folded)


def unpunctuated(text: str) -> str:
    return text.strip(" \n.,;:!?\"'")


def _option(key: str, raw: str) -> Option:
    return Option(key, simple(raw), parse(plain(fold(raw))) or _with_unit(plain(fold(raw))), raw.strip())


def _with_unit(text: str) -> Number | None:
    """The number of `36 minutes`; texts with more words are no numbers."""
    words = text.split()
    return parse(words[0]) if len(words) == 2 and words[1].replace("/", "").isalpha() else None


def _lettered(text: str, form: re.Pattern[str]) -> list[tuple[str, str]]:
    """The longest run A, B, C, ... of at least two letters with texts."""
    best: list[tuple[str, str]] = []
    run: list[re.Match[str]] = []
    for mark in [*form.finditer(text), None]:
        if mark and len(run) < 26 and mark[1].lower() == chr(ord("a") + len(run)):
            run.append(mark)
            continue
        if len(run) > max(1, len(best)):
            ends = [following.start() for following in run[1:]] + [mark.start() if mark else len(text)]
            texts = [text[m.end() : end].strip().split("\n")[0] for m, end in zip(run, ends, strict=True)]
            if all(texts[:-1]):
                best = [(m[1].lower(), said) for m, said in zip(run, texts, strict=True)]
        run = [mark] if mark and mark[1].lower() == "a" else []
    return best


def _trimmed(raw: str) -> str:
    """An option's text without what parts it from the next one, in a list of strings too."""
    text = raw.strip(" ,;'\"")
    return text if "[" in text else text.removesuffix("]").rstrip("'\"")


def _as_numbers(date: re.Match[str]) -> str:
    parts = date.groupdict()
    month = parts["month"] or parts["month2"]
    number = int(parts["month3"]) if not month else _MONTHS.split().index(month) + 1
    day = parts["day"] or parts["day2"] or parts["day3"]
    return f"{number}/{int(day or 0)}/{parts['year'] or parts['year2'] or parts['year3']}"


def _places(text: str, part: str) -> list[tuple[int, int]]:
    """Where a part stands in a text as whole words and numbers."""
    places = []
    start = text.find(part)
    while start >= 0:
        end = start + len(part)
        before, after = text[start - 1 : start], text[end : end + 2]
        inside = (
            part[0].isalnum() and (before.isalnum() or ((part[0].isdigit() and before in ("-", ".", "/")) and before))
        ) or (
            part[-1].isalnum()
            and (
                after[:1].isalnum()
                or (part[-1].isdigit() and after[:1] in (".", ",", "/", "%") and after[1:].isdigit())
            )
        )
        if not inside:
            places.append((start, end))
        start = text.find(part, end if not inside else start + 1)
    return places


def _unspaced_places(text: str, part: str) -> list[tuple[int, int]]:
    """Where a part of several characters stands in a script without spaces, and is not denied."""
    if len(part) < 2 or not UNSPACED.search(part):
        return []
    return [
        found.span()
        for found in re.finditer(re.escape(part), text)
        if not _DENIED_BEFORE.search(text, max(0, found.start() - 3), found.start())
        and not _DENIED_BEHIND.match(text, found.end())
    ]


def _singular(text: str) -> str:
    words = (re.sub(r"(?<=\w\w)ies$", "y", word) for word in re.findall(r"[^\W_]+", text))
    return " ".join(re.sub(r"(?<=\w\w)(?<![sui])s$", "", word) for word in words)


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+(?:[/:.'-][^\W_]+)*", text)
