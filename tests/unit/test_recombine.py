"""The operator `recombine`: any model is asked for changes of the best structured candidates, several a reply."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import optiprompt as op
from optiprompt.backends.base import Reply, Request
from optiprompt.backends.scripted import Line, ScriptedBackend
from optiprompt.candidate import Trial

WORTH = {"none": 0, "skip": 1, "pool": 2, "conv": 3}
START = ["none skip pool", "conv none none", "skip skip skip", "none none none", "none none skip"]


class Asked(ScriptedBackend):
    """Keeps what it was asked."""

    def __init__(self, reply: str, continues: bool = False) -> None:
        super().__init__("asked", [Line(match=re.compile("."), text=reply)])
        self.proposes = "continuation" if continues else "chat"
        self.requests: list[Request] = []

    async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
        self.requests.append(request)
        return await super().generate(request, samples)


def cells(start: Sequence[str] = START) -> op.FunctionTask:
    space = op.CellSpace(["a", "b", "c"], list(WORTH))
    return op.FunctionTask("cells", space, lambda cell: float(sum(map(WORTH.__getitem__, cell))), start=start)


def test_in_a_pareto_search_a_better_tradeoff_is_asked_for(tmp_path: Path) -> None:
    optimizer = Asked("<CELL>conv conv pool</CELL>")
    space = op.CellSpace(["a", "b", "c"], list(WORTH))
    task = op.FunctionTask(
        "cells", space, lambda _: 1.0, start=START, costs=lambda cell: {"parameters": len(set(cell))}
    )
    algorithm = op.Opro(operators="recombine", proposals=4)
    op.optimize(task.against("parameters"), optimizer=optimizer, algorithm=algorithm, steps=1, run_dir=tmp_path)
    asked = optimizer.requests[0].prompt[-1].content  # type: ignore[union-attr]
    assert "for which you expect a better trade-off of score and parameters. Each" in asked


def search(
    folder: Path, optimizer: Asked, proposals: int = 4, start: Sequence[str] = START, **settings: Any
) -> list[Trial]:
    algorithm = op.Opro(operators="recombine", proposals=proposals, **settings)
    result = op.optimize(cells(start), optimizer=optimizer, algorithm=algorithm, steps=1, run_dir=folder)
    return [trial for trial in result.trajectory.trials if trial.step == 1]


def test_the_model_is_shown_some_of_the_best_with_their_scores_and_the_one_to_change(tmp_path: Path) -> None:
    optimizer = Asked("<CELL>conv conv pool</CELL>")
    search(tmp_path, optimizer)
    assert len(optimizer.requests) == 2, "a reply holds several candidates"
    for request in optimizer.requests:
        text = request.prompt[-1].content  # type: ignore[union-attr]
        shown = [cell for cell in START if f"candidate: {cell}\nscore: " in text]
        assert 2 <= len(shown) <= 4
        best = max(shown, key=lambda cell: (sum(map(WORTH.__getitem__, cell.split())), -START.index(cell)))
        assert f"<CELL>{best}</CELL> with one or two places changed" in text
        assert "each word is one of none, skip, pool, conv" in text


@pytest.mark.parametrize(
    "reply",
    [
        "<CELL>conv conv pool</CELL>\n<CELL>skip conv pool</CELL>",
        "Sure! <CELL>conv conv pool</CELL> <CELL>skip conv pool</CELL> <CELL>conv conv</CELL>",
        "<think>conv conv conv?</think>Here they are:\n1. conv conv pool\n2. conv conv pool\n3. Skip, conv, pool\n",
        "- `conv conv pool`\n- `skip conv pool`",
        "candidate 1: conv conv pool\ncandidate 2: skip conv pool",
        "<CELL>conv none none</CELL>\n<CELL>conv conv pool</CELL>\n<CELL>skip conv pool",
    ],
)
def test_all_candidates_of_a_reply_are_proposed_once(tmp_path: Path, reply: str) -> None:
    trials = search(tmp_path, Asked(reply), proposals=2, predictor=False)
    made = [trial for trial in trials if trial.text != "conv none none"]  # it may not have been among the shown ones
    assert [trial.text for trial in made] == ["conv conv pool", "skip conv pool"]
    assert {trial.proposal.source for trial in trials} == {"recombine"}
    assert sum(trial.proposal.usage.calls for trial in trials) == 1


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("No idea.", "the reply holds no <CELL>...</CELL>"),
        ("\n".join(START[:2]), "the reply only repeats candidates"),
        ("<CELL>conv pool</CELL>", "found 2 operations, a cell has 3: one each for a, b, c"),
    ],
)
def test_a_reply_with_nothing_new_is_rejected_with_the_reason(tmp_path: Path, reply: str, reason: str) -> None:
    trials = search(tmp_path, Asked(reply), proposals=2, start=START[:2])
    assert [(trial.evaluation.status, trial.evaluation.reason) for trial in trials] == [("invalid", reason)]


def test_a_base_model_writes_one_more_line_of_the_list(tmp_path: Path) -> None:
    optimizer = Asked(" conv conv pool\nscore 1: skip", continues=True)
    trials = search(tmp_path, optimizer)
    assert [trial.text for trial in trials if not trial.duplicate] == ["conv conv pool"]
    assert len(optimizer.requests) == 4
    lines = str(optimizer.requests[0].prompt).splitlines()
    assert 3 <= len(lines) <= 5
    assert all(line.split(": ")[1] in START for line in lines[:-1])
    assert lines[-1].startswith("score ")
    assert lines[-1].endswith(":")


def test_the_mix_leaves_it_out_where_the_model_fills_in_places_inside_a_grammar(tmp_path: Path) -> None:
    for decodes in (False, True):
        optimizer = Asked(" conv conv pool", continues=True)
        optimizer.decodes = decodes
        algorithm = op.Opro(proposals=6)
        result = op.optimize(
            cells(), optimizer=optimizer, algorithm=algorithm, steps=6, run_dir=tmp_path / f"{decodes}"
        )
        assert ("recombine" in {trial.proposal.source for trial in result.trajectory.trials}) != decodes
