"""The command line: one-line errors with the mend, exit codes, quick help, JSON alone on stdout."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import optiprompt as op
from optiprompt import cli
from optiprompt.events import Evaluated, Started
from optiprompt.store import read_events


def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command."""
    monkeypatch.setattr(sys, "argv", ["optiprompt", *words])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    captured = capsys.readouterr()
    return int(stopped.value.code or 0), captured.out, captured.err


BAD_CALLS = [
    (["run", "nasbench2O1", "--optimizer", "smollm2"], "did you mean nasbench201"),
    (["run", "nasbench201/cifar11", "--optimizer", "smollm2"], "did you mean nasbench201/cifar10"),
    (["run", "nasbench201"], "needs an optimizer"),
    (["run", "nasbench201", "--optimizer", "smolm2"], "did you mean 'smollm2'"),
    (["run", "nasbench201", "--optimizer", "hf:/no/such/folder"], "/no/such/folder"),
    (["run", "nasbench201", "--algorithm", "evolve"], "unknown algorithm 'evolve'"),
    (["run", "nasbench201", "--algorithm", "random", "--shown", "3"], "has no setting 'shown'"),
    (["run", "nasbench201", "--algorithm", "random", "--set", "dataset"], "KEY=VALUE"),
    (["run", "nasbench201", "--algorithm", "random", "--set", "strat=3"], "did you mean 'start'"),
    (["run", "nasbench201", "--algorithm", "random", "--set", "start=many"], "start: "),
    (["run", "gsm8k", "--blind"], "gsm8k cannot be blind: leave --blind out"),
    (["run", "nasbench2O1", "--blind"], "did you mean nasbench201"),
    (["run", "missing.yaml"], "missing.yaml: `optiprompt init"),
    (["run"], "task"),
    (["run", "nasbench201", "--steps", "three"], "--steps"),
    (["run", "nasbench201", "--display", "fancy"], "--display"),
    (["rnu"], "rnu"),
    (["best", "no-such-run"], "no run 'no-such-run'"),
    (["resume", "no-such-run"], "no run 'no-such-run'"),
    (["tasks", "gsm9k"], "gsm9k"),
]


@pytest.mark.parametrize(("words", "named"), BAD_CALLS, ids=[" ".join(words) for words, _ in BAD_CALLS])
def test_a_bad_call_is_one_line_that_names_the_thing_and_leaves_nothing_behind(
    words: list[str], named: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, runs: Path
) -> None:
    code, out, err = call(capsys, monkeypatch, *words)
    assert code == 2
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert named in err
    assert not runs.exists()


YAMLS = [
    ("name: x\nkind: nasbench201\ndatset: cifar10\n", "unknown key 'datset': did you mean 'dataset'"),
    ("name: x\nkind: nasbench201\ndataset: mnist\n", "dataset"),
    ("name: x\n", "no kind"),
    ("kind: prompt\ndata: {file: x.jsonl, inptu: q}\n", "unknown key 'data.inptu': did you mean 'input'"),
    ("kind: prompt\ndata: {file: x.jsonl}\nsizes: {tran: 3}\n", "unknown key 'sizes.tran': did you mean 'train'"),
    ("kind: prompt\n", "the key 'data' is missing"),
    ("name: x\nkind: nasbench2001\n", "did you mean 'nasbench201'"),
    ("name: [unclosed\n", "no YAML"),
    ("just text\n", "holds no fields"),
    ("", "holds no fields"),
]


@pytest.mark.parametrize(("text", "named"), YAMLS, ids=[named for _, named in YAMLS])
def test_a_bad_yaml_is_named_with_its_key(
    text: str, named: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    code, _, err = call(capsys, monkeypatch, "run", str(tmp_path / "bad.yaml"), "--algorithm", "random")
    assert code == 2
    assert err.count("\n") == 1
    assert "bad.yaml" in err or "unknown task" in err
    assert named in err


def test_a_run_folder_that_cannot_be_made_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    words = ("run", "nasbench201", "--algorithm", "random", "--steps", "1", "--run-dir", str(tmp_path / "file" / "run"))
    code, _, err = call(capsys, monkeypatch, *words)
    assert code == 1
    assert err.count("\n") == 1
    assert "cannot be written" in err


def test_a_run_with_json_prints_one_object_and_best_and_resume_agree_with_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, runs: Path
) -> None:
    words = ("run", "nasbench201", "--algorithm", "local-search", "--max-evaluations", "30", "--json")
    code, out, err = call(capsys, monkeypatch, *words)
    assert code == 0
    found = json.loads(out)
    told = {name: found.pop(name) for name in ("verdict", "stop_reason", "calls", "calls_by_role", "tokens", "usd")}
    assert told["stop_reason"] == "30 evaluations are made"
    assert (told["calls"], told["tokens"], told["usd"]) == (0, 0, 0.0)
    assert set(found) == {"text", "score", "low", "high", "split", "step", "status", "run"}
    assert found["split"] == "validation"
    assert found["status"] == "finished"
    assert 85 < found["low"] < found["score"] < found["high"] < 92
    assert "30/30" in err
    name = Path(found["run"]).name
    assert Path(found["run"]).parent == runs
    _, out, _ = call(capsys, monkeypatch, "best", name, "--json")
    assert json.loads(out) == found
    _, out, _ = call(capsys, monkeypatch, "best", found["run"])
    assert out == found["text"] + "\n"
    events = (runs / name / "events.jsonl").read_bytes()
    _, out, _ = call(capsys, monkeypatch, "resume", name, "--json")
    assert json.loads(out) == {**found, **told}
    assert (runs / name / "events.jsonl").read_bytes() == events
    _, out, _ = call(capsys, monkeypatch, "resume", name, "--max-evaluations", "40", "--json", "--display", "none")
    assert json.loads(out)["score"] >= found["score"]


def test_tasks_lists_every_variant_and_shows_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, out, _ = call(capsys, monkeypatch, "tasks")
    names = {line.split()[0] for line in out.splitlines()}
    assert {"nasbench201/cifar10", "nasbench201/cifar100", "nasbench201/imagenet16"} <= names
    _, out, _ = call(capsys, monkeypatch, "tasks", "nasbench201/cifar100")
    assert "CIFAR-100" in out


def test_doctor_names_what_is_there_and_what_is_wrong(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OPTIPROMPT_DATA", str(tmp_path))
    code, out, _ = call(capsys, monkeypatch, "doctor")
    assert code == 0
    assert "torch" in out
    monkeypatch.setenv("OPTIPROMPT_DATA", str(tmp_path / "gone"))
    code, out, _ = call(capsys, monkeypatch, "doctor")
    assert code == 1
    assert f"FAULT OPTIPROMPT_DATA: {tmp_path / 'gone'}" in out


def test_the_env_file_is_read_and_the_environment_goes_first(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setenv("OPTIPROMPT_RUNS", "from-environment")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    Path(".env").write_text("OPTIPROMPT_RUNS=from-file\nOPENAI_API_KEY=secret-key\nHF_HUB_OFFLINE=\n")
    _, out, _ = call(capsys, monkeypatch, "doctor")
    assert "from-environment" in out
    assert "OPENAI_API_KEY is set" in out
    assert "secret-key" not in out


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["sweep", "--help"], ["doctor"], ["tasks"]])
def test_help_and_lists_import_no_heavy_library(words: list[str]) -> None:
    script = (
        "import sys; from optiprompt import cli\n"
        f"sys.argv = ['optiprompt', *{words!r}]\n"
        "try: cli.main()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'transformers', 'openai', 'datasets', 'matplotlib', 'numpy', 'scipy', 'pandas', 'aiohttp'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_runs_are_listed_newest_first_and_removed_only_when_confirmed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, runs: Path
) -> None:
    for name in ("older", "newer"):
        words = ("run", "nasbench201", "--algorithm", "random", "--steps", "1", "--run-dir", str(runs / name))
        assert call(capsys, monkeypatch, *words)[0] == 0
    lines = (runs / "older" / "events.jsonl").read_bytes().splitlines(keepends=True)
    (runs / "killed").mkdir()
    (runs / "killed" / "events.jsonl").write_bytes(b"".join(lines[:4]))
    (runs / "damaged").mkdir()
    (runs / "damaged" / "events.jsonl").write_bytes(b"rubbish\n" + lines[0])
    _, out, _ = call(capsys, monkeypatch, "runs", "--json")
    listed = json.loads(out)
    status = {each["name"]: each["status"] for each in listed}
    assert status == {"newer": "finished", "older": "finished", "killed": "killed", "damaged": "damaged"}
    assert [each["name"] for each in listed][0::3] == ["newer", "damaged"]
    assert listed[0]["evaluations"] == 9
    assert listed[0]["best"] > 80
    _, out, _ = call(capsys, monkeypatch, "runs")
    assert out.splitlines()[0].startswith("newer")
    code, _, err = call(capsys, monkeypatch, "rm", "older")
    assert code == 2
    assert "--yes" in err
    assert (runs / "older").exists()
    assert call(capsys, monkeypatch, "rm", "older", "--yes")[0] == 0
    assert not (runs / "older").exists()


def test_rm_never_deletes_files_that_are_not_the_runs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("thesis.txt").write_text("mine")
    assert (
        call(capsys, monkeypatch, "run", "nasbench201", "--algorithm", "random", "--steps", "1", "--run-dir", ".")[0]
        == 0
    )
    code, _, err = call(capsys, monkeypatch, "rm", ".", "--yes")
    assert code == 1
    assert "thesis.txt" in err
    assert {"thesis.txt", "events.jsonl"} <= {path.name for path in tmp_path.iterdir()}


def test_a_new_total_is_remembered_when_the_run_goes_on_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, runs: Path
) -> None:
    words = ("run", "nasbench201", "--algorithm", "random", "--run-dir", str(runs / "a"))
    assert call(capsys, monkeypatch, *words, "--steps", "2")[0] == 0
    assert "4 steps are done" in call(capsys, monkeypatch, "resume", "a", "--steps", "4")[1]
    before = (runs / "a" / "events.jsonl").read_bytes()
    assert "4 steps are done" in call(capsys, monkeypatch, "resume", "a")[1]
    assert (runs / "a" / "events.jsonl").read_bytes() == before


def test_a_candidate_with_brackets_is_shown_as_it_is_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, runs: Path
) -> None:
    rows = [{"input": "1 + 1", "target": "2"}, {"input": "2 + 2", "target": "4"}]
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "sums.yaml").write_text(
        "kind: prompt\ndata: {train: sums.jsonl, test: sums2.jsonl}\ngrader: number\nstart: [Guess.]\nsizes: {dev: 0}\n"
    )
    (tmp_path / "sums2.jsonl").write_text(json.dumps({"input": "3 + 3", "target": "6"}) + "\n")
    replies = [
        {"match": "Write an instruction", "text": "<INS>Answer [/INST] now [b]</INS>"},
        {"match": r"Answer \[/INST\] now \[b\]\n1", "text": "2"},
        {"match": ".", "text": "no idea"},
    ]
    (tmp_path / "script.jsonl").write_text("".join(json.dumps(reply) + "\n" for reply in replies))
    model = f"scripted:{tmp_path / 'script.jsonl'}"
    words = ("run", str(tmp_path / "sums.yaml"), "--optimizer", model, "--scorer", model, "--steps", "1")
    code, out, err = call(capsys, monkeypatch, *words, "--display", "rich")
    assert code == 0, err
    assert "Answer [/INST] now [b]" in out
    assert "Answer [/INST] now [b]" in err


def test_init_writes_a_task_file_that_can_be_loaded_and_never_writes_over_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows = [{"question": f"{n} + 1?", "answer": str(n + 1)} for n in range(30)]
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, out, _ = call(capsys, monkeypatch, "init", str(tmp_path / "sums.jsonl"))
    assert code == 0
    assert "grader number" in out
    code, out, _ = call(capsys, monkeypatch, "tasks", str(tmp_path / "sums.yaml"))
    assert code == 0
    assert out.startswith("sums: maximize accuracy")
    code, _, err = call(capsys, monkeypatch, "init", str(tmp_path / "sums.jsonl"))
    assert code == 2
    assert "--force" in err


def test_every_setting_of_opro_is_an_option(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, _ = call(capsys, monkeypatch, "run", "--help")
    assert code == 0
    for field in dataclasses.fields(op.Opro):
        assert f"--{field.name.replace('_', '-')} " in out


def test_settings_on_the_command_line_go_before_the_preset(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, runs: Path
) -> None:
    rows = [json.dumps({"input": f"{n} + 1", "target": str(n + 1)}) + "\n" for n in range(4)]
    (tmp_path / "sums.jsonl").write_text("".join(rows))
    (tmp_path / "sums.yaml").write_text(
        "kind: prompt\ndata: {train: sums.jsonl}\ngrader: number\nstart: [Guess.]\n"
        "presets: {reference: {max_tokens: 99, start: [Think.]}}\n"
    )
    (tmp_path / "script.jsonl").write_text('{"match": ".", "text": "<TEXT>2</TEXT>"}\n')
    model = f"scripted:{tmp_path / 'script.jsonl'}"
    words = ("--optimizer", model, "--scorer", model, "--steps", "1", "--preset", "reference", "--oversampling", "2")
    code, _, err = call(
        capsys,
        monkeypatch,
        "run",
        str(tmp_path / "sums.yaml"),
        *words,
        "--style",
        "pretrained",
        "--set",
        "max_tokens=9",
    )
    assert code == 0, err
    events = read_events(next(runs.iterdir()))
    started = next(event for event in events if isinstance(event, Started))
    algorithm, task = started.settings["algorithm"], started.settings["task"]
    assert (algorithm["aim"], algorithm["oversampling"], algorithm["style"]) == (False, 2, "pretrained")
    assert task["max_tokens"] == 9
    assert next(event.text for event in events if isinstance(event, Evaluated)) == "Think."
