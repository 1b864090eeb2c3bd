"""Instructions that copy training examples are refused before they are paid for; those that name labels are not."""

import random
from collections.abc import Sequence
from typing import Any

import pytest

import optiprompt as op
from optiprompt import graders
from optiprompt.algorithms.base import Algorithm, Searcher, Setting
from optiprompt.backends.base import Reply, Request
from optiprompt.candidate import Proposal
from optiprompt.data import Example, Splits
from optiprompt.report.summary import best_of
from optiprompt.tasks._guard import Guard
from optiprompt.trajectory import Trajectory

Rows = Sequence[tuple[str, str]]

OPPOSITES = [
    ("hollow", "solid"),
    ("generous", "stingy"),
    ("ascend", "descend"),
    ("answer", "question"),
    ("dim", "bright"),
]
MOODS = [
    ("A warm and clever little play.", "positive"),
    ("The sets creak and so do the jokes.", "negative"),
    ("Dreadful.", "negative"),
    ("I laughed until the lights went on.", "positive"),
]
INITIALS = [("harbour", "h"), ("ladder", "l"), ("answer", "a"), ("helmet", "h"), ("lemon", "l"), ("hinge", "h")]
WORDS = [("u v [t]", "threw the to"), ("w x [s]", "saw student"), ("y z [f]", "far away")]
TICKETS = [("It broke.", "bug"), ("Too dear.", "billing"), ("Hi.", "other"), ("It fell.", "bug"), ("Pay.", "billing")]
SUMS = [("31 12", "43"), ("7 88", "95"), ("20 5", "25")]
SPOKEN = [("4101", "four thousand, one hundred and one"), ("87", "eighty-seven")]
STORY = (
    "Mira plants 14 tulips in each of 6 rows, and the goat next door eats a third of them before the weekend comes. "
    "How many tulips are left?"
)
STORIES = [
    (STORY, "56"),
    ("A crate holds 30 jars. How many jars are left?", "12"),
    ("Ben had 5 kites. How many jars are left?", "3"),
    ("A shop sells pens. How many jars are left?", "9"),
]


def guard(rows: Rows) -> Guard:
    return Guard([Example(str(place), *row) for place, row in enumerate(rows)])


@pytest.mark.parametrize(
    ("rows", "text", "copied"),
    [
        (OPPOSITES, "The opposite of hollow is solid, and so on.", "hollow is solid"),
        (OPPOSITES, "Say the opposite: HOLLOW -> Solid", "hollow solid"),
        (OPPOSITES, "Turn stingy into 'generous' and the like.", "stingy into generous"),
        (MOODS, "Say whether a review like 'a warm and clever little play' is good.", "a warm and clever little play"),
        (MOODS, "Dreadful: negative. Answer positive or negative.", "dreadful negative"),
        (INITIALS, "Write the first letter (harbour -> h).", "harbour h"),
        (OPPOSITES, "Words such as hollow, dim, or ascend.", "hollow dim ascend"),
        (OPPOSITES, "Words such as solid, bright, or stingy.", "solid bright stingy"),
        (WORDS, "Answer one of: threw the to; saw student; far away.", "threw the to saw student far away"),
        ([("u", "cafe\u0301s noirs de Paris")], "Say caf\u00e9s noirs de Paris.", "caf\u00e9s noirs de paris"),
        (SUMS, "Add the numbers: 31 + 12 is 43.", "31 12"),
        (SPOKEN, "Write numbers like four thousand one hundred and one.", "four thousand one hundred and one"),
        (STORIES, "Solve it: the goat next door eats a third of them.", "the goat next door eats a third of"),
        (
            [("Der Donaudampfschifffahrtsgesellschaft sei Ruhm", "x")],
            "Donaudampfschifffahrtsgesellschaft sei Ruhm!",
            "donau",
        ),
    ],
)
def test_what_copies_an_example_is_refused_with_what_it_copies(rows: Rows, text: str, copied: str) -> None:
    assert f'copies a training example ("{copied}' in guard(rows).objection(text)


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (OPPOSITES, "Write the opposite of the word. Answer with one word only."),
        (OPPOSITES, "Answer the question with the word that means the opposite."),
        (OPPOSITES, "Is the thing hollow or full, generous or greedy? Name the opposite."),
        (OPPOSITES, "Is it hollow, hollow, hollow or dim?"),
        ([("1 1", "2"), ("4 -1", "3"), ("5 -1", "4")], "Do steps 2, 3 and 4."),
        (MOODS, "Answer positive or negative."),
        (MOODS, "If the review is warm and clever, it is positive; otherwise negative."),
        (MOODS, "Dreadful reviews and dull ones are what we call negative."),
        (INITIALS, "Answer with a letter: the first one, h for example."),
        (SUMS, "Add the two numbers. The result has at most 3 digits."),
        (SPOKEN, "Write the number 1,234 in words, such as one thousand two hundred."),
        (STORIES, "Read twice. How many jars are left? Answer with a number."),
        (STORIES, ""),
        ([], "Think."),
    ],
)
def test_what_says_it_in_general_words_passes(rows: Rows, text: str) -> None:
    assert guard(rows).objection(text) == ""


class Fixed(Searcher):
    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts

    async def ask(self, trajectory: Trajectory, count: int, rng: random.Random) -> list[Proposal]:
        return [Proposal(text, "fixed") for text in self._texts]


class Proposes(Algorithm):
    """Proposes the same texts in each step."""

    name = "fixed"

    def __init__(self, *texts: str) -> None:
        self.texts = texts

    def begin(self, setting: Setting) -> Searcher:
        return Fixed(self.texts)


class Echo:
    """A real scorer whose answer is a function of the prompt."""

    name = "echo"
    proposes = "chat"
    decodes = False
    context = 10_000

    def __init__(self, answer: Any) -> None:
        self.answer, self.calls = answer, 0

    async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
        self.calls += 1
        return [Reply(self.answer(request.prompt[-1].content)) for _ in samples]  # type: ignore[union-attr]

    def count_tokens(self, text: str) -> int:
        return len(text)

    async def aclose(self) -> None:
        pass


def opposites(**fields: Any) -> op.PromptTask:
    examples = tuple(Example(question, question, answer) for question, answer in OPPOSITES)
    task = op.PromptTask("opposites", Splits(examples), graders.exact(), start=["Hollow is solid."])
    for name, value in fields.items():
        setattr(task, name, value)
    return task


@pytest.mark.parametrize("on", [True, False])
def test_a_copy_is_invalid_and_free_and_the_users_own_start_is_not_asked(on: bool, tmp_path: Any) -> None:
    scorer = Echo(lambda prompt: "solid")
    found = op.optimize(
        opposites(guard=on),
        scorer=scorer,  # type: ignore[arg-type]
        algorithm=Proposes("Ascend is descend.", "Say the reverse."),
        steps=1,
        run_dir=tmp_path,
        scoring=op.Scoring(racing=None, final=False, cache=False),
    )
    start, copy, other = found.trajectory.trials
    assert (start.evaluation.status, other.evaluation.status) == ("ok", "ok")
    assert copy.evaluation.status == ("invalid" if on else "ok")
    assert ("ascend is descend" in copy.evaluation.reason) == on
    assert scorer.calls == len(OPPOSITES) * (2 if on else 3)


def test_the_length_penalty_ranks_and_leaves_the_score_as_it_is(tmp_path: Any) -> None:
    long, short = "Think about what the reverse of this may be, and only then write it down.", "Reverse it."
    right = dict(OPPOSITES)

    def answer(prompt: str) -> str:
        known = right[prompt.splitlines()[-1]]
        return known if "Think" in prompt or ("Reverse" in prompt and known != "solid") else "?"

    for penalty, best, score in ((0.0, long, 1.0), (10.0, long, 1.0), (50.0, short, 0.8)):
        found = op.optimize(
            opposites(length_penalty=penalty),
            scorer=Echo(answer),  # type: ignore[arg-type]
            algorithm=Proposes(short, long),
            steps=1,
            run_dir=tmp_path / str(penalty),
            scoring=op.Scoring(racing=None, final=penalty < 50, cache=False),
        )
        assert found.best is not None
        assert (found.best.text, found.best.score) == (best, score)
        assert (best_of(tmp_path / str(penalty)).text, best_of(tmp_path / str(penalty)).score) == (best, score)


def test_the_labels_of_a_task_may_be_named() -> None:
    text = "Classify the ticket as bug, billing or other."
    assert guard(TICKETS).objection(text) == ""
    different = [Example("1", "It broke.", "bug"), Example("2", "Too dear.", "billing"), Example("3", "Hi.", "other")]
    assert Guard(different).objection(text) != ""
    assert Guard(different, ["bug", "billing", "other"]).objection(text) == ""
    task = op.PromptTask("tickets", op.Splits(tuple(different)), op.graders.choice(["bug", "billing", "other"]))
    assert task.objection(task.space.candidate(text)) == ""


@pytest.mark.parametrize(
    "text",
    [
        "The instruction should specify that the language model should provide a detailed explanation.",
        "Write a concise, effective, and generally applicable instruction that differs from the others.",
        "Combine the best elements of these instructions for clarity and efficiency.",
        "Rephrase the given instruction in clear words.",
    ],
)
def test_what_speaks_of_the_instruction_and_not_of_the_task_is_refused(text: str) -> None:
    assert "speaks of the instruction" in guard([("warm", "cold"), ("near", "far")]).objection(text)
    about = [("Instruction: sit down.", "Please sit down."), ("Instruction: stand up.", "Please stand up.")]
    assert not guard(about).objection(text), "here it is the task"


@pytest.mark.parametrize(
    "text",
    [
        "Follow the instructions in the input.",
        "Provide step-by-step instructions for the solution, then the answer.",
        "Write the opposite of the word, following the given instructions.",
        "The input is an instruction. Do the opposite.",
        "Combine the two sentences into one.",
        "Write a SQL query for the given instruction.",
        "Write one assembly instruction for the given text.",
        "Provide the command that carries out the spoken instruction.",
        "Your instruction is to write the opposite.",
    ],
)
def test_instructions_may_be_mentioned(text: str) -> None:
    assert not guard([("warm", "cold"), ("near", "far")]).objection(text)


def test_a_label_is_known_by_all_examples_of_the_task() -> None:
    moods = [f"mood{place}" for place in range(20)]
    rows = [Example(str(place), f"text number {place}", moods[place % 20]) for place in range(100)]
    text = f"Name the mood: {', '.join(moods)}."
    few = rows[:15]
    assert Guard(few).objection(text) != "", "here each answer comes once"
    assert Guard(few, others=rows[15:]).objection(text) == ""
    task = op.PromptTask("moods", Splits(tuple(few), (), tuple(rows[15:])), graders.exact())
    assert task.objection(task.space.candidate(text)) == ""


def test_what_the_users_own_start_says_may_be_said() -> None:
    start = "Write the opposite, for example hollow becomes solid."
    examples = [Example(str(place), *row) for place, row in enumerate(OPPOSITES)]
    task = op.PromptTask("opposites", Splits(tuple(examples)), graders.exact(), start=[start])
    assert task.objection(task.space.candidate(f"{start} Answer with the output only.")) == ""
    assert "copies" in task.objection(task.space.candidate("Write the opposite: generous becomes stingy."))
    assert "generous" in task.objection(task.space.candidate(f"{start} And generous becomes stingy.")), "one more"


def test_words_are_whole_in_scripts_with_vowel_signs() -> None:
    opposites = [("दाम", "मुफ़्त"), ("दिन", "रात"), ("ऊँचा", "नीचा"), ("हँसना", "रोना"), ("अमीर", "गरीब")]
    assert guard(opposites).objection("दिए गए शब्द का विलोम शब्द हिंदी में लिखें।") == ""
    assert "दिन" in guard(opposites).objection("उल्टा लिखें: दिन का रात।")
