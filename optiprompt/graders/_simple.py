"""Graders that compare a reply with its target."""

import json as jsonlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from string import ascii_lowercase
from typing import Any

from optiprompt.backends.base import Backend
from optiprompt.errors import UsageError
from optiprompt.graders import _plain
from optiprompt.graders._base import Grader, GradingError, Target, Verdict, targets_of
from optiprompt.graders._choices import Option, Options, from_texts
from optiprompt.graders._grade import Mode, extract, grade, picked, published_answer

_ATTEMPTS = 200  # opening braces at which a JSON object is looked for


@dataclass(frozen=True, slots=True)
class Kind(Grader):
    """`grade` with one kind and mode."""

    kind: str = "auto"
    mode: Mode = "default"

    async def grade(self, output: str, target: Target, *, question: str = "", judge: Backend | None = None) -> Verdict:
        right = grade(output, target, question=question, kind=self.kind, mode=self.mode)
        read = extract if self.mode == "default" else published_answer
        return Verdict(float(right), read(output, target, question=question, kind=self.kind))


@dataclass(frozen=True, slots=True)
class Exact(Grader):
    """The reply is the target, spaces around it and the Unicode form of accents aside."""

    async def grade(self, output: str, target: Target, *, question: str = "", judge: Backend | None = None) -> Verdict:
        right = _composed(output) in map(_composed, targets_of(target))
        return Verdict(float(right), output.strip())


@dataclass(frozen=True, slots=True)
class Contains(Grader):
    """The reply contains the target as whole words, in any case."""

    async def grade(self, output: str, target: Target, *, question: str = "", judge: Backend | None = None) -> Verdict:
        right = any(_plain.contains(output, one) for one in targets_of(target))
        return Verdict(float(right), output.strip())


@dataclass(frozen=True, slots=True)
class Choice(Grader):
    """The reply settles on the option that the target names."""

    options: tuple[str, ...]

    @property
    def labels(self) -> Sequence[str]:
        """The options."""
        return self.options

    async def grade(self, output: str, target: Target, *, question: str = "", judge: Backend | None = None) -> Verdict:
        options = _as_options(self.options)
        wanted = [options.named(one) for one in targets_of(target)]
        if None in wanted:
            raise GradingError(f"the target {target!r} {self.misfit(target)}")
        key = picked(output, question, options)
        answer = next((option.raw for option in options.items if option.key == key), "")
        return Verdict(float(any(option is not None and option.key == key for option in wanted)), answer)

    def misfit(self, target: Target) -> str:
        """It names options."""
        known = all(map(_as_options(self.options).named, targets_of(target)))
        return "" if known else f"is none of the choices: {', '.join(self.options)}"


@lru_cache(maxsize=64)
def _as_options(labels: tuple[str, ...]) -> Options:
    letters = [label.strip().lower() for label in labels]
    if all(len(letter) == 1 and letter in ascii_lowercase for letter in letters):
        items = zip(letters, labels, strict=True)
        return Options(tuple(Option(letter, "", None, label) for letter, label in items))
    return from_texts(list(labels))


@dataclass(frozen=True, slots=True)
class Json(Grader):
    """The reply's last JSON object has the target's fields with equal values."""

    fields: tuple[str, ...] | None = None

    async def grade(self, output: str, target: Target, *, question: str = "", judge: Backend | None = None) -> Verdict:
        said = _last_object(output)
        faults = [self._fault(said or {}, one) for one in targets_of(target)]
        if said is None:
            return Verdict(0.0, "", "the reply holds no JSON object")
        return Verdict(float("" in faults), jsonlib.dumps(said, ensure_ascii=False), min(faults, key=len))

    def misfit(self, target: Target) -> str:
        """It is an object with the fields."""
        return next(filter(None, (self._lack(_last_object(one)) for one in targets_of(target))), "")

    def _lack(self, wanted: dict[str, Any] | None) -> str:
        """Why no object can be compared with a target's."""
        if wanted is None:
            return "is no JSON object"
        unknown = [name for name in self.fields or () if name not in wanted]
        return f"has no field {unknown[0]!r}: it has {', '.join(wanted)}" if unknown else ""

    def _fault(self, said: dict[str, Any], target: str) -> str:
        """What is wrong with an object, empty if nothing."""
        wanted, missing = _last_object(target), object()
        lack = self._lack(wanted)
        if wanted is None or lack:
            raise GradingError(f"the target {target[:80]!r} {lack}")
        for name in self.fields or wanted:
            if not _equal(said.get(name, missing), wanted.get(name)):
                got = jsonlib.dumps(said[name], ensure_ascii=False) if name in said else "nothing"
                return f"field {name!r} is {got}, not {jsonlib.dumps(wanted.get(name), ensure_ascii=False)}"
        return ""


def auto() -> Grader:
    """Tells the kind of answer by the target and the question: see `grade`."""
    return Kind()


def number() -> Grader:
    """The number that the reply settles on equals the target."""
    return Kind("number")


def boolean() -> Grader:
    """Yes or no, true or false, valid or invalid."""
    return Kind("boolean")


def reference() -> Grader:
    """The verdicts of the published OPRO pipeline."""
    return Kind(mode="reference")


def exact() -> Grader:
    """The reply is the target, spaces around it aside."""
    return Exact()


def contains() -> Grader:
    """The reply contains the target as whole words, in any case."""
    return Contains()


def choice(options: Sequence[str]) -> Grader:
    """The reply settles on the option that the target names.

    Raises:
        UsageError: fewer than two options, or two alike.
    """
    if isinstance(options, str) or len(options) < 2:
        raise UsageError(f"choice needs a list of at least two options, not {options!r}")
    seen: dict[tuple[str, ...], str] = {}
    for option in options:
        alike = seen.setdefault(_key(option), option)
        if alike is not option:
            raise UsageError(f"choice cannot tell {alike!r} and {option!r} apart: take the grader exact")
    return Choice(tuple(options))


def json(fields: Sequence[str] | None = None) -> Grader:
    """The reply's last JSON object has these fields of the target, or all of its fields, with equal values."""
    return Json(tuple(fields) if fields else None)


def _key(option: str) -> tuple[str, ...]:
    return tuple(_plain.tokens(option)) or (option,)


def _last_object(text: str) -> dict[str, Any] | None:
    """The last JSON object that stands in a text."""
    decoder, found = jsonlib.JSONDecoder(), None
    start = text.find("{")
    for _ in range(_ATTEMPTS):
        if start < 0:
            break
        try:
            found, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            end = start + 1
        start = text.find("{", end)
    return found


def _equal(left: Any, right: Any) -> bool:
    """Equality of JSON values: true is not 1, 1 is 1.0, spaces around a string do not count."""
    if isinstance(left, str) and isinstance(right, str):
        return left.strip() == right.strip()
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal(left[name], right[name]) for name in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()
