"""Processes of this host as an executor: one that dies costs the piece of work that it was at, which is tried again."""

import contextlib
import errno
import math
import multiprocessing
import os
import resource
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import connection
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from testbed.model.errors import LostError
from testbed.node import limits
from testbed.record.files import scratch
from testbed.workers.seam import P

T = TypeVar("T")
BESIDE, OF_A_PROCESS = 16, 12  # descriptors
RETRIES = 3  # of a piece of work whose process died: what kills every process that it meets is not tried for ever
_REMEDY = "is memory short? let fewer processes work at a time"
WORTHWHILE_S = 3.0  # of work: a process takes a second or two until it can begin


def cores() -> int:
    """How many processes this one can keep at work."""
    return max(1, math.ceil(limits.cores()))


def worthwhile(seconds: float, count: int) -> int:
    """How many processes should share ``count`` pieces of work that take one process about so many ``seconds``."""
    return min(cores(), count) if seconds >= WORTHWHILE_S else 1


class LocalExecutor(Executor):
    """``count`` processes, each started when there is work for it, and anew when it has died.

    They start afresh, so that no lock or thread of this one is copied, and end with it. An interrupt is for this
    process alone. Their temporary files are in ``folder``. With ``fresh`` each piece of work has a process to itself.
    """

    def __init__(self, count: int, folder: Path, *, fresh: bool = False) -> None:
        _refuse_too_few_descriptors(count)
        self._folder = folder
        self._fresh, self._closed, self._busy, self._lock = fresh, False, 0, threading.Lock()
        self._threads = ThreadPoolExecutor(count, "worker")
        self._all = [self._process() for _ in range(count)]
        self._idle: SimpleQueue[ProcessPoolExecutor] = SimpleQueue()
        for process in self._all:
            self._idle.put(process)

    def _process(self) -> ProcessPoolExecutor:
        """One process, which is started when it first has work."""
        return ProcessPoolExecutor(1, multiprocessing.get_context("forkserver"), _begin, (str(self._folder),))

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have ``fn`` called with the given arguments by a process that is free; all of it must be picklable.

        The future raises what ``fn`` raises, and `LostError` if `RETRIES` more processes died of it as well.
        """
        return self._threads.submit(self._carry_out, partial(fn, *args, **kwargs))

    def _carry_out(self, work: Callable[[], T]) -> T:
        process = self._idle.get()
        self._count(1)
        try:
            for _ in range(1 + RETRIES):
                try:
                    return self._begun(process, work).result()
                except BrokenProcessPool:
                    process = self._replaced(process)
            raise LostError(f"the process at a piece of work was killed, {1 + RETRIES} times", _REMEDY)
        finally:
            self._idle.put(self._replaced(process) if self._fresh else process)
            self._count(-1)

    def _count(self, more: int) -> None:
        with self._lock:
            self._busy += more

    def _begun(self, process: ProcessPoolExecutor, work: Callable[[], T]) -> Future[T]:
        with self._lock:
            if self._closed:
                raise LostError("this work was given up")
            return process.submit(work)

    def _replaced(self, process: ProcessPoolExecutor) -> ProcessPoolExecutor:
        """Another one in the place of ``process``, which has ended or is to."""
        process.shutdown(wait=self._fresh)
        with self._lock:
            self._all[self._all.index(process)] = another = self._process()
        return another

    @property
    def busy(self) -> bool:
        """Whether a process is at work."""
        return self._busy > 0

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 # inherited
        """See `Executor.shutdown`; without ``wait`` what was begun is given up, and its processes are ended."""
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)
        with self._lock:
            self._closed = True
            for process in self._all:
                given_up = [] if wait else list((process._processes or {}).values())
                process.shutdown(wait=wait, cancel_futures=True)
                for each in given_up:
                    each.kill()  # it may be deep in compiled code, or hear nothing of orderly ends


@contextlib.contextmanager
def processes(count: int, *, fresh: bool = False) -> Iterator[LocalExecutor]:
    """An executor of ``count`` processes of this host, which are gone at the end; see `LocalExecutor`.

    What is still going on at the end is given up.
    Raises `OSError` where this process may not open as many files as it takes, and `StartError` without a place for
    temporary ones.
    """
    with scratch() as folder:
        executor = LocalExecutor(count, folder, fresh=fresh)
        try:
            yield executor
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise
        executor.shutdown(wait=not executor.busy, cancel_futures=True)


def _refuse_too_few_descriptors(count: int) -> None:
    """Raise `OSError` before a process is started: one that runs out of descriptors dies with a traceback."""
    needed = len(os.listdir("/proc/self/fd")) + BESIDE + OF_A_PROCESS * count
    if needed > resource.getrlimit(resource.RLIMIT_NOFILE)[0]:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def _begin(folder: str) -> None:
    """A worker: it ends with whoever started it, who alone hears interrupts from the keyboard."""
    tempfile.tempdir = folder
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
