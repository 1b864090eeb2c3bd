"""One instruction for several tasks, and for several scorers: each example keeps its own task's form and grader."""

import copy
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from optiprompt.backends._group import Group, members_of
from optiprompt.backends.base import Backend
from optiprompt.candidate import Candidate, Evaluation, Outcome, Usage
from optiprompt.data.examples import Example
from optiprompt.errors import Unheard, UsageError
from optiprompt.spaces.prompt import Prompts
from optiprompt.spaces.text import Text
from optiprompt.tasks._prompt_task import LEAST_GAIN, PromptTask, check_start
from optiprompt.tasks._strata import Asked, evaluated
from optiprompt.tasks.base import By, Task
from optiprompt.together import together

_LONGEST_NAME = 60
_LISTED = 30  # tasks that the description names
SPLITS = ("train", "dev", "test")


class MultiTask(Task):
    """Several prompt tasks as one: the score is the mean of their accuracies, or that of the worst.

    In each split every task has the same number of examples, that of the task with the fewest; the others' last ones
    are left out, so that each task weighs the same. They take turns: the first example is the first task's, the second
    the second's, so that each stretch of a race holds every task. With several scorers each question is asked of each,
    one after the other in the order of the examples.

    Attributes:
        tasks: what it is made of; copies, with the common space.
        by: what the score is of the accuracies of the strata (a task with a scorer): their `mean`, or the `worst`. By
            the worst nothing races: an example says nothing of it before it is known which task that is.
        strata: their names; each one's accuracy is in the metrics of an evaluation.
        repeats: how many scorers there are.
    """

    score_name = "accuracy"
    needs_scorer = True
    bounds = (0.0, 1.0)

    def __init__(self, tasks: Sequence[Task], by: By = "mean", scorers: Sequence[str] = (), name: str = "") -> None:
        """Set up the task.

        Args:
            tasks: prompt tasks; the first start of the first one is the baseline.
            by: `mean` or `worst`.
            scorers: names of the models, where there are several; `optimize(scorer=[...])` gives them.
            name: of the whole; made of the tasks' names by default.

        Raises:
            UsageError: there is no task, one that is no prompt task or is given twice, or starts that not all allow.
        """
        if not tasks or by not in ("mean", "worst"):
            raise UsageError("a MultiTask needs at least one task" if not tasks else f"by is mean or worst, not {by!r}")
        names = [each.name for each in tasks]
        self.tasks = tuple(map(_copied, tasks))
        if twice := [each for each in names if names.count(each) > 1]:
            raise UsageError(f"the task {twice[0]} is given twice: name each once")
        whole = " + ".join(names)
        short = whole if len(whole) <= _LONGEST_NAME else f"{names[0]} and {len(names) - 1} more"
        self.name = name or short
        self.by: By = by
        self.repeats = max(1, len(scorers))
        self._scorers = tuple(scorers)
        self._start = tuple(dict.fromkeys(text for each in tasks for text in each.start(random.Random(0))))
        self.space: Text | Prompts = _common([each.space for each in self.tasks])
        for text in self._start:
            check_start(self.space, text)
        for each in self.tasks:
            each.space = self.space
        places = {each.place for each in tasks}
        self.place = places.pop() if len(places) == 1 else "into the prompt"
        self.strata = tuple(
            _stratum(task, scorer, self._scorers, names) for task in names for scorer in scorers or ("",)
        )
        self._asked: dict[str, Asked] = {}
        self._counts = {split: min(len(getattr(each.splits, split)) for each in self.tasks) for split in SPLITS}
        self.examples, self.dev, self.test = (self._interleaved(split) for split in SPLITS)
        self.description = _described(self.tasks, self._scorers, by)
        self.notes = tuple(self._left_out())

    def _interleaved(self, split: str) -> tuple[Example, ...]:
        """The examples of a split in turn: by question, then task, then scorer."""
        made = []
        for row in range(self._counts[split]):
            for place in range(len(self.strata)):
                own = getattr(self.tasks[place // self.repeats].splits, split)[row]
                made.append(replace(own, id=f"{self.strata[place]}: {own.id}"))
                self._asked[made[-1].id] = Asked(place, own)
        return tuple(made)

    def _left_out(self) -> list[str]:
        """What the user should know of the splits."""
        missing = [split for split in ("dev", "test") if not self._counts[split]]
        lacking = {split: [each.name for each in self.tasks if not getattr(each.splits, split)] for split in missing}
        return [
            f"there is no {split} split: {', '.join(lacking[split])} has none"
            for split in missing
            if len(lacking[split]) < len(self.tasks)
        ]

    @property
    def calls_each(self) -> int:
        """Those of the task that takes most."""
        return max(each.calls_each for each in self.tasks)

    @property
    def judge(self) -> Backend | None:
        """The model that the tasks' grader `judge` asks, where one is set; `UsageError` where they differ."""
        judges = {id(each.judge): each.judge for each in self.tasks if each.judge is not None}
        if len(judges) > 1:
            raise UsageError(f"the tasks of {self.name} have different judges: give them the same one")
        return next(iter(judges.values()), None)

    @judge.setter
    def judge(self, judge: Backend) -> None:
        self.tasks = tuple(copy.copy(each) for each in self.tasks)
        for each in self.tasks:
            each.judge = judge if each.judge is not None else None

    def objection(self, candidate: Candidate[Any]) -> str:
        """What the first of the tasks that objects has against it."""
        return next(filter(None, (each.objection(candidate) for each in self.tasks)), "")

    def worth(self, score: float, text: str) -> float:
        """The score less what the length of the text costs in the first task."""
        return self.tasks[0].worth(score, text)

    async def evaluate(self, candidate: Candidate[Any], scorer: Backend | None) -> Evaluation:
        """The mean of the accuracies on the train splits, or the worst."""
        if scorer is None:
            raise UsageError(f"the task {self.name} needs a scorer: the model whose answers are graded")
        return await self.evaluate_on(candidate, self.examples, scorer)

    async def outcomes(
        self, candidate: Candidate[Any], examples: Sequence[Example], scorer: Backend
    ) -> tuple[list[Outcome], Usage]:
        """Ask all examples at once, each as its own task asks it, and of its own scorer.

        Raises:
            Unheard: one of the scorers could not be heard at all.
            BudgetSpent: the run may send no more; raised when the calls under way have been answered.
        """
        members = members_of(scorer)
        places: dict[int, list[int]] = {}
        for place, example in enumerate(examples):
            places.setdefault(self._asked[example.id].stratum, []).append(place)
        answers: dict[int, tuple[list[Outcome], Usage] | Unheard] = {}
        strata = list(places)
        works = [
            _or_unheard(
                self.tasks[stratum // self.repeats].outcomes(
                    candidate,
                    [self._asked[examples[place].id].example for place in places[stratum]],
                    members[stratum % self.repeats],
                )
            )
            for stratum in strata
        ]
        await together(works, lambda place, answer: answers.__setitem__(strata[place], answer))
        usage = sum((_usage(each) for each in answers.values()), Usage())
        for number in range(self.repeats):
            of_one = [answer for stratum, answer in answers.items() if stratum % self.repeats == number]
            lost = [each for each in of_one if isinstance(each, Unheard)]
            if lost and len(lost) == len(of_one):
                outcomes = [Outcome(example.id, None, error=str(lost[0])) for example in examples]
                raise Unheard(str(lost[0]), outcomes, usage)
        outcomes = [Outcome(example.id, None) for example in examples]
        for stratum, answer in answers.items():
            own = answer.outcomes if isinstance(answer, Unheard) else answer[0]
            for place, outcome in zip(places[stratum], own, strict=True):
                outcomes[place] = replace(outcome, example=examples[place].id)
        return outcomes, usage

    def evaluation_of(self, outcomes: Sequence[Outcome], usage: Usage) -> Evaluation:
        """The mean of the strata's accuracies or the worst of them, and each in the metrics: see `evaluated`."""
        whole = Evaluation.mean_of(outcomes, usage)
        return evaluated(whole, [self._asked[each.example] for each in outcomes], self.strata, self.repeats, self.by)

    def start(self, rng: random.Random) -> Sequence[str]:
        """Those of all tasks, each once."""
        return self._start

    def show(self, score: float) -> str:
        """As a whole number from 0 to 100."""
        return str(round(100 * score))

    def aim(self, scores: Sequence[float]) -> float:
        """A little better than the best shown, at most 1."""
        return min(1.0, max(super().aim(scores), scores[-1] + LEAST_GAIN)) if scores else 1.0

    def exemplar(self, example: Example) -> Mapping[str, str]:
        """As the example's own task shows it."""
        asked = self._asked[example.id]
        return self.tasks[asked.stratum // self.repeats].exemplar(asked.example)

    def identity(self) -> dict[str, Any]:
        """How the score is made, and the identity of each task."""
        return {
            "name": self.name,
            "by": self.by,
            "examples": self._counts,
            "tasks": [each.identity() for each in self.tasks],
            **({"length_penalty": penalty} if (penalty := self.tasks[0].length_penalty) else {}),
        }

    def details(self) -> dict[str, Any]:
        """The ids of the examples in each split, and how many of each task's are left out."""
        splits = {
            name: [e.id for e in each] for name, each in zip(SPLITS, (self.examples, self.dev, self.test), strict=True)
        }
        left = {each.name: {s: len(getattr(each.splits, s)) - self._counts[s] for s in SPLITS} for each in self.tasks}
        return {"splits": splits, "left_out": left}


def with_scorers(task: Task, scorers: Sequence[Backend], by: By = "mean") -> tuple[Task, Backend]:
    """A task whose examples are asked of each of several scorers, and these as one backend.

    Raises:
        UsageError: there is no scorer, two have the same name, or the task is no prompt task.
    """
    if not scorers:
        raise UsageError("scorer: the list is empty: give at least one model")
    if len(scorers) == 1:
        return task, scorers[0]
    names = [each.name for each in scorers]
    if isinstance(task, MultiTask):
        made = MultiTask(task.tasks, task.by, names, task.name)
    else:
        made = MultiTask([task], by, names)
    made.warm, made.notes = task.warm, task.notes
    return made, Group(scorers)


def _copied(task: Task) -> PromptTask:
    if not isinstance(task, PromptTask):
        raise UsageError(f"{task.name} is no prompt task: only these can share an instruction")
    return copy.copy(task)


def _stratum(task: str, scorer: str, scorers: Sequence[str], tasks: Sequence[str]) -> str:
    if not scorers:
        return task
    return scorer if len(tasks) == 1 else f"{task} with {scorer}"


def _common(spaces: Sequence[Text | Prompts]) -> Text | Prompts:
    """The space of the texts that each of the spaces allows.

    Raises:
        UsageError: several tasks have prompts of several parts, or prompts may show examples.
    """
    if any(isinstance(each, Prompts) and each.shots for each in spaces):
        raise UsageError("--shots needs a single task and a single scorer: leave it out, or name one of each")
    if len(spaces) == 1:
        return spaces[0]
    texts = [each for each in spaces if isinstance(each, Text)]
    if len(texts) < len(spaces):
        raise UsageError("several tasks share one instruction: leave out parts")
    tags = {each.tag for each in texts}
    return Text(
        max_chars=max(each.max_chars for each in texts),  # a start of one task may be long
        forbidden=tuple(dict.fromkeys(part for each in texts for part in each.forbidden)),
        tag=tags.pop() if len(tags) == 1 else "INS",
        digits=all(each.digits for each in texts),
    )


def _described(tasks: Sequence[PromptTask], scorers: Sequence[str], by: By) -> str:
    """What the questions are, for the meta-prompt."""
    what = tasks[0].description.strip()
    if len(tasks) > 1:
        names = [each.name.replace("_", " ") for each in tasks]
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        what = f"A language model answers questions of {len(tasks)} tasks with the same instruction: "
        what += f"{', '.join(names[:_LISTED])}{more}."
    if scorers:
        what += f" {len(scorers)} different models answer them, with the same instruction."
    parts = "tasks and models" if scorers and len(tasks) > 1 else "models" if scorers else "tasks"
    of = f"the accuracy in the worst of the {parts}" if by == "worst" else f"the mean over the {parts}"
    return f"{what} The score is {of}." if len(tasks) > 1 or scorers else what


async def _or_unheard(work: Any) -> "tuple[list[Outcome], Usage] | Unheard":
    try:
        answer: tuple[list[Outcome], Usage] = await work
    except Unheard as error:
        return error
    return answer


def _usage(answer: tuple[list[Outcome], Usage] | Unheard) -> Usage:
    return (answer.usage or Usage()) if isinstance(answer, Unheard) else answer[1]
