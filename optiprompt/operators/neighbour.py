"""A local move: one small change to one of the best candidates. No model takes part."""

import random
from collections.abc import Iterator
from itertools import islice
from typing import Any

from optiprompt.candidate import Candidate, Proposal
from optiprompt.errors import UsageError
from optiprompt.operators.base import Operator, Scene

PARENTS = 2
MOST = 200  # moves that are looked at in a step
FURTHEST = 40  # parents, where the best have too few moves left


class Neighbour(Operator):
    """All small changes to the best candidates, in random order, for the searcher to choose from: they cost nothing."""

    name = "neighbour"
    kind = "structured"
    asks = False

    def ready(self, scene: Scene) -> bool:
        """There is a parent with an unseen neighbour, and the space knows small changes."""
        try:
            return next(_moves(scene, 1, random.Random(0)), None) is not None
        except UsageError:
            return False

    async def propose(self, scene: Scene, count: int, rng: random.Random) -> list[Proposal]:
        """Unseen candidates."""
        moves = list(islice(_moves(scene, count, rng), MOST))
        rng.shuffle(moves)
        return [Proposal(move.text, self.name) for move in moves]


def _moves(scene: Scene, least: int, rng: random.Random) -> Iterator[Candidate[Any]]:
    """The unseen neighbours of the best candidates, those of the best first; where a space lists none, random ones.

    Those beyond the limits are left out. Where the very best have fewer others than that, the next best ones are
    looked at too.
    """
    space, seen, found = scene.task.space, set[str](), 0
    for place, parent in enumerate(scene.trajectory.ranked()[:FURTHEST]):
        if found >= least and place >= PARENTS:
            return
        value = space.parse(parent.text)
        try:
            near = list(space.neighbours(value))
        except UsageError:
            near = [space.mutate(value, rng) for _ in range(MOST // PARENTS)]
        rng.shuffle(near)
        for move in map(space.of, near):
            if move.key not in seen and scene.trajectory.known(move.key) is None:
                seen.add(move.key)
                if scene.task.admits(move):
                    found += 1
                    yield move


OPERATOR = Neighbour
