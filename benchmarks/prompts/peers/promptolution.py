"""promptolution's OPRO (Yang et al. 2023) and CAPO (Zehle et al. 2025), with the settings that the package has.

Set for the budget: the number of steps, and CAPO's blocks are half of the examples that OPRO scores on. Its answers are
asked for in the benchmark's form and graded by its grader, in place of the package's own answer tags. `capo` evolves
instructions alone; `capo-shots` is the package's default, whose prompts hold up to five examples.
"""

import random
from typing import Any

from benchmarks.prompts.peers._common import Job, Row, main


def run(job: Job) -> str:
    """The best prompt of the last complete step."""
    import numpy
    import pandas
    from promptolution.llms.base_llm import BaseLLM
    from promptolution.optimizers import CAPO, OPRO
    from promptolution.predictors.base_predictor import BasePredictor
    from promptolution.tasks.base_task import BaseTask

    class Model(BaseLLM):  # type: ignore[misc]
        """A model behind the proxy; no call is tried again."""

        def __init__(self, role: str) -> None:
            super().__init__()
            self.role = role

        def _get_response(self, prompts: list[str], system_prompts: list[str]) -> list[str]:
            if self.role == "scorer":
                return job.answers(prompts)
            return [
                job.ask("optimizer", _chat(system, text)) for text, system in zip(prompts, system_prompts, strict=True)
            ]

    class Predictor(BasePredictor):  # type: ignore[misc]
        """Asks in the benchmark's form, and takes the whole reply as the answer."""

        def predict(self, prompts: Any, xs: list[str], system_prompts: Any = None) -> tuple[list[str], list[str]]:
            texts = [prompts] * len(xs) if isinstance(prompts, str) else prompts
            asked = [job.prompt(text, x) for text, x in zip(texts, xs, strict=True)]
            replies = self.llm.get_response(asked) if asked else []
            last.extend((text, x) for text, x in zip(texts, xs, strict=True))
            return replies, [f"{x}\n{reply}" for x, reply in zip(xs, replies, strict=True)]

        def _extract_preds(self, preds: list[str]) -> list[str]:
            return preds

    class Task(BaseTask):  # type: ignore[misc]
        """Scores answers by the benchmark's grader."""

        def _evaluate(self, xs: list[str], ys: list[str], preds: list[str]) -> Any:
            asked = last[len(last) - len(xs) :]
            return numpy.array(
                [job.grade(text, rows[x].row, pred) for (text, x), pred in zip(asked, preds, strict=True)], float
            )

    random.seed(job.seed)
    numpy.random.seed(job.seed)
    last: list[tuple[str, str]] = []
    opro = job.method == "opro"
    examples = job.scored if opro else job.scored + job.shown
    rows = {row.input: row for row in examples}
    blocks = {} if opro else {"n_subsamples": max(5, len(job.scored) // 2), "eval_strategy": "sequential_block"}
    task = Task(_frame(pandas, examples), "x", "y", job.description, seed=job.seed, **blocks)
    task.task_type = "classification"
    scorer, starts = Predictor(Model("scorer")), [*job.start, *job.start][: max(2, len(job.start))]
    if opro:
        found = OPRO(scorer, task, Model("optimizer"), starts)
        steps = -(-job.optimizer_calls // found.num_instructions_per_step)
    else:
        few = {} if job.method == "capo-shots" else {"upper_shots": 0, "df_few_shots": _frame(pandas, [])}
        found = CAPO(scorer, task, Model("optimizer"), starts, **few)
        steps = -(-job.optimizer_calls // (2 * found.crossovers_per_iter))
    prompts = found.optimize(steps)
    if not len(found.scores):
        raise RuntimeError("no step was complete")
    best = max(range(len(found.scores)), key=lambda place: found.scores[place])
    return str(prompts[best])


def _chat(system: str, text: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": system}, {"role": "user", "content": text}]


def _frame(pandas: Any, rows: list[Row]) -> Any:
    return pandas.DataFrame({"x": [row.input for row in rows], "y": [row.targets[0] for row in rows]})


if __name__ == "__main__":
    main(run)
