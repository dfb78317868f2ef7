"""Work spread over processes: the same results in the same order as one process would have."""

import errno
import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from testbed.model.errors import TestbedError

T = TypeVar("T")
OF_THE_POOL, OF_A_PROCESS = 16, 4  # descriptors
WORTHWHILE_S = 3.0  # of work: a process takes a second or two until it can begin


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))


def worthwhile(seconds: float, count: int) -> int:
    """How many processes should share ``count`` pieces of work that take one process about so many ``seconds``."""
    return min(cores(), count) if seconds >= WORTHWHILE_S else 1


def results(todo: Sequence[Callable[[], T]], count: int) -> Iterator[T]:
    """What each piece of work comes to, in order, done by ``count`` processes.

    They start afresh, so that no lock or thread of this one is copied, and end with it. An interrupt is for this
    process alone: what was begun is then given up. Raises what a piece of work raises, and `TestbedError` if one of
    them was killed; `OSError` where this process may not open as many files as it takes.
    """
    _refuse_too_few_descriptors(count)
    fresh = multiprocessing.get_context("forkserver")
    pool = ProcessPoolExecutor(count, mp_context=fresh, initializer=_ignore_interrupts)
    try:
        for future in [pool.submit(work) for work in todo]:
            yield future.result()
    except BrokenProcessPool:
        raise TestbedError("a process that played a workload was killed", "free memory, or use --workers 1") from None
    finally:
        given_up = list((pool._processes or {}).values()) if sys.exc_info()[0] is not None else []
        pool.shutdown(wait=not given_up, cancel_futures=True)
        for process in given_up:
            process.terminate()


def _refuse_too_few_descriptors(count: int) -> None:
    """Raise `OSError` before a process is started: one that runs out of descriptors dies with a traceback."""
    needed = len(os.listdir("/proc/self/fd")) + OF_THE_POOL + OF_A_PROCESS * count
    if needed > resource.getrlimit(resource.RLIMIT_NOFILE)[0]:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
