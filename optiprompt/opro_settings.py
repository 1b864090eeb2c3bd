"""The settings of OPRO (Yang et al. 2023, arXiv 2309.03409), where the command line can read them quickly."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from optiprompt.errors import UsageError

Style = Literal["chat", "bracketed", "pretrained"]
Order = Literal["ascending", "descending", "random"]
Scores = Literal["auto", "integers", "decimals", "buckets", "hidden"]
Selection = Literal["random", "constant", "most-wrong", "most-wrong-by-shown"]
First = Literal["candidates", "exemplars"]


USUAL, FEW = 8, 4  # proposals a step


@dataclass(frozen=True, kw_only=True)
class OproSettings:
    """What the meta-prompt shows, and how replies are sampled.

    Attributes:
        operators: how proposals are made: names with commas between, `opro` for the published way alone; `mix` takes
            all that fit the task, and gives more proposals to those that help.
        proposals: how many a step; by default 8, as in the paper, and 4 where a predictor chooses among many, which
            learns from each step.
        shown: how many of the best candidates the meta-prompt lists.
        exemplars: how many examples of the task it shows.
        temperature: of the sampling; by default 1.0 in a chat and 1.5 where a list is continued, as in the paper.
        temperature_end: the temperature rises (or falls) to this one over the steps of the run.
        reply_tokens: the longest reply, in tokens.
        style: of the meta-prompt: `chat` asks, `bracketed` asks for the answer in square brackets,
            `pretrained` is a list to continue; `auto` takes the one in which the model proposes best.
        order: of the candidates listed, by their scores.
        scores: how scores are shown; `auto` is two decimals in a list to continue and whole numbers else.
        buckets: how many steps the scores have where scores is `buckets`.
        threshold: candidates with a worse score are not listed, unless all have; then the best few are.
        selection: which examples are shown: `random` ones, the same ones in each step (`constant`), or those
            that all candidates so far (`most-wrong`) or the listed ones (`most-wrong-by-shown`) got wrong
            most often.
        first: what comes first in the meta-prompt.
        rejected: how many of the last rejected candidates are shown with the reason.
        aim: whether a list of texts to continue ends with an open line that has a better score.
        cleaning: whether instructions are read out of replies as a person would; else only the form asked for counts.
        constrained: whether replies are decoded inside the space's grammar, in a chat inside its JSON schema, where
            the model can do that.
        oversampling: how many times as many candidates are drawn as are proposed, where they cost little: inside
            a grammar, or by chance.
        predictor: of the unseen ones drawn those are taken that promise the greatest improvement, by a model of
            the scores so far; else the first ones.
        widening: by how much the temperature grows, as a share of it, for each step in a row that brought
            only duplicates.
    """

    operators: str = "mix"
    proposals: int | None = None
    shown: int = 20
    exemplars: int = 3
    temperature: float | None = None
    temperature_end: float | None = None
    reply_tokens: int = 512
    style: Literal["auto", "chat", "bracketed", "pretrained"] = "auto"
    order: Order = "ascending"
    scores: Scores = "auto"
    buckets: int = 20
    threshold: float | None = None
    selection: Selection = "random"
    first: First = "candidates"
    rejected: int = 3
    aim: bool = True
    cleaning: bool = True
    constrained: bool = True
    oversampling: int = 4
    predictor: bool = True
    widening: float = 0.1

    def __post_init__(self) -> None:
        least = {"proposals": 1, "shown": 0, "exemplars": 0, "temperature": 0, "temperature_end": 0, "reply_tokens": 1}
        for field, low in {**least, "buckets": 1, "rejected": 0, "oversampling": 1, "widening": 0}.items():
            value = getattr(self, field)
            if value is not None and not low <= value < math.inf:
                raise UsageError(f"{field} must be at least {low}, not {value}")
        for field, known in {"order": Order, "scores": Scores, "selection": Selection, "first": First}.items():
            if getattr(self, field) not in get_args(known):
                raise UsageError(f"{field}: {getattr(self, field)!r} is none of {', '.join(get_args(known))}")
        if self.style not in ("auto", *get_args(Style)):
            raise UsageError(f"style: {self.style!r} is none of auto, {', '.join(get_args(Style))}")
        if self.threshold is not None and math.isnan(self.threshold):
            raise UsageError("threshold must be a number")

    def most(self, predictable: bool) -> int:
        """How many proposals a step has, in a space where a predictor can choose or not."""
        if self.proposals is not None:
            return self.proposals
        return FEW if self.predictor and predictable else USUAL
