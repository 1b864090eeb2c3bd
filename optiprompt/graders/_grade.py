"""Was the answer right: one function for all tasks."""

import re
from difflib import get_close_matches
from functools import lru_cache
from typing import Literal, get_args

from optiprompt.errors import UsageError
from optiprompt.graders import _lists, _numbers, _plain, _reference
from optiprompt.graders._choices import Option, Options, read_options
from optiprompt.graders._final import final_answer
from optiprompt.graders._picks import ChoiceReader
from optiprompt.graders._stated import Statements
from optiprompt.graders._sums import NumberReader
from optiprompt.graders._text import clean, fold
from optiprompt.graders._truth import TruthReader, truth_of

Kind = Literal["number", "choice", "boolean", "text", "list"]
Mode = Literal["default", "reference"]


def grade(
    output: str, target: str | list[str], *, question: str = "", kind: str = "auto", mode: Mode = "default"
) -> bool:
    """Whether a reply gives the right answer, as a fair human grader would judge it.

    Args:
        output: the model's whole reply.
        target: the right answer as the data file has it, or several of which any is right.
        question: the question as the model saw it; the options of multiple choice are read from it.
        kind: `number`, `choice`, `boolean`, `text`, `list` (words or brackets whose order counts), or `auto`, which
            tells the kind by the target and the question.
        mode: `default`, or `reference` for the verdicts of the published OPRO pipeline, its faults included.

    Raises:
        UsageError: unknown kind or mode. No text of an output raises anything.
    """
    _check(kind, mode)
    targets = [target] if isinstance(target, str) else target
    if mode == "reference":
        return any(_as_published(output, one, question, kind) for one in targets)
    return any(_is_right(output, one, question, kind) for one in targets)


def extract(output: str, target: str | list[str] = "", *, question: str = "", kind: str = "auto") -> str:
    """The answer that `grade` reads in a reply, as a short string; empty where none can be read.

    A choice is `(B)` or the option's text where options have no letters; a boolean is in the words of the target
    (`yes`, `invalid`); a list its words. Without a target the kind is told by the question.

    Raises:
        UsageError: unknown kind.
    """
    _check(kind, "default")
    first = target if isinstance(target, str) else next(iter(target), "")
    kind = kind_of(first, question, read_options(question)) if kind == "auto" else kind
    match kind:
        case "number":
            number = _number_in(output, question)
            return str(number) if number else ""
        case "choice":
            return _shown(_picked_in(output, question), read_options(question))
        case "boolean":
            return _in_words(_truth_in(output, question, fold(first).strip(" .")), first)
        case "list" if _lists.is_brackets(first):
            return _lists.brackets(output)
        case "list" if first:
            return " ".join(_lists.last_list(output, first, question))
    return _plain.spoken(output, question)


def kind_of(target: str, question: str, options: Options) -> Kind:
    """Which kind of answer a target is."""
    folded = fold(target).strip(" .\n")
    if "####" in target:
        return "number"
    if options.lettered and options.items and (not folded or _meant(options, target)):
        return "choice"
    if truth_of(folded) is not None and not folded.isdigit():
        return "boolean"
    if options.items and (not folded or options.named(target)):
        return "choice" if folded or options.items[0].text not in ("yes", "no", "valid", "invalid") else "boolean"
    if re.fullmatch(r"\([a-z]\)", folded) or re.fullmatch(r"[A-Z][).]?", target.strip()):
        return "choice"
    if _numbers.parse(folded) and any(char.isdigit() for char in folded):
        return "number"
    words = folded.split()
    sorts = re.match(r"(?:please )?(?:sort|alphabeti[sz]e|order|arrange)\b", fold(question).strip())
    if _lists.is_brackets(target) or (sorts and len(words) > 1) or (len(words) > 3 and words == sorted(words)):
        return "list"
    return "text"


def _check(kind: str, mode: str) -> None:
    for name, value, known in (("kind", kind, ("auto", *get_args(Kind))), ("mode", mode, get_args(Mode))):
        if value not in known:
            near = get_close_matches(value, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
            raise UsageError(f"unknown {name} of grading {value!r}: {hint}")


def _is_right(output: str, target: str, question: str, kind: str) -> bool:
    kind = kind_of(target, question, read_options(question)) if kind == "auto" else kind
    match kind:
        case "number":
            return _number_is_right(output, target, question)
        case "choice":
            return _choice_is_right(output, target, question)
        case "boolean" if (truth := truth_of(fold(target).strip(" ."))) is not None:
            return _truth_in(output, question, fold(target).strip(" .")) is truth
        case "list" if _lists.is_brackets(target):
            return _lists.same_brackets(_lists.brackets(output), target, question)
        case "list":
            return _lists.lists(output, target, question)
    lists = len(target.split()) > 1 and _lists.lists(output, target, question)
    return lists or _plain.says(output, target, question)


def _number_is_right(output: str, target: str, question: str) -> bool:
    wanted = _numbers.parse(fold(target.rpartition("####")[2]))
    if wanted is None:
        return _plain.says(output, target, question)
    answer = _number_in(output, question)
    return answer is not None and _numbers.same(answer, wanted)


def _choice_is_right(output: str, target: str, question: str) -> bool:
    options = read_options(question)
    option = _meant(options, target)
    letter = re.fullmatch(r"\s*[(\[]?([a-zA-Z])[)\].:]*\s*", target)
    if option is None and not (letter and not options.items):
        return _plain.says(output, target, question)
    wanted = option.key if option else fold(letter[1]) if letter else None
    return wanted is not None and _picked_in(output, question) == wanted


# Grading a reply reads the same answer several times: once for each target, and once more to show it.
@lru_cache(maxsize=64)
def _number_in(output: str, question: str) -> _numbers.Number | None:
    return final_answer(clean(output, question), NumberReader(fold(question)))


@lru_cache(maxsize=64)
def _truth_in(output: str, question: str, target: str) -> bool | None:
    text = clean(output, question)
    return final_answer(text, TruthReader(target, Statements(question, text)))


@lru_cache(maxsize=64)
def _picked_in(output: str, question: str) -> str | None:
    return picked(output, question, read_options(question))


def picked(output: str, question: str, options: Options) -> str | None:
    """The key of the option that a reply picks; None for none or several."""
    reader = ChoiceReader(options)
    return final_answer(reader.shorten(clean(output, question)), reader)


def _meant(options: Options, target: str) -> Option | None:
    """The option that a target means: by letter, text or number, or by its index from 0, as in MMLU's files."""
    option = options.named(target)
    if option is None and options.lettered and target.strip().isdecimal() and len(target.strip()) < 3:
        index = int(target)
        return options.items[index] if index < len(options.items) else None
    return option


def published_answer(output: str, target: str | list[str], *, question: str = "", kind: str = "auto") -> str:
    """The answer that the published pipeline reads in a reply."""
    first = target if isinstance(target, str) else next(iter(target), "")
    return _reference.read(output, _published_kind(first, question) if kind == "auto" else kind)


def _as_published(output: str, target: str, question: str, kind: str) -> bool:
    target = target.rpartition("####")[2].strip()
    return _reference.grade(output, target, question, _published_kind(target, question) if kind == "auto" else kind)


def _published_kind(target: str, question: str) -> Kind:
    """The kind that the published scripts know by the task's name."""
    folded = fold(target.rpartition("####")[2]).strip()
    if truth_of(folded) is not None and not folded.isdigit():
        return "boolean"
    if _numbers.parse(folded) and "^" not in folded:
        return "number"
    return "choice" if "(A)" in question and "(B)" in question else "text"


def _shown(key: str | None, options: Options) -> str:
    if key is None or key.startswith("="):
        return (key or "").removeprefix("=")
    named = next((option for option in options.items if option.key == key), None)
    return named.raw if named and not options.lettered else f"({key.upper()})"


def _in_words(said: bool | None, target: str) -> str:
    if said is None:
        return ""
    family = TruthReader(fold(target).strip(" .")).family or ("no", "yes")
    return family[said]
