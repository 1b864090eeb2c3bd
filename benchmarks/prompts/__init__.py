"""Prompt search beside its peers: the same task, models, examples and number of calls for all.

python -m benchmarks.prompts --optimizer M@URL --scorer M@URL [--tasks NAME,...] [--methods NAME,...] [--peers NAME,...]
    [--seeds N] [--scorer-calls 300] [--optimizer-calls 32] [--full] [--json FILE]

How it is kept fair:
- Every call of a search goes through a proxy that counts it by role and refuses what is over the budget (`_proxy`). Of
  n samples in one request each counts. Whoever asks, the scorer answers at temperature 0 with the task's max_tokens.
- All see the same examples: train and dev of the task. Methods that score each candidate on the same examples get the
  same ones, as many as the budget has for 15 candidates (`_tasks.Material`). One grader grades for all, over HTTP.
- A peer is asked for its own winner. One that is stopped by the budget, or that fails, gives the instruction with the
  best lower bound of its training score so far: what it found is never lost.
- Prompts are instructions alone, but for the methods whose name ends in `-shots`: these show examples too.
- The final instructions of all are scored by one evaluator on the task's test split, outside the budget.
"""
