"""Architecture search with a language model beside the classical algorithms, on tables of networks trained for real.

python -m benchmarks.architectures [--full] [--tasks NAME,...] [--algorithms NAME,...] [--optimizer MODEL ...]
    [--seeds N] [--evaluations N] [--workers N] --json FILE

How it is kept fair:
- All count unique evaluations, and a seed gives all algorithms the same starting candidates.
- `plain` is what `optiprompt run TASK --optimizer MODEL --max-evaluations N --seed S` does; `blind` the same with
  `--blind --set blind_seed=S`.
- `ablated` and `blind ablated` are the same searches with the model's proposals replaced by random valid ones, all else
  equal: the operators, the predictor, the bandit. The paired difference says what the model itself contributes.
- Each search runs by itself, in one of several processes, without the cache of replies: `seconds` are honest.

FILE holds the rows of this command: benchmark, dataset, algorithm, optimizer, variant, evaluations, mean, sem, seeds,
seconds (of one search). Rows of a difference (variant `plain - ablated`) have low and high too, the 95% interval of the
mean over paired seeds (t distribution); `mean` is the difference of the scores, so for a loss below zero is better.
Rows of all tasks together (benchmark `pooled`, variant `plain - local-search` and such) have a model's gain in standard
deviations of local search's result, the mean of the tasks'; there above zero is better for a loss too.
Finished searches are kept in FILE's name with -partial.jsonl: the same command goes on there, and with more --seeds
only the new ones are run. Remove it when the code of a search has changed.
"""
