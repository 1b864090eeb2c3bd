"""The words by which a person tells an instruction in a model's reply from what is said about it.

English only: models that answer in other languages are read by their form alone.
"""

import re

LONGEST = 2000
_LONG_REPLY = 600
_ROUNDS = 4

# Words are bounded in length and number: no pattern looks at a text more than a fixed number of times.
_WORD = r"[\w'’/()-]{1,30}"
_THING = r"(?:instruction|prompt)s?"
# "The instruction given to my friend is likely: ", "The new prompt could be to ", "An improved version reads: "
_LEAD = (
    r"(?!(?:the |your |my )?(?:old|original|previous|current \w+ (?:is|was))\b)"
    rf"(?:{_WORD},? ){{0,5}}?(?:{_THING}|version)(?: {_WORD},?){{0,9}}? (?:is|was|were|reads?|states?|says|"
    r"(?:could|would|should|might|may|must|can)(?: likely| probably| simply)?(?: be| have been)|"
    r"(?:appears|seems) to be)"
    r"(?: most| very)?(?: likely| probably| simply| something like| as follows| basically| essentially| now)?"
    r"(?:\**:\**\s*|,? (?=[\"“'‘`])|(?: asking)? to (?!be |have ))"
)
_ASKED = r"(?:the |your |my )?(?:friend|person|user)s?(?: was| were| has been| had been) (?:asked|told|instructed) to "
# "To mend the instruction, we can change it to "
_CHANGED = (
    r"(?:to [^.,\n]{1,80}, )?(?:we|you|i|one) (?:can|could|should|would|might|may) (?:\w{1,20}ly )?(?:modify|change|"
    r"rewrite|rephrase|revise|improve|update|correct|replace|mend) (?:it|this|(?:the |this )?(?:\w{1,20} )?instruction)"
    r"(?: to| as| with| like this| as follows| by saying)(?: say| read)?(?:\**:\**\s*|,? (?=[\"“'‘`]))"
)
_HERE = (
    r"(?:(?:sure|certainly|of course|absolutely|ok|okay|yes|great)\b[^\w\n]{0,3} ?)?"
    r"(?:here(?:'s|’s| is| are)|below (?:is|are)|the following (?:is|are)|these are|"
    r"I(?: would|'d|’d)? (?:suggest|propose))[^:\n]{0,200}:"
)
_REMARK = (
    r"(?:this|these|that|the|each|both|it)(?: (?:new|improved|revised|mended|modified|combined|shortened|updated|"
    r"better|above|following|final|simple|three|of|these|current|original)){0,4}"
    r" (?:instruction|version|prompt|variant|variation|paraphrase|combination|approach|way)s?\b(?! (?:should|must))"
    # "It is short." is a remark, but not where an instruction goes on after it.
    r"|(?:this (?:will|would|\w{1,20}s)|it \w{1,20}s)\b"
    r"(?![^.!?\n]{0,300}[.!?]\s(?!(?:this|it|the|these|each|both|by|in|also|overall|however|but|so|therefore|"
    r"additionally|moreover|while|let|feel|i)\b)\w)"
    r"|(?:please )?let me know\b|i hope\b|feel free\b|if you (?:have|need|want|would like) (?:any|further|more|to know)"
    r"|(?:please )?note\b|by (?:combining|making|providing|adding|including) th"
    r"|in (?:this|the)(?: first| second| third)? (?:version|variant|case|instruction|example)\b|is there anything\b"
    r"|(?:for (?:example|instance)|e\.g\.)[^.\n]{0,200}?(?:\b(?:in|out)put\b|:)"
)
# An image prompt or an assembly instruction is what the task is about.
_PRAISE = r"(?:(?:clear|concise|short|simple|specific|detailed|general|good|better|new|single|brief),? (?:and )?){0,3}"
_PREFIX = re.compile(
    r"(?:(?:sure(?: thing)?|certainly|of course|absolutely|ok|okay)[,.!] +(?=\w+ \w)|"
    r"(?:the|your|my|this) (?:task|goal|objective|job|aim) (?:here )?(?:is|was) to |"
    r"I(?: would|['’]d)? (?:want|like|need|ask) you to |you (?:should|must|need to|have to|are asked to) |"
    # What the model was asked for, said again: "Generate an instruction for a language model to translate ..."
    rf"(?:generate|write|create|provide|formulate) an? {_PRAISE}(?:instruction|prompt) "
    r"(?:for an? (?:language )?model )?(?:to|that (?:asks|tells) (?:it|the (?:language )?model) to) )"
    r"(?!be |have |not |never )",
    re.IGNORECASE,
)
_OWN = rf"[^.!?\n]{{0,200}}\b(?:{_THING}|versions?)\b"
_GIVES = rf" (?:will |am going to )?(?:give|show) you\b(?!{_OWN})[^.!?\n]{{1,200}}[.:] \w"
# What a text begins with that speaks of the task, to the one who asked, and not to the one who does it.
_TALK = (
    rf"(?:i(?!{_GIVES})|i[’'](?:m|d|ll|ve)|we|my|(?:yes|no|great)(?=\W*$|[,.!])|sorry|sure|certainly|of course|ok|okay|"
    r"let me|thanks|thank you|as an ai|hello|hi)\b"
    # "Can you write its plural?" asks the one who answers.
    r"|(?!(?:could|can|would|will) you (?!(?:please )?(?:provide|give|tell|share|send|show|help|clarify|explain|be)\b))"
    r"(?:could|can|would|do|did|what|why|who|where|is|are) you\b|what (?:if|an?)\b|one of\b(?! (?:the|these) two)"
    r"|to [^.!?\n]{1,200}, (?:they|we|i|it|you can|you could|the model)\b"
    r"|(?:please )?(?:give|send|tell|show) me (?:the|an?|your) (?:input|instruction|prompt|text)"
    r"|(?:please )?provide (?:me with )?(?:the|more|your|additional|further) "
    r"(?:instruction|prompt|text|details|information|context)"
    # "The input is a noun. Write its plural." is for the one who does it.
    r"|(?!(?:the (?:input|given|word|sentence|text|noun|list|number|question)s?|an?|there|one of|"
    rf"(?:this|these|those)(?! is better\b)(?!{_OWN}))\b[^.!?\n]{{0,200}}(?:[.:] "
    r"(?!(?:the|this|it|in|when|as|an?|however|therefore)\b)\w|, (?:please )?(?:write|answer|give|output|name|find|"
    r"identify|tell|say|choose|pick|return|decide|determine|translate|list|respond|reply)\b))"
    r"(?:the|this|that|these|those|it|there|one|an?|because|since|unfortunately|however)\b"
    r"(?=[^.!?\n]{0,200}\b(?:is|was|are|were|has|have|had|does|did|seems?|appears?|leads?|fails?|asks?|goes|went|"
    r"doesn't|didn't|isn't|wasn't)\b)(?![^.!?\n]{0,200}\b(?:should|must|shall)\b)"
)
ABOUT = re.compile(
    r"\b(?:original|current|old|previous|explanation|reason|cause|why|note|examples?|inputs?|analysis|failures?|problems?|"
    r"feedback|mistakes?|score|rationale|summary|pairs?|ground truth|context|question|code)\b|"
    r"^(?:outputs?|answer|result|[abq])$",
    re.IGNORECASE,
)
NAMES = re.compile(
    rf"\b(?:{_THING}|versions?|variants?|variations?|paraphrased?|options?|proposals?|alternatives?|suggestions?|rewritten|shortened|"
    r"combined|mended|improved|revised|updated)\b",
    re.IGNORECASE,
)
STEPS = re.compile(r"\b(?:steps?|follow|do the following|rules?|guidelines|criteria|procedure)\b", re.IGNORECASE)
SEVERAL = re.compile(
    r"\b(?:variants|variations|versions|options|alternatives|proposals|paraphrases|ways|"
    r"(?:two|three|four|five|some|different|possible|new|\d)(?: \w{1,30}){0,2} (?:instruction|prompt)s)\b",
    re.IGNORECASE,
)
SEQUENCE = re.compile(r"(?:first|then|next|finally|lastly|second|third|after|once|repeat)\b", re.IGNORECASE)
PREPARES = re.compile(
    r"(?:read|look|take|identify|find|start|begin|consider|understand|analy[sz]e|determine|check|count)\b",
    re.IGNORECASE,
)
REFERS = re.compile(r"\b(?:it|its|them|result|answer)\b", re.IGNORECASE)
CODE = re.compile(
    r"\s*(?:def \w|class \w+[:({]|import \w|from \w+ import|print\(|for \w+ in .*:$|while .*:$|if .*:$|else:|elif |"
    r"#include|public \w+ |function \w|(?:const|let|var) \w+ ?=|[\w.]{1,60} ?[-+]?= ?\S|"
    r"(?i:python3?|pip|bash|curl) -|>>>|\$ |[\w.]{1,60}\([^)]*\)$|[{}]|</?\w+>$)"
)
DATA = re.compile(r"[^.:]{1,40} ?(?::|->|→|=>?) ?\S{1,30}\W*")
# Parts of a structured prompt.
SECTION = re.compile(r"<(system|instruction|format)>.*?</\1>", re.DOTALL | re.IGNORECASE)
PARTS = re.compile(r"</?(?:system|format|example)>", re.IGNORECASE)
# An instruction in tags of its own, and no other part.
_NO_TAG = r"(?!</?(?:system|instruction|prompt|format|example)>)"
ALONE = re.compile(rf"\s*<(instruction|prompt)>((?:{_NO_TAG}.)*)</\1>\s*", re.DOTALL | re.IGNORECASE)
# Tags that models write in the place of <INS>, and where one of them begins a proposal.
_LIKE = r"(?:<{}(?:(?:new|improved|revised|better|final)[_ ]?)?(?:instruction|prompt)>|[\[{{]{}INS[\]}}])"
LIKE_TAGS = re.compile(_LIKE.format("/?", "/?"), re.IGNORECASE)
LIKE_OPENED = re.compile(
    rf"(?:\A|\b(?:{_THING}|version)\b[^\n:]{{0,40}}:)[\s*`\"']{{0,9}}{_LIKE.format('', '')}", re.IGNORECASE
)
# What is said to the one who asked, behind the first sentence.
CHATTER = re.compile(
    rf"[.!?\"”'] +(?:[^.!?\n]{{0,200}}\b(?:{_THING}|versions?|variants?|paraphrases?)\b|(?:please )?let me know\b|"
    r"i hope\b|feel free\b|is there anything\b|by (?:combining|making|providing|adding|including) th)",
    re.IGNORECASE,
)
NAMED = re.compile(
    rf"\b(?:{_THING}|versions?|variants?|variations?|paraphrases?|proposals?|alternatives?|suggestions?)(?: \w)?$|"
    r"^(?:paraphrased?|rewritten|shortened|combined|mended|improved|revised|updated)$",
    re.IGNORECASE,
)
_DANGLING = re.compile(
    r"(?:\b(?:the|an?|of|to|and|or|with|in|on|for|that|which|is|are|by|as|from|if|its|your|this|each|be|not)|,)$",
    re.IGNORECASE,
)
_MUTILATED = re.compile(r"\b(?:the|an?|and|or|that|its|your)$", re.IGNORECASE)
# The beginning of a sentence that goes on.
PART = re.compile(r"[ \t]{0,9}\w{1,30}(?: [^\n]{0,400})?[^\n.!?:\"]")
PLACEHOLDER = re.compile(
    r"\W*(?:and|and ends?(?: it)?(?: with)?|with|or|(?:(?:your|the|an?|new|improved|mended|better|my) ){0,4}"
    r"(?:instruction|text|prompt)s?(?: goes)?(?: here)?)?\W*",
    re.IGNORECASE,
)
KEY = re.compile(r'"[\w -]{0,30}(?:instruction|prompt)[\w -]{0,30}"\s{0,20}:\s{0,20}(?=["\[])', re.IGNORECASE)
FENCE = re.compile(r"```[ \t]*([\w+-]*)")
_BLOCK = re.compile(r"^\s*```", re.MULTILINE)
INLINE = re.compile(r"(?<=[.!?]) (?=\d{1,2}[.)] [A-Z])")  # the next item of a list in one line
ITEM = re.compile(r"\s*(?:\(?\d{1,2}[.):]|[-*•+–]|\(?[a-hA-H][.)])\s+(\S.*)", re.DOTALL)
TITLE = re.compile(r"\*\*[^*\n]{1,60}(?::\*\*|\*\*:)\s*")
HEADING = re.compile(rf"\s*(?:#{{1,6}} \**{_WORD}(?: {_WORD}){{0,6}}|\*\*{_WORD}(?: {_WORD}){{0,3}}):?\**:?\s*")
_LABEL = re.compile(rf"\W{{0,6}}((?:{_WORD} ){{0,7}}{_WORD}) ?\**:(?!\w|//)\**\s*(.*)", re.DOTALL)
_LEADS = re.compile(rf"\W{{0,6}}(?:{_LEAD}|{_ASKED}|{_CHANGED})(.*)", re.IGNORECASE | re.DOTALL)
_HERES = re.compile(rf"\W{{0,6}}({_HERE})\**\s*(.*)", re.IGNORECASE | re.DOTALL)
REMARKS = re.compile(rf"\W{{0,6}}(?:{_REMARK})", re.IGNORECASE)
TALKS = re.compile(rf"\W{{0,6}}(?:{_TALK})", re.IGNORECASE)
GAP = re.compile(rf"(?<=[.!?:\"”'])[ \t]{{1,9}}(?=(?:{_REMARK}|{_LEAD}|{_ASKED}|{_CHANGED}|{_HERE}))", re.IGNORECASE)
_END = re.compile(r"(?<!\d)[.!?][\"'”’)*]{0,3}(?=\s)")
# Scripts that leave no spaces between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese.
_WIDE = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
_LEAD_WORDS = 4
_QUOTES = {'"': '"', "“": "”", "'": "'", "‘": "’", "`": "`", "«": "»"}


def name(line: str) -> tuple[str, str] | None:
    """The name that the line begins with for what follows ("" for the name of something else), and what follows."""
    leads = _LEADS.match(line)
    if leads:
        return "instruction", leads[1]
    here = _HERES.match(line)
    label = here or _LABEL.match(line)
    if not label or STEPS.search(label[1]):
        return None
    if ABOUT.search(label[1]) and not (here and NAMES.search(label[1])):
        return "", label[2]
    return (label[1], label[2]) if here or NAMES.search(label[1]) else None


# "The output is the plural of the input." says what to write, "The output is wrong because ..." what went wrong.
_SAYS = re.compile(
    r"the (?:output|answer) (?:is|should be|must be) (?:the|an?|one)\b"
    r"(?![^\n]*\b(?:because|since|wrong|incorrect|not|instead|however|but)\b)",
    re.IGNORECASE,
)


def plain(text: str) -> bool:
    """Whether what stands between tags is an instruction and nothing else: no list, program, name, data or remark."""
    text = text.strip()
    if not 2 <= len(text) <= LONGEST or length(text) < 2 or PLACEHOLDER.fullmatch(text) or "\n\n" in text:
        return False
    if TALKS.match(text) and not _SAYS.match(text):
        return False
    if REMARKS.match(text) or _BLOCK.search(text) or KEY.search(text) or CHATTER.search(text):
        return False
    return not any(_marked(line) for line in text.splitlines()) and not any(map(_paired, text.splitlines()))


def _marked(line: str) -> bool:
    """Whether a line is part of a list, a heading or a program, or begins with the name of a part of the reply."""
    if any(pattern.match(line) for pattern in (ITEM, HEADING, CODE, _LEADS, _HERES)):
        return True
    label = _LABEL.match(line)
    if not label:
        return False
    words = label[1].split()
    # "Output: a number" is for the one who answers, "Output: 7" an example.
    about = bool(ABOUT.search(label[1])) and not (words[0].lower() in ("output", "answer") and length(label[2]) > 2)
    return (len(words) < 3 and about) or (len(words) < 5 and bool(NAMED.search(label[1])))


def _paired(line: str) -> bool:
    """Whether a line is no more than a word with another one."""
    return bool(DATA.fullmatch(line)) and len(re.split(r" ?(?:[:→=]|->)", line)[0].split()) < 2


def whole(text: str) -> str:
    """Without a last sentence that was cut off, where another one is there."""
    text = text.strip()
    if not (_DANGLING.search(text[-40:]) or (len(text) > _LONG_REPLY and text[-1:].isalnum())):
        return text
    end = max((m.end() for m in _END.finditer(text, max(0, len(text) - LONGEST))), default=0)
    return text[:end] or text


def bare(text: str) -> str:
    """Without quotes, emphasis, a name in front, and what a quote is followed by."""
    for _ in range(_ROUNDS):
        before = text
        text = re.sub(r"\n{3,}", "\n\n", text.strip().strip("*_#").strip())
        closing = _QUOTES.get(text[:1])
        if closing:
            end = text.find(closing, 1)
            inside, after = (text[1:end], text[end + 1 :]) if end > 0 else (text[1:], "")
            whole_quote = not after or (len(inside.split()) > 1 and not re.match(r"\s*[a-z,]", after))
            text = inside if whole_quote else text
        elif text[-1:] in _QUOTES.values() and text.count(text[-1]) == 1:
            text = text[:-1]
        prefix = _PREFIX.match(text) or re.match(r"to (?=[a-z])", text)
        text = text[prefix.end() :] if prefix else text
        if text == before:
            break
    return text


def length(text: str) -> int:
    """In words; where the script has no spaces between them, two characters are one."""
    words = len(text.split())
    return max(words, len(text) // 2) if _WIDE.search(text) else words


def leads(text: str) -> bool:
    """Whether it only announces what follows; "Write an antonym of the following word:" does not."""
    return text.endswith(":") and (
        length(text) < _LEAD_WORDS
        or any(pattern.search(text) for pattern in (NAMES, SEVERAL, STEPS))
        or bool(TALKS.match(text) or HEADING.fullmatch(text))
    )


def usable(text: str) -> bool:
    """Whether it can be an instruction: not too long, no answer, no program, no talk about the task."""
    if not 2 <= len(text) <= LONGEST or length(text) < 2 or leads(text) or PLACEHOLDER.fullmatch(text):
        return False
    if _MUTILATED.search(text[-40:]):
        return False
    return not (TALKS.match(text) or REMARKS.match(text) or CODE.match(text) or DATA.fullmatch(text))
