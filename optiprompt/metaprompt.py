"""The meta-prompt: what the optimizer is shown. Templates are in prompts/, one for each style and kind of candidate."""

import random
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from optiprompt.backends.base import Backend, Message
from optiprompt.candidate import Trial
from optiprompt.exemplars import select
from optiprompt.front import show_cost
from optiprompt.grammar import JsonSchema
from optiprompt.opro_settings import OproSettings, Style
from optiprompt.resources import shipped
from optiprompt.tasks.base import Task
from optiprompt.trajectory import Trajectory

FALL_BACK = 3
REJECTED_CHARS = 200
FEEDBACK_CHARS = 300


@dataclass(frozen=True, slots=True)
class MetaPrompt:
    """Shows the trajectory.

    Attributes:
        settings: what is shown, and how.
        style: of the text; decided where the settings leave it open.
        schema: a candidate is asked for as JSON, like this.
    """

    settings: OproSettings
    style: Style = "chat"
    schema: JsonSchema | None = None

    def build(
        self, task: Task, trajectory: Trajectory, backend: Backend, room: int, rng: random.Random, seed: int
    ) -> str | tuple[Message, ...]:
        """The meta-prompt in at most `room` tokens: the worst candidates, then exemplars, are left out to fit.

        Args:
            task: what is optimised.
            trajectory: all trials so far.
            backend: counts the tokens.
            room: the most tokens.
            rng: the step's chance.
            seed: the run's, for what stays the same over the steps.
        """
        best = self._best(trajectory)
        exemplars: list[Mapping[str, str]] = []
        if self.settings.exemplars and self.style != "pretrained":
            chosen = select(
                self.settings.selection,
                task.examples,
                self.settings.exemplars,
                tried=trajectory,
                shown=best,
                rng=rng,
                seed=seed,
            )
            exemplars = [task.exemplar(example) for example in chosen]
        page = template(f"{self.style}_{task.space.kind}")
        shuffle = rng.random()
        while True:
            text = page.render(self.values(task, trajectory, best, exemplars, shuffle))
            if backend.count_tokens(text) <= room or not (best[1:] or exemplars):
                break
            if best[1:]:
                best = best[: len(best) * 4 // 5]
            else:
                exemplars.pop()
        return text if self.style == "pretrained" else (Message("user", text),)

    def _best(self, trajectory: Trajectory) -> list[Trial]:
        """The candidates to list, best first; where none reaches the threshold, the best few all the same.

        Those that lost a race come after all that have a full score, and only where their number of examples can be
        said: a list to continue has no place for it.
        """
        lost = [] if self.style == "pretrained" else trajectory.pruned
        ranked = [*trajectory.ranked(), *lost][: self.settings.shown]
        if self.settings.threshold is None:
            return ranked
        worthy = [trial for trial in ranked if not trajectory.better(self.settings.threshold, trial.score)]
        return worthy or ranked[:FALL_BACK]

    def values(
        self,
        task: Task,
        trajectory: Trajectory,
        best: Sequence[Trial],
        exemplars: Sequence[Mapping[str, str]],
        shuffle: float,
    ) -> dict[str, object]:
        """What a template is filled with.

        Args:
            task: what is optimised.
            trajectory: all trials so far.
            best: the candidates to list, best first.
            exemplars: the examples to show.
            shuffle: from 0 to 1; chance, where the settings leave something to it.
        """
        if trajectory.tradeoff:
            best = sorted(best, key=lambda trial: trial.score, reverse=task.direction == "maximize")
        figure, aim = _figures(task, trajectory, best, self._shows(task, best), shuffle)
        # Each text once, newest first: a model that repeats itself is shown others too.
        rejected = {trial.text: trial for trial in trajectory.rejected[::-1] if not trial.proposal.failed}
        return {
            "description": f"{task.description.strip()} {task.rules}".strip(),
            "pareto": task.cost_name(task.pareto) if task.pareto else None,
            "form": task.space.describe(),
            "tag": task.space.tag,
            "json": self.schema is not None,
            # None are listed where they depend on each other.
            "fields": list(self.schema.schema.get("properties", ())) if self.schema else (),
            "place": task.place,
            "score_name": task.score_name,
            "better": "higher" if task.direction == "maximize" else "lower",
            "order": self.settings.order,
            "first": self.settings.first,
            "scored": self.settings.scores != "hidden",
            "shown": [
                {
                    "text": trial.text,
                    "score": figure(trial) + _of_how_many(trial, task),
                    "feedback": textwrap.shorten(trial.evaluation.feedback, FEEDBACK_CHARS),
                }
                for trial in self._ordered(best, shuffle)
            ],
            "rejected": [
                {"text": textwrap.shorten(trial.text, REJECTED_CHARS), "reason": trial.evaluation.reason}
                for trial in list(rejected.values())[: self.settings.rejected][::-1]
            ],
            "exemplars": exemplars,
            # What continues structured candidates has no mark of its own to be found by: there the list stays open.
            "aim": aim if self.settings.aim or task.space.kind != "text" else None,
        }

    def _ordered(self, best: Sequence[Trial], shuffle: float) -> list[Trial]:
        if self.settings.order == "random":
            return random.Random(shuffle).sample(best, len(best))
        return list(best if self.settings.order == "descending" else best[::-1])

    def _shows(self, task: Task, best: Sequence[Trial]) -> Callable[[float], str]:
        """How a score is written."""
        if self.settings.scores == "decimals" or (
            self.settings.scores == "auto" and self.style == "pretrained" and task.bounds
        ):
            return lambda score: f"{score:.2f}"
        if self.settings.scores != "buckets":
            return task.show
        among = [trial.score for trial in best] or [0.0]
        low, high = task.bounds or (min(among), max(among))
        return lambda score: str(round(self.settings.buckets * (score - low) / (high - low))) if high > low else "0"


def _figures(
    task: Task, trajectory: Trajectory, best: Sequence[Trial], score: Callable[[float], str], shuffle: float
) -> tuple[Callable[[Trial], str], str]:
    """How a trial's score is written, in a Pareto search with its cost; and what the open end of a list aims at.

    In a Pareto search that is the cost of a random member of the front with a better score than it has: as much better
    as one would aim above the best.
    """
    aim = task.aim([trial.score for trial in best[::-1]])
    front = trajectory.front()
    if front is None or not best or task.pareto is None:
        return lambda trial: score(trial.score), score(aim)
    name, called, members = task.pareto, task.cost_name(task.pareto), {trial.key for trial in front.members}

    def figure(trial: Trial, better: float = 0.0) -> str:
        cost = f"{called} {show_cost(trial.evaluation.metrics[name])}"
        return f"{score(trial.score + better)}, {cost}{' (front)' if trial.key in members else ''}"

    shown = [trial for trial in best if trial.key in members] or best
    return figure, figure(shown[int(shuffle * len(shown))], aim - best[0].score)


def _of_how_many(trial: Trial, task: Task) -> str:
    if trial.ok:
        return ""
    return f" (on the first {len(trial.evaluation.outcomes)} of {len(task.examples)} examples)"


@cache
def template(name: str) -> Template:
    """The template prompts/NAME.jinja."""
    # Candidates and examples are values of the template, never templates: nothing in them is ever evaluated.
    environment = Environment(
        loader=FileSystemLoader(shipped("prompts")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    return environment.get_template(f"{name}.jinja")
