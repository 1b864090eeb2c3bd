"""Searches run beside each other, each in a process."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

from benchmarks.architectures._searches import Finished, Job, search
from optiprompt.errors import OptipromptError


def run_all(jobs: Sequence[Job], finished: Finished, workers: int) -> None:
    """Run searches in processes of their own; each is kept when it ends.

    Raises:
        OptipromptError: one failed; the others that were under way are given up.
    """
    if not jobs:
        return
    # Read when torch and numpy are loaded, which is in the workers.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))
    pool = ProcessPoolExecutor(min(workers, len(jobs)), multiprocessing.get_context("spawn"), _begin)
    futures = {pool.submit(search, job): job for job in jobs}
    said = time.monotonic()
    try:
        for number, future in enumerate(as_completed(futures), 1):
            job, found = futures[future], future.result()
            finished.add(job, found)
            if time.monotonic() - said > 1 or number == len(jobs):
                said = time.monotonic()
                how = [job.algorithm, job.optimizer, "blind" if job.blind else None]
                which = " ".join([job.task, *filter(None, how), f"seed {job.seed}"])
                print(f"{number} of {len(jobs)}: {which}: {found.curve[-1]:.5g}, {found.seconds:.1f} s", flush=True)
    except BrokenProcessPool:
        raise OptipromptError("a search was killed, perhaps for want of memory: take fewer --workers") from None
    except BaseException:
        # Nobody waits for what is under way any more.
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """In each worker: Ctrl-C is for the main process, without which the worker ends too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    main_process = multiprocessing.parent_process()

    def watch() -> None:
        if main_process is not None:
            main_process.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
