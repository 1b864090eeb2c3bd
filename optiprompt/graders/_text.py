"""A model's reply as plain text: case folded, without emphasis, LaTeX, reasoning blocks and run-on questions.

Every pattern here and in the readers takes time linear in the text, whatever the text.
"""

import re
import unicodedata

_PLAIN = str.maketrans(
    {chr(wide): chr(wide - 0xFEE0) for wide in range(0xFF01, 0xFF5F)}
    | dict.fromkeys("\u2018\u2019\u02bc\u00b4", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb", '"')
    | dict.fromkeys("\u00a0\u2007\u2009\u202f\u3000\t", " ")
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-")
    | dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad", "")
    | dict.fromkeys("\r\v\f\x85\u2028\u2029\x1c\x1d\x1e", "\n")
    | {"\u2014": " - ", "\u00d7": "*", "\u22c5": "*", "\u00b7": "*", "\u00f7": "/", "\u2044": "/", "\u2192": "->"}
    | {"\u00bd": " 1/2", "\u00bc": " 1/4", "\u00be": " 3/4", "\u2153": " 1/3", "\u2154": " 2/3"}
)

_STRUCK = re.compile(r"~~[^~\n]*~~")
_FENCE = re.compile(r"```(?:[a-z+]+(?=\n))?")
_STARS = re.compile(r"\*+|_+")
_QUOTED = re.compile(r"^[ ]*>[ ]", re.MULTILINE)
_HEADING = re.compile(r"^[ ]*#{1,6}(?!#)[ ]*(?=\S)", re.MULTILINE)
_TAGGED = re.compile(r"<(/?)(?:final[-_ ]?)?answer>")
_END = re.compile(r"<\|?(?:im_end|end_of_text|endoftext|eot_id|end|/s)\|?>")
_EMPTY_LINES = re.compile(r"\n{3,}")
_NEXT_QUESTION = re.compile(r"\n(?:q|question|human|user)[ ]?\d*[ ]?:")
_OPTIONS_ECHO = re.compile(r"^options:[ ]*(?:\n[ ]*(?:[-*]|\(?[a-z][).:])[ ][^\n]*)+", re.MULTILINE)

_HEAD, _TAIL = 4_000, 16_000  # characters

_BRACES = re.compile(r"\\(?:boxed|fbox)\s*\{|[{}]")
_FRACTION = re.compile(r"\\[dt]?frac\s*(?:\{([^{}]*)\}|(\d))\s*(?:\{([^{}]*)\}|(\d))")
_STYLED = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|mathit|mathsf|operatorname|emph)\s*\{([^{}]*)\}")
# Thai, Lao, Burmese, Khmer, Chinese and Japanese characters: between their words stands no space.
UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_LATEX_SPACE = re.compile(r"\\[,;: ]|\\[()\[\]]|\\q?quad\b|\\left\b|\\right\b")
_COMMAND = re.compile(r"\\[a-z]+")
_SENTENCE_END = re.compile(r"[.!?]+[)\"']*(?=\s|$)|\n+")
_NUMBERING = re.compile(r"(?:^|[\s(\"'])(?:[a-z]|\d{1,2})$")
_ABBREVIATION = re.compile(r"\b(?:mr|mrs|ms|dr|st|vs|e\.g|i\.e|approx|inc|no)$")

_STATEMENT_END = re.compile(
    r"[.!?;](?=\s|$)|\n|\b(?:because|since|as|while|whereas|unlike|not|rather|instead|if|given|so|for example|e\.g)\b"
)
_SECOND_THOUGHT = re.compile(
    r"\s*(?:or|maybe|perhaps|possibly|alternatively|also|(?:but |although |however, |though )?(?:it|this|"
    r"that) (?:could|might|may))\b"
)

FINAL = "\nfinal answer: "  # what \boxed{}, <answer> and #### are rewritten to


def fold(text: str) -> str:
    """Without case, with plain quotes, dashes, spaces and line ends; upper first, so that all cases meet.

    Letters with accents are one character, however the text has them.
    """
    return unicodedata.normalize("NFC", text).replace("\r\n", "\n").upper().casefold().translate(_PLAIN)


def clean(output: str, question: str = "") -> str:
    """A reply, folded and made plain; what the model repeats of the question is left out."""
    text = tidy(plain(_answered(ends_of(fold(output).strip())).strip()))
    echo = tidy(plain(fold(question)))
    if len(echo) >= 12:
        text = text.replace(echo, "\n", 1)
    if (cut := _NEXT_QUESTION.search(text)) and text[: cut.start()].strip():
        text = text[: cut.start()]
    return _OPTIONS_ECHO.sub("\n", text).strip()


def statement_end(rest: str) -> int:
    """Where, in what follows an answer, nothing may add to it any more: at a reason or the sentence's end."""
    end = _STATEMENT_END.search(rest)
    return end.start() if end and not _SECOND_THOUGHT.match(rest, end.end()) else len(rest)


def ends_of(output: str) -> str:
    """A reply, of a very long one its first and its last part, where an answer stands."""
    return output if len(output) <= _HEAD + _TAIL else f"{output[:_HEAD]}\n\n{output[-_TAIL:]}"


def tidy(text: str) -> str:
    """Without spaces at the ends of lines, and with one space or empty line at most in a row."""
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return _EMPTY_LINES.sub("\n\n", "\n".join(lines)).strip()


def plain(folded: str) -> str:
    """Folded text without markdown and LaTeX; boxed and tagged answers become lines of their own."""
    text = _unbox(_FENCE.sub("", _STRUCK.sub(" ", folded)).replace("`", ""))
    text = _TAGGED.sub(lambda tag: "\n" if tag[1] else FINAL, text)
    text = text.replace("{,}", ",")
    if "\\" in text:
        text = _STYLED.sub(r"\1", _FRACTION.sub(_fraction, text.replace("\\!", "")))
        text = text.replace("\\times", "*").replace("\\cdot", "*").replace("\\div", "/").replace("\\%", "%")
        text = _COMMAND.sub(" ", _LATEX_SPACE.sub(" ", text.replace("\\$", "$")))
    text = _STARS.sub(_emphasis, text)
    return _HEADING.sub(_heading, _QUOTED.sub("", text))


def sentences(text: str) -> list[str]:
    """The sentences and lines of a text, stripped, empty ones left out; `(b. east` and `1. egg` stay whole."""
    found, start = [], 0
    for end in _SENTENCE_END.finditer(text):
        before = text[max(start, end.start() - 8) : end.start()]
        if (
            end[0] == "."
            and (_NUMBERING.search(before) or _ABBREVIATION.search(before))
            and text[end.end() : end.end() + 1] not in ("", "\n")
        ):
            continue
        found.append(text[start : end.end()].strip())
        start = end.end()
    found.append(text[start:].strip())
    return [sentence for sentence in found if sentence]


def _answered(text: str) -> str:
    """What follows the reasoning block, and what precedes an end-of-text token."""
    behind = text.rpartition("</think>")[2]
    text = behind if behind.strip() else text
    end = _END.search(text)
    return text[: end.start()] if end and text[: end.start()].strip() else text


def _fraction(match: re.Match[str]) -> str:
    mixed = match.string[match.start() - 1 : match.start()].isdigit()
    over, under = (part.strip() for part in match.groups() if part is not None)
    return f"{' ' if mixed else ''}{over}/{under}"


def _unbox(text: str) -> str:
    r"""Each `\boxed{x}` as a line `final answer: x`, in one pass over the braces."""
    if "\\boxed" not in text and "\\fbox" not in text:
        return text
    pieces, last, boxes = [], 0, list[bool]()
    for brace in _BRACES.finditer(text):
        if brace[0] == "}":
            if not (boxes and boxes.pop()):
                continue
            mark = "\n"
        else:
            boxes.append(brace[0] != "{")
            if not boxes[-1]:
                continue
            mark = FINAL
        pieces += [text[last : brace.start()], mark]
        last = brace.end()
    return "".join([*pieces, text[last:]])


def _emphasis(stars: re.Match[str]) -> str:
    """Nothing for emphasis; stars of a product and underscores of a name stay."""
    text, start, end = stars.string, stars.start(), stars.end()
    before, after = text[start - 1 : start], text[end : end + 1]
    if stars[0] == "*":
        product = (before.isalnum() or before in (")", "]")) and (after.isalnum() or after in ("(", "[", "$", "-"))
        line_start = not text[max(0, start - 9) : start].rpartition("\n")[2].strip()
        if (product and after) or (before == after == " " and not line_start):
            return "*"
    elif stars[0] == "**" and before.isdigit() and after.isdigit():
        return "**"
    elif stars[0] == "_" and before.isalnum() and after.isalnum():
        return "_"
    return ""


def _heading(marks: re.Match[str]) -> str:
    """GSM8K's `####` marks the answer where only a few words follow; otherwise it is a heading."""
    if marks[0].strip() != "####":
        return ""
    line = marks.string[marks.end() : marks.end() + 60].split("\n")[0]
    return (
        FINAL
        if len(line) < 60 and re.match(r"[$\-+(]*(?:\d(?!\d?[.)] )|(?:[a-z]|yes|no|true|false|valid|invalid)\b)", line)
        else ""
    )
