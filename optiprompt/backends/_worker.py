"""One thread that answers the requests to one model, many at a time."""

import atexit
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from optiprompt.backends._decoding import Decoder
from optiprompt.backends._model import Model
from optiprompt.backends._ranking import Ranker, Ranking
from optiprompt.backends._reading import Reader
from optiprompt.backends._writing import Row
from optiprompt.backends.base import Reply, Request, sample_seed
from optiprompt.candidate import Usage
from optiprompt.errors import PromptTooLong

# Seconds that the thread waits for the requests that come together with the first.
GATHER = 0.005
# So often it waits for more, while more come.
GATHERINGS = 20
# Seconds that the end of the program waits for the step that a model is in.
LAST_STEP = 15.0

_ending = threading.Event()
_threads: set[threading.Thread] = set()
_shared: "WeakValueDictionary[tuple[str, str, str], Worker]" = WeakValueDictionary()


@dataclass(eq=False)
class Job:
    """Samples of one request, and the promise of their replies."""

    request: Request
    seeds: Sequence[int]
    replies: "Future[list[Reply]]" = field(default_factory=Future)
    parts: Sequence[Row | Ranking] = ()

    def given_up(self) -> bool:
        """Whether nobody waits any more."""
        return self.replies.done() or _ending.is_set()


class Worker:
    """Answers jobs for one model. The thread is there while there is work, and does not keep the program alive."""

    def __init__(self, model: Model) -> None:
        self.model = model
        reader = Reader(model)
        self._decoder, self._ranker = Decoder(model, reader), Ranker(reader)
        self._waiting: list[Job] = []
        self._begun: list[Job] = []
        self._lock = threading.Lock()
        self._running = False

    def submit(self, job: Job) -> None:
        """Have the job answered: its `replies` get the replies or the error."""
        with self._lock:
            self._waiting.append(job)
            if self._running:
                return
            self._running = True
        thread = threading.Thread(target=self._work, name=f"model {self.model.name}", daemon=True)
        _threads.add(thread)
        thread.start()

    def _work(self) -> None:
        while True:
            busy = self._decoder.busy or self._ranker.busy
            if not busy:
                self._gather()
            with self._lock:
                jobs, self._waiting = self._waiting, []
                if not jobs and not busy:
                    self._running = False
                    _threads.discard(threading.current_thread())
                    return
            for job in jobs:
                self._begin(job)
            # Options are ranked in one step, replies take many.
            if self._ranker.busy:
                self._ranker.step()
            else:
                self._decoder.step()
            for job in self._begun:
                _settle(job)
            self._begun = [job for job in self._begun if not job.given_up()]

    def _gather(self) -> None:
        """Wait for the requests that come together."""
        seen = -1
        for _ in range(GATHERINGS):
            if len(self._waiting) <= seen:
                return
            seen = len(self._waiting)
            time.sleep(GATHER)

    def _begin(self, job: Job) -> None:
        """Hand the job's parts on; or end it at once, where that is not possible."""
        if job.given_up():
            return
        try:
            if job.request.options:
                ranking = self._ranking(job)
                job.parts = [ranking] * len(job.seeds)
                self._ranker.add(ranking)
            else:
                rows = self._rows(job)
                job.parts = rows
                self._decoder.add(rows)
        except Exception as error:  # noqa: BLE001 - whoever waits gets it; the thread goes on with the others
            _fail(job, error)
        else:
            self._begun.append(job)

    def _rows(self, job: Job) -> list[Row]:
        request = job.request
        prompt = self.model.tokens(request.prompt)
        self._check_length(len(prompt), request.max_tokens)
        if request.grammar is not None:
            self._decoder.check(request.grammar)
        return [
            Row(prompt, request.max_tokens, request.temperature, request.stop, request.grammar, seed, job.given_up)
            for seed in job.seeds
        ]

    def _ranking(self, job: Job) -> Ranking:
        prompt, options = self.model.with_options(job.request.prompt, job.request.options)
        self._check_length(len(prompt), max(map(len, options)))
        return Ranking(prompt, options, job.given_up)

    def _check_length(self, prompt: int, reply: int) -> None:
        if prompt + reply > self.model.context:
            raise PromptTooLong(
                f"the prompt has {prompt} tokens and the reply up to {reply}: over the "
                f"{self.model.context} of {self.model.name}: shorten the input, "
                "show fewer candidates or examples, or lower max_tokens"
            )


def shared_worker(key: tuple[str, str, str], make: Callable[[], Model]) -> Worker:
    """The worker of this weights, device and dtype: one in the whole program, as long as somebody holds it."""
    worker = _shared.get(key) or Worker(make())
    return _shared.setdefault(key, worker)


def make_job(request: Request, key: str, samples: Sequence[int]) -> Job:
    """The job of these samples; `key` is the request's, and seeds them."""
    job = Job(request, [sample_seed(key, sample) for sample in samples])
    if not samples:
        job.replies.set_result([])
    return job


def _settle(job: Job) -> None:
    """Give the job its replies when all are there, or the error of one."""
    error = next((part.error for part in job.parts if part.error), None)
    if error is not None:
        _fail(job, error)
    elif all(_done(part) for part in job.parts) and _claim(job):
        job.replies.set_result([_reply(job, place, part) for place, part in enumerate(job.parts)])


def _done(part: Row | Ranking) -> bool:
    return part.finish is not None if isinstance(part, Row) else part.scores is not None


def _reply(job: Job, place: int, part: Row | Ranking) -> Reply:
    """The request counts as one call, and its prompt once: with the first sample. Options are read like a prompt."""
    read = len(part.prompt) + (sum(map(len, part.options)) if isinstance(part, Ranking) else 0)
    usage = Usage(calls=1, prompt_tokens=read) if place == 0 else Usage()
    if isinstance(part, Row):
        return Reply(part.text, part.finish or "length", usage + Usage(completion_tokens=len(part.tokens)))
    scores = part.scores or []
    return Reply(job.request.options[scores.index(max(scores))], "stop", usage)


def _fail(job: Job, error: Exception) -> None:
    if _claim(job):
        job.replies.set_exception(error)


def _claim(job: Job) -> bool:
    """Whether the job still waits for its end; it cannot be cancelled any more then."""
    return not job.replies.done() and job.replies.set_running_or_notify_cancel()


@atexit.register
def _finish() -> None:
    # A thread inside torch while the interpreter is taken down crashes the program: let it end its step.
    _ending.set()
    for thread in list(_threads):
        thread.join(LAST_STEP)
