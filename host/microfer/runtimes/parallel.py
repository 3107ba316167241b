"""Running a model on many images: over worker processes where that helps, with a progress bar.

Reference kernels take 50 to 100 ms an image, and nothing is shared between images, so processes divide the time.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from microfer.console import Bar
from microfer.errors import MicroferError
from microfer.runtimes.runners import Runner

What = Literal["scores", "raw"]

CHUNK = 8
"""Images in one task: under a second of work, so that Ctrl-C is answered in that time and the bar moves."""

WORTH_A_PROCESS = 48
"""Images below which starting processes takes longer than it saves (measured: about half a second each)."""


def run_parallel(
    runner: Runner, images: npt.NDArray[np.uint8], what: What, *, title: str = "", workers: int | None = None
) -> npt.NDArray[Any]:
    """Return `runner.scores(images)` or `runner.raw(images)`, computed by several processes, in the images' order.

    what: "scores", giving float32 (n, classes), or "raw", giving int8 (n, classes).
    workers: number of processes; None takes one per available CPU. With 1, with few images, and for a runner that
        cannot be divided, all runs in this process.

    The processes are started afresh (not forked: a fork of a process with threads, which TensorFlow starts, can hang),
    so a script that calls this keeps its own start under `if __name__ == "__main__"`. They end with this process,
    however it ends.

    Raises:
        MicroferError: a worker died.
    """
    workers = _available_cpus() if workers is None else workers
    with Bar(title or runner.name, len(images)) as bar:
        if workers <= 1 or not runner.divisible or len(images) < WORTH_A_PROCESS:
            method = runner.raw if what == "raw" else runner.scores
            return method(images, bar.add)
        return _divide(runner, images, what, workers, bar.add)


def _divide(
    runner: Runner, images: npt.NDArray[np.uint8], what: What, workers: int, advance: Callable[[int], None]
) -> npt.NDArray[Any]:
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=(runner, what))
    starts: dict[Future[npt.NDArray[Any]], int] = {}
    parts: dict[int, npt.NDArray[Any]] = {}
    try:
        for start in range(0, len(images), CHUNK):
            starts[pool.submit(_work, images[start : start + CHUNK])] = start
        for future in as_completed(starts):
            parts[starts[future]] = future.result()
            advance(len(parts[starts[future]]))
    except BrokenProcessPool as error:
        raise MicroferError(
            f"a process that ran {runner.name} died (out of memory, or killed); run again with --workers 1"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return np.concatenate([parts[start] for start in sorted(parts)])


_worker: Callable[[npt.NDArray[np.uint8]], npt.NDArray[Any]] | None = None


def _start_worker(runner: Runner, what: What) -> None:
    global _worker  # noqa: PLW0603 - one per process, set once before its first task
    _worker = runner.raw if what == "raw" else runner.scores
    # Ctrl-C reaches the whole group; the parent alone answers it, by cancelling what has not begun.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(images: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
    if _worker is None:
        raise RuntimeError("the worker was not started")
    return _worker(images)


def _available_cpus() -> int:
    """Return the CPUs that this process may use, which in a container or under `taskset` are fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
