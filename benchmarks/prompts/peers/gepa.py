"""gepa (Agrawal et al. 2025), with its own settings: candidates from the Pareto front, reflection on 3 examples.

Set for the budget: the number of metric calls. The scorer is asked in the benchmark's form; what the reflection sees of
an answer is what the package's default adapter shows, graded by the benchmark's grader.
"""

from typing import Any

from benchmarks.prompts.peers._common import OVER, Job, Row, main


def run(job: Job) -> str:
    """The candidate with the best score on the validation examples."""
    import gepa
    from gepa.adapters.default_adapter.default_adapter import DefaultAdapter
    from gepa.core.adapter import EvaluationBatch

    class Adapter(DefaultAdapter):  # type: ignore[misc]
        """Asks several at once, in the benchmark's form."""

        def evaluate(self, batch: list[dict[str, Any]], candidate: dict[str, str], capture_traces: bool = False) -> Any:
            [instruction] = candidate.values()
            asked = [job.prompt(instruction, data["input"]) for data in batch]
            replies = job.answers(asked)
            scores = [job.grade(instruction, data["row"], reply) for data, reply in zip(batch, replies, strict=True)]
            return EvaluationBatch(
                outputs=[{"full_assistant_response": reply} for reply in replies],
                scores=scores,
                trajectories=[
                    {"data": data, "full_assistant_response": reply, "feedback": feedback(data["answer"], score)}
                    for data, reply, score in zip(batch, replies, scores, strict=True)
                ]
                if capture_traces
                else None,
            )

    def reflect(prompt: str | list[dict[str, str]]) -> str:
        messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        return job.ask("optimizer", messages)

    result = gepa.optimize(
        seed_candidate={"instruction": job.start[0]},
        trainset=[_data(row) for row in job.shown],
        valset=[_data(row) for row in job.scored],
        adapter=Adapter(model=lambda messages: ""),
        reflection_lm=reflect,
        max_metric_calls=job.scorer_calls,
        stop_callbacks=lambda state: OVER.is_set(),
        raise_on_exception=False,
        seed=job.seed,
    )
    return str(result.best_candidate["instruction"])


def feedback(answer: str, score: float) -> str:
    """What the reflection is told of an answer, in the sense of the package's own evaluator."""
    if score >= 1:
        return f"The generated response is correct: the expected answer is '{answer}'."
    return f"The generated response is incorrect. The correct answer is '{answer}': the response must be exactly that."


def _data(row: Row) -> dict[str, Any]:
    answer = "' or '".join(row.targets)
    return {"input": row.input, "additional_context": {}, "answer": answer, "row": row.row}


if __name__ == "__main__":
    main(run)
