"""The backends that need no account keep the contract of `Backend`, and the contract's test finds those that do not."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from optiprompt.backends import scripted, smollm2
from optiprompt.backends.base import BackendOptions, Reply, Request
from optiprompt.backends.scripted import Line, ScriptedBackend
from optiprompt.testing.backends import check_backend


def test_scripted(tmp_path: Path) -> None:
    script = tmp_path / "script.jsonl"
    script.write_text('{"match": ".", "text": "blue"}\n')
    check_backend(scripted.connect(str(script), BackendOptions()))


def test_smollm2() -> None:
    check_backend(smollm2.connect("", BackendOptions()))


class _Faulty(ScriptedBackend):
    def __init__(self, fault: str) -> None:
        super().__init__("faulty", [Line.model_validate({"match": ".", "text": "teal"})])
        self.fault, self.decodes = fault, fault == "leaves the grammar"
        self.ranks = fault.endswith("option")

    async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
        if self.fault == "ignores stop strings":
            request = replace(request, stop=())
        replies = await super().generate(request, samples)
        if self.fault == "takes the first option" and request.options:
            replies = [replace(reply, text=request.options[0]) for reply in replies]
        if self.fault == "counts no calls":
            replies = [replace(reply, usage=replace(reply.usage, calls=0)) for reply in replies]
        return replies[:1] if self.fault == "one sample only" else replies


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("one sample only", "3 samples asked for, 1 replies"),
        ("ignores stop strings", "goes on behind a stop string"),
        ("counts no calls", "no call is counted"),
        ("leaves the grammar", "three words"),
        ("takes the first option", "whatever their order"),
        ("writes instead of taking an option", "not one of the options"),
    ],
)
def test_a_faulty_backend_is_found(fault: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_backend(_Faulty(fault))
