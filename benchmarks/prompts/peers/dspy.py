"""DSPy's COPRO, MIPROv2 (Opsahl-Ong et al. 2024) without demos, and GEPA (Agrawal et al. 2025).

The student is one `Predict` whose adapter asks in the benchmark's form, so that what is searched is what is scored in
the end; DSPy's own prompts for the optimizer are as they are. Set for the budget: COPRO's breadth at its default depth,
MIPROv2's candidates and trials, on as many examples as the calls do for its few candidates; GEPA's metric calls.
DSPy's cache is on in memory only: what it does not ask again costs it nothing.
"""

from typing import Any

from benchmarks.prompts.peers._common import Job, Row, main

DEPTH = 3  # COPRO's default
BATCH = 10  # training examples that MIPROv2 shows the optimizer in a call, its default
LOOKS = 3  # such calls
SCORING = 0.9  # of the scorer's calls; MIPROv2 takes the rest for answers that it shows the optimizer
A_CANDIDATE = 3  # calls to the optimizer that MIPROv2 takes for one: about the program, about the module, the proposal


def run(job: Job) -> str:
    """The instruction of the best program."""
    import dspy

    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=True)
    scorer = _model(dspy, job, "scorer", temperature=0.0, max_tokens=job.max_tokens)
    optimizer = _model(dspy, job, "optimizer", temperature=1.0, max_tokens=1024)
    dspy.configure(lm=scorer, num_threads=job.concurrency)
    student = _student(dspy, job)
    scored, shown = ([_example(dspy, row) for row in rows] for rows in (job.scored, job.shown))
    candidates = job.scorer_calls // len(scored)
    threads = {"num_threads": job.concurrency}
    if job.method == "copro":
        breadth = max(2, min(candidates // DEPTH, (job.optimizer_calls + 1) // DEPTH))
        copro = dspy.COPRO(prompt_model=optimizer, metric=_metric(job), breadth=breadth, depth=DEPTH)
        program = copro.compile(student, trainset=scored, eval_kwargs=threads)
    elif job.method == "miprov2":
        wanted = max(2, (job.optimizer_calls - LOOKS) // A_CANDIDATE)
        size = max(len(scored), min(len(scored + shown) - BATCH, int(SCORING * job.scorer_calls) // wanted))
        scored, shown = (scored + shown)[:size], (scored + shown)[size:] or shown
        mipro = dspy.MIPROv2(
            metric=_metric(job),
            prompt_model=optimizer,
            task_model=scorer,
            auto=None,
            num_candidates=wanted,
            max_bootstrapped_demos=0,
            max_labeled_demos=0,
            seed=job.seed + 1,
            **threads,
        )
        program = mipro.compile(student, trainset=shown, valset=scored, num_trials=2 * wanted, minibatch=False)
    else:
        gepa = dspy.GEPA(
            metric=_told(dspy, job),
            max_metric_calls=job.scorer_calls,
            reflection_lm=optimizer,
            seed=job.seed,
            **threads,
        )
        program = gepa.compile(student, trainset=shown, valset=scored)
    return str(program.predict.signature.instructions)


def _model(dspy: Any, job: Job, role: str, **fields: Any) -> Any:
    return dspy.LM(f"openai/{role}", api_base=f"{job.url}/{role}/v1", api_key="none", num_retries=0, **fields)


def _student(dspy: Any, job: Job) -> Any:
    class Form(dspy.Adapter):  # type: ignore[misc]
        """Instruction and input in one message; the reply is the answer."""

        def format(self, signature: Any, demos: Any, inputs: dict[str, Any]) -> list[dict[str, Any]]:
            return [{"role": "user", "content": job.prompt(signature.instructions, inputs["input"])}]

        def parse(self, signature: Any, completion: str) -> dict[str, Any]:
            return {"output": completion}

    class Student(dspy.Module):  # type: ignore[misc]
        """Answers a question of the task."""

        def __init__(self) -> None:
            super().__init__()
            self.predict = dspy.Predict(dspy.Signature("input -> output", job.start[0]))

        def forward(self, input: str) -> Any:
            with dspy.context(adapter=Form()):
                found = self.predict(input=input)
            # For the grader's record; with a name that DSPy does not show to its optimizers.
            found._instruction = self.predict.signature.instructions
            return found

    return Student()


def _metric(job: Job) -> Any:
    def metric(example: Any, prediction: Any, trace: Any = None) -> float:
        return job.grade(prediction._instruction, example.row, prediction.output)

    return metric


def _told(dspy: Any, job: Job) -> Any:
    from benchmarks.prompts.peers.gepa import feedback

    def metric(gold: Any, pred: Any, trace: Any = None, pred_name: Any = None, pred_trace: Any = None) -> Any:
        score = job.grade(pred._instruction, gold.row, pred.output)
        return dspy.Prediction(score=score, feedback=feedback("' or '".join(gold.targets), score))

    return metric


def _example(dspy: Any, row: Row) -> Any:
    return dspy.Example(input=row.input, output=row.targets[0], row=row.row, targets=row.targets).with_inputs("input")


if __name__ == "__main__":
    main(run)
