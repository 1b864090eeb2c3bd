"""Each operator shows the model what it should, alone and in the mix, in a chat and as plain text to continue."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import optiprompt as op
from optiprompt.backends.base import Request
from optiprompt.backends.scripted import Line, ScriptedBackend
from optiprompt.errors import UsageError
from optiprompt.operators._form import FORMS, SYSTEMS, says_form, with_sentence
from optiprompt.operators._texts import LEAD, body
from optiprompt.operators.edit import _varied
from optiprompt.spaces.prompt import as_prompt

WORDS = {"warm": "cold", "early": "late", "full": "empty", "near": "far", "loud": "quiet", "soft": "hard"}
EXAMPLES = tuple(op.Example(word, word, opposite) for word, opposite in WORDS.items())
ONE_WORD = "Answer with one word only."  # what these targets have in common
GOOD = "Write the word that means the opposite of the given word, and write nothing else but this one word."


class Asked(ScriptedBackend):
    """Keeps what it was asked; replies by the pattern in the prompt."""

    def __init__(self, replies: dict[str, str], continues: bool = False) -> None:
        super().__init__("asked", [Line.model_validate({"match": key, "text": text}) for key, text in replies.items()])
        self.proposes = "continuation" if continues else "chat"
        self.prompts: list[str] = []

    async def generate(self, request: Request, samples: Any) -> Any:
        self.prompts.append(request.prompt if isinstance(request.prompt, str) else request.prompt[-1].content)
        return await super().generate(request, samples)


def scorer() -> ScriptedBackend:
    """Right on half of the words with an instruction that speaks of the opposite, else wrong."""
    right = [{"match": f"(?s)opposite.*\n{word}$", "text": WORDS[word]} for word in ("warm", "early", "full")]
    return ScriptedBackend("scorer", [Line.model_validate(each) for each in [*right, {"match": ".", "text": "banana"}]])


def search(
    optimizer: Asked,
    tmp_path: Path,
    operators: str,
    steps: int = 1,
    scored_by: ScriptedBackend | None = None,
    **settings: Any,
) -> op.Result:
    task = op.PromptTask(
        "opposites",
        op.Splits(EXAMPLES, (), ()),
        op.graders.exact(),
        start=["Answer.", GOOD],
        description="A language model answers with a word.",
    )
    algorithm = op.Opro(operators=operators, proposals=2, **settings)
    scoring = op.Scoring(racing=None, cache=False)
    return op.optimize(
        task,
        optimizer=optimizer,
        scorer=scored_by or scorer(),
        algorithm=algorithm,
        steps=steps,
        run_dir=tmp_path,
        scoring=scoring,
    )


@pytest.mark.parametrize("operator", ["induce", "reflect", "paraphrase", "crossover", "shorten", "opro"])
def test_each_works_alone_and_says_where_its_proposals_are_from(operator: str, tmp_path: Path) -> None:
    optimizer = Asked({".": "<INS>name the opposite</INS>"})
    result = search(optimizer, tmp_path, operator)
    [proposed] = [trial for trial in result.trajectory.trials if trial.step == 1 and not trial.duplicate]
    # The best asks for nothing else, and so does what is induced.
    assert proposed.text == "Name the opposite" + (f". {ONE_WORD} {LEAD}" if operator == "induce" else "")
    assert proposed.proposal.source == operator
    assert proposed.score == 0.5


def test_induction_shows_inputs_with_their_targets(tmp_path: Path) -> None:
    optimizer = Asked({".": "<INS>Name the opposite.</INS>"})
    search(optimizer, tmp_path, "induce")
    assert len(optimizer.prompts) == 2
    for word, opposite in WORDS.items():
        assert f"Input: {word}\nOutput: {opposite}\n" in optimizer.prompts[0]
    assert "Answer." not in optimizer.prompts[0], "the instruction is to be found, not mended"


def test_reflection_shows_what_a_good_candidate_got_wrong_with_its_outputs(tmp_path: Path) -> None:
    optimizer = Asked({".": "It lacks an example of a rare word.\n<INS>Name the opposite.</INS>"})
    search(optimizer, tmp_path, "reflect")
    assert GOOD in optimizer.prompts[0]
    assert "Input: near\nOutput of the model: banana\nRight output: far\n" in optimizer.prompts[0]
    assert "Input: warm" not in optimizer.prompts[0], "that one was right"


def test_shortening_and_paraphrasing_vary_what_got_something_right(tmp_path: Path) -> None:
    for operator in ("shorten", "paraphrase"):
        optimizer = Asked({".": "<INS>Opposite.</INS>"})
        search(optimizer, tmp_path / operator, operator)
        assert all(GOOD in prompt and "Answer." not in prompt for prompt in optimizer.prompts)


def test_what_may_be_right_by_luck_is_not_varied_while_there_is_something_else_to_do(tmp_path: Path) -> None:
    always_cold = ScriptedBackend("scorer", [Line.model_validate({"match": ".", "text": "cold"})])
    optimizer = Asked({"Look at these": "<INS>Name the opposite.</INS>", ".": "<INS>Reply.</INS>"})
    result = search(optimizer, tmp_path, "paraphrase,shorten,induce", scored_by=always_cold)
    assert [trial.score for trial in result.trajectory.trials if trial.step == 0] == [pytest.approx(1 / 6)] * 2
    assert {trial.proposal.source for trial in result.trajectory.trials if trial.step} == {"induce"}
    alone = search(optimizer, tmp_path / "alone", "paraphrase", scored_by=always_cold)
    assert {trial.proposal.source for trial in alone.trajectory.trials if trial.step} == {"paraphrase"}


def test_crossover_needs_two_parents_and_shows_them(tmp_path: Path) -> None:
    replies = {"joins the strengths": "<INS>The opposite word.</INS>", ".": "<INS>Name the opposite.</INS>"}
    optimizer = Asked(replies)
    search(optimizer, tmp_path, "crossover,induce", steps=2)
    joined = [prompt for prompt in optimizer.prompts if "joins the strengths" in prompt]
    assert joined
    assert all(GOOD in prompt and "Name the opposite. " in prompt for prompt in joined)


def test_a_small_model_continues_plain_text(tmp_path: Path) -> None:
    for operator in ("induce", "reflect", "paraphrase", "shorten"):
        optimizer = Asked({".": 'Name the opposite."\nand so on'}, continues=True)
        result = search(optimizer, tmp_path / operator, operator)
        proposed = {trial.text for trial in result.trajectory if trial.step == 1}
        # Its sentence is given by chance.
        forms = {f" {LEAD}", f" {ONE_WORD} {LEAD}"} if operator == "induce" else {""}
        assert proposed <= {f"Name the opposite.{form}" for form in forms}, operator
        assert proposed, operator
        assert all(prompt.endswith('"') for prompt in optimizer.prompts)


def test_the_mix_asks_in_several_ways_and_records_what_each_brought(tmp_path: Path) -> None:
    optimizer = Asked({".": "<INS>Name the opposite.</INS>"})
    result = search(optimizer, tmp_path, "mix", steps=6, temperature=1.0)
    sources = {trial.proposal.source for trial in result.trajectory.trials}
    assert len(sources) >= 5
    assert '"share"' in (tmp_path / "events.jsonl").read_text()


def test_a_reply_without_an_instruction_is_rejected_and_kept(tmp_path: Path) -> None:
    result = search(Asked({".": ""}), tmp_path, "induce")
    rejected = [trial for trial in result.trajectory.trials if trial.step == 1]
    assert {trial.evaluation.status for trial in rejected} == {"invalid"}
    assert "no instruction" in rejected[0].evaluation.reason


@pytest.mark.parametrize("cleaning", [True, False])
def test_without_cleaning_only_the_form_asked_for_counts(cleaning: bool, tmp_path: Path) -> None:
    result = search(
        Asked({".": "Here is an instruction: Name the opposite."}), tmp_path / "bare", "induce", cleaning=cleaning
    )
    read = {trial.text for trial in result.trajectory.trials if trial.step == 1 and trial.evaluation.status == "ok"}
    assert read == ({f"Name the opposite. {ONE_WORD} {LEAD}"} if cleaning else set())
    result = search(Asked({".": "<INS>antonym</INS>"}), tmp_path / "tagged", "induce", cleaning=cleaning)
    read = {trial.text for trial in result.trajectory.trials if trial.step == 1 and trial.evaluation.status == "ok"}
    assert read == (set() if cleaning else {"Antonym"})


def test_edits_are_for_whole_instructions(tmp_path: Path) -> None:
    task = op.PromptTask("opposites", op.Splits(EXAMPLES, (), ()), op.graders.exact(), position="A_begin")
    with pytest.raises(UsageError, match=r"edit.*whole instructions"):
        op.optimize(task, optimizer=Asked({}), scorer=scorer(), algorithm=op.Opro(operators="edit"), run_dir=tmp_path)


def test_an_operator_that_does_not_fit_or_exist_is_refused(tmp_path: Path) -> None:
    task = op.FunctionTask("sum", op.Numbers({"a": (0, 9)}, integer=True), lambda point: point["a"])
    for operators, message in (("induce", "text candidates"), ("indce", "did you mean 'induce'")):
        with pytest.raises(UsageError, match=message):
            op.optimize(
                task, optimizer=Asked({}), algorithm=op.Opro(operators=operators), steps=1, run_dir=tmp_path / operators
            )


def test_edits_add_a_sentence_to_a_good_candidate_or_drop_one_and_ask_nobody(tmp_path: Path) -> None:
    optimizer = Asked({".": "<INS>Name the opposite.</INS>"})
    result = search(optimizer, tmp_path, "edit", steps=3)
    made = [trial for trial in result.trajectory if trial.proposal.source == "edit"]
    assert len(made) == 6
    assert not optimizer.prompts
    # Only what got something right is edited; longer ones come from those, and may be cut again.
    assert all(GOOD[:-1] in trial.text for trial in made)
    assert len({trial.key for trial in made}) == 6


def test_an_edit_leaves_lines_and_numbers_as_they_are() -> None:
    steps = "Do this:\n1. Read the noun.\n2. Add its ending.\n3. Write it."
    found = _varied(steps)
    assert "Do this:\n1. Read the noun.\n3. Write it." in found
    assert "Do this:\n1. Read the noun.\n2. Add its ending." in found
    assert all(each.startswith("Do this:\n1. Read the noun.") for each in found)
    assert "Write it. Be kind." in _varied("Write it. Take care. Be kind.")


def test_what_the_task_objects_to_is_not_proposed_again_and_again(tmp_path: Path) -> None:
    class Strict(op.PromptTask):
        def objection(self, candidate: Any) -> str:
            return "says only" if "only" in candidate.text else super().objection(candidate)

    task = Strict("opposites", op.Splits(EXAMPLES), op.graders.exact(), start=["Name the opposite."])
    algorithm = op.Opro(operators="edit", proposals=2)
    scoring = op.Scoring(racing=None, cache=False)
    result = op.optimize(
        task, optimizer=Asked({}), scorer=scorer(), algorithm=algorithm, steps=3, run_dir=tmp_path, scoring=scoring
    )
    made = [trial for trial in result.trajectory.trials if trial.proposal.source == "edit"]
    assert len(made) == 6
    assert all(trial.ok and "only" not in trial.text for trial in made)


def test_what_is_written_for_a_structured_prompt_is_its_instruction_and_all_else_stays(tmp_path: Path) -> None:
    best = "<system>You know words.</system><instruction>Write the opposite.</instruction><format>One word.</format>"
    task = op.PromptTask("opposites", op.Splits(EXAMPLES), op.graders.exact(), start=["Answer.", best])
    task.structure(["system", "instruction", "format"])
    result = op.optimize(
        task,
        optimizer=Asked({".": "<INS>Name the opposite.</INS>"}),
        scorer=scorer(),
        algorithm=op.Opro(operators="edit,paraphrase", proposals=4),
        steps=2,
        run_dir=tmp_path,
        scoring=op.Scoring(racing=None, cache=False),
    )
    made = [trial for trial in result.trajectory if trial.step > 0]
    assert {trial.proposal.source for trial in made} == {"edit", "paraphrase"}
    kept = best.partition("<instruction>")[0], best.partition("</instruction>")[2]
    assert all(trial.text.startswith(kept[0]) and trial.text.endswith(kept[1]) for trial in made)


def test_an_edit_adds_a_system_message_where_there_may_be_one(tmp_path: Path) -> None:
    task = op.PromptTask("opposites", op.Splits(EXAMPLES), op.graders.exact(), start=["Answer.", GOOD])
    task.structure(["system", "instruction"])
    algorithm = op.Opro(operators="edit", proposals=4)
    result = op.optimize(task, optimizer=Asked({}), scorer=scorer(), algorithm=algorithm, steps=1, run_dir=tmp_path)
    made = [as_prompt(trial.candidate.value) for trial in result.trajectory if trial.step and trial.candidate]
    assert [each.system for each in made if body(each.instruction) == GOOD] == ["", *SYSTEMS]


def test_half_of_what_is_induced_has_a_system_message_where_there_may_be_one(tmp_path: Path) -> None:
    task = op.PromptTask("opposites", op.Splits(EXAMPLES), op.graders.exact(), start=["Answer."])
    task.structure(["system", "instruction"])
    algorithm = op.Opro(operators="induce", proposals=8)
    asked = Asked({".": "<INS>Name a fruit.</INS>"})
    result = op.optimize(task, optimizer=asked, scorer=scorer(), algorithm=algorithm, steps=1, run_dir=tmp_path)
    made = [as_prompt(trial.candidate.value) for trial in result.trajectory if trial.step and trial.candidate]
    assert {each.system for each in made} == {"", SYSTEMS[0]}
    assert all(each.instruction.startswith("Name a fruit.") for each in made)


def test_the_form_of_these_answers_takes_the_place_of_a_common_one(tmp_path: Path) -> None:
    task = op.PromptTask("opposites", op.Splits(EXAMPLES), op.graders.exact(), start=["Answer.", f"{GOOD} {FORMS[1]}"])
    algorithm = op.Opro(operators="edit", proposals=1)
    result = op.optimize(task, optimizer=Asked({}), scorer=scorer(), algorithm=algorithm, steps=1, run_dir=tmp_path)
    assert [trial.text for trial in result.trajectory if trial.step] == [f"{GOOD} {ONE_WORD} {LEAD}"]


def test_a_prompt_without_an_instruction_is_given_a_sentence_and_no_full_stop(tmp_path: Path) -> None:
    start = "<system>Write the opposite.</system>"
    task = op.PromptTask("opposites", op.Splits(EXAMPLES), op.graders.exact(), start=["Answer.", start])
    task.structure(["system", "instruction"])
    algorithm = op.Opro(operators="edit", proposals=4)
    result = op.optimize(task, optimizer=Asked({}), scorer=scorer(), algorithm=algorithm, steps=1, run_dir=tmp_path)
    made = [trial.text for trial in result.trajectory if trial.proposal.source == "edit"]
    assert made
    assert not any("<instruction>." in text for text in made)


def test_a_text_that_two_operators_wrote_is_the_second_ones_where_the_first_has_its_share(tmp_path: Path) -> None:
    listed = "1. Name a fruit.\n2. Write the opposite of the word."
    optimizer = Asked({"With it these outputs were wrong": listed, ".": "<INS>Write the opposite of the word.</INS>"})
    result = search(optimizer, tmp_path, "reflect,opro", steps=1)
    made = {trial.text: trial.proposal.source for trial in result.trajectory if trial.step}
    assert made == {"Name a fruit.": "reflect", "Write the opposite of the word.": "opro"}
    assert sum(trial.proposal.usage.calls for trial in result.trajectory) == 2


def test_while_nothing_is_right_what_was_induced_is_given_a_form_and_the_start_is_not(tmp_path: Path) -> None:
    names = ["fruit", "animal", "tree", "river", "city", "metal", "planet", "colour", "bird", "fish"]
    optimizer = Asked({".": "\n".join(f"{at}. Name a {name}." for at, name in enumerate(names, 1))})
    task = op.PromptTask(
        "opposites", op.Splits(EXAMPLES, (), ()), op.graders.exact(), start=["Answer."], description="A model answers."
    )
    scoring = op.Scoring(racing=None, cache=False)
    algorithm = op.Opro(operators="induce,edit", proposals=2)
    result = op.optimize(
        task, optimizer=optimizer, scorer=scorer(), algorithm=algorithm, steps=8, run_dir=tmp_path, scoring=scoring
    )
    made = [trial.text for trial in result.trajectory if trial.proposal.source == "edit"]
    assert made
    assert all(text.startswith("Name a") and body(text).endswith((FORMS[0], ONE_WORD)) for text in made)


def test_while_nothing_is_known_of_the_form_most_of_what_is_induced_asks_for_it(tmp_path: Path) -> None:
    optimizer = Asked({".": "<INS>Name a fruit.</INS>"})
    task = op.PromptTask("opposites", op.Splits(EXAMPLES, (), ()), op.graders.exact(), start=["Answer."])
    algorithm = op.Opro(operators="induce", proposals=8)
    result = op.optimize(task, optimizer=optimizer, scorer=scorer(), algorithm=algorithm, steps=1, run_dir=tmp_path)
    made = {body(trial.text) for trial in result.trajectory if trial.proposal.source == "induce"}
    assert made == {"Name a fruit.", f"Name a fruit. {FORMS[0]}", f"Name a fruit. {ONE_WORD}"}


def test_an_instruction_may_ask_for_nothing_else_in_its_own_words() -> None:
    assert not says_form("Write the plural.")
    assert all(says_form(f"Write the plural. {each}") for each in FORMS)
    assert says_form("Write only the plural.")
    assert says_form("Respond with a single word.")
    assert says_form("Write its plural and nothing more.")
    assert not says_form("Choose the only word with a silent letter and explain it.")
    assert not says_form("Write the only word that fits.")
    assert not says_form("Return only words that start with the letter.")
    assert with_sentence("What is it?", FORMS[0]) == f"What is it? {FORMS[0]}"
    assert with_sentence("Write the plural", FORMS[0]) == f"Write the plural. {FORMS[0]}"


def test_once_the_optimizers_calls_are_spent_what_needs_none_goes_on(tmp_path: Path) -> None:
    task = op.PromptTask(
        "opposites", op.Splits(EXAMPLES, (), ()), op.graders.exact(), start=[GOOD], description="A model answers."
    )
    result = op.optimize(
        task,
        optimizer=Asked({".": "<INS>Name the opposite.</INS>"}),
        scorer=scorer(),
        algorithm=op.Opro(operators="induce,edit", proposals=2),
        budget=op.Budget(optimizer_calls=2, scorer_calls=200),
        scoring=op.Scoring(racing=None, cache=False),
        run_dir=tmp_path,
    )
    sources = [trial.proposal.source for trial in result.trajectory]
    assert sources.count("induce") == 1
    assert sources.count("edit") > 8
    assert result.calls_by_role["optimizer"] == 2


def test_an_operator_that_finds_nothing_to_work_on_says_so(tmp_path: Path) -> None:
    task = op.PromptTask("opposites", op.Splits(EXAMPLES, (), ()), op.graders.exact(), start=["Answer."])
    with pytest.raises(UsageError, match="nothing to work on for shorten: add another"):
        op.optimize(
            task,
            optimizer=Asked({}),
            scorer=scorer(),
            algorithm=op.Opro(operators="shorten"),
            steps=3,
            scoring=op.Scoring(racing=None, cache=False),
            run_dir=tmp_path,
        )


def test_of_several_proposals_in_each_reply_the_first_of_all_replies_come_first(tmp_path: Path) -> None:
    class Talkative(Asked):
        async def generate(self, request: Request, samples: Any) -> Any:
            replies = await super().generate(request, samples)
            texts = [f"<INS>Opposite {len(self.prompts)}, way {way}.</INS>" for way in ("a", "b", "c")]
            return [replace(each, text="\n".join(texts)) for each in replies]

    result = search(Talkative({".": "-"}), tmp_path, "paraphrase")
    proposed = {trial.text for trial in result.trajectory if trial.step == 1}
    assert proposed == {"Opposite 1, way a.", "Opposite 2, way a."}


def test_reflection_shows_what_was_replied_where_no_answer_was_read_and_what_the_grader_says(tmp_path: Path) -> None:
    examples = tuple(op.Example(str(n), f"question {n}", '{"n": 1}') for n in range(4))
    task = op.PromptTask("fields", op.Splits(examples), op.graders.json(), start=["Answer."])
    silent = ScriptedBackend("scorer", [Line.model_validate({"match": ".", "text": "I need more information."})])
    optimizer = Asked({".": "<INS>Answer in JSON.</INS>"})
    op.optimize(
        task,
        optimizer=optimizer,
        scorer=silent,
        algorithm=op.Opro(operators="reflect", proposals=1),
        steps=1,
        run_dir=tmp_path,
        scoring=op.Scoring(racing=None, cache=False),
    )
    assert "Output of the model: I need more information." in optimizer.prompts[0]
    assert "What is wrong: " in optimizer.prompts[0]
