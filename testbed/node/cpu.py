"""Burning cycles: a share of each execution's time is really spent on a CPU, outside the message loop.

A thread works in slices to absolute deadlines; each slice is a closed loop on the thread's own CPU time, hashing 4 kB
at a time (SHA-256 releases the interpreter's lock for buffers above 2 kB, so the message loop goes on).
"""

import hashlib
import heapq
import os
import threading
import time
from collections import deque

import msgspec

SLICE_NS = 20_000_000
_BLOCK = bytes(4096)


class Burn(msgspec.Struct):
    """One execution's share: from wall instant ``start_ns`` to ``end_ns``, ``cpu_ns`` of CPU time in all."""

    key: tuple[str, int]
    start_ns: int
    end_ns: int
    cpu_ns: int
    spent_ns: int = 0
    achieved_ns: int = 0


def burn_cpu(cpu_ns: int) -> int:
    """Spend at least ``cpu_ns`` of this thread's CPU time; returns what was spent."""
    begin = time.thread_time_ns()
    sha256 = hashlib.sha256
    while (spent := time.thread_time_ns() - begin) < cpu_ns:
        sha256(_BLOCK)
    return spent


class Burner:
    """A thread that burns for many executions; ``fd`` becomes readable whenever some are done."""

    def __init__(self) -> None:
        self.fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._done: deque[Burn] = deque()
        self._slices: list[tuple[int, int, Burn]] = []
        self._age = 0
        self._condition = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="burner", daemon=True)
        self._thread.start()

    def add(self, burn: Burn) -> None:
        """Begin to burn for an execution."""
        with self._condition:
            self._push(burn, min(burn.start_ns + SLICE_NS, burn.end_ns))
            self._condition.notify()

    def take_done(self) -> list[Burn]:
        """The executions whose share has been burnt since the last call."""
        try:
            os.eventfd_read(self.fd)
        except BlockingIOError:
            return []
        return [self._done.popleft() for _ in range(len(self._done))]

    def close(self) -> None:
        """Stop the thread and release the descriptor."""
        with self._condition:
            self._closed = True
            self._condition.notify()
        self._thread.join()
        os.close(self.fd)

    def _push(self, burn: Burn, deadline_ns: int) -> None:
        self._age += 1
        heapq.heappush(self._slices, (deadline_ns, self._age, burn))

    def _next(self) -> tuple[int, Burn] | None:
        """Wait for the next slice that may begin: each begins early enough to end at its deadline."""
        with self._condition:
            while not self._closed:
                if not self._slices:
                    self._condition.wait()
                    continue
                deadline, _, burn = self._slices[0]
                wait = deadline - _due_ns(burn, deadline) - time.monotonic_ns()
                if wait <= 0:
                    heapq.heappop(self._slices)
                    return deadline, burn
                self._condition.wait(wait * 1e-9)
        return None

    def _work(self) -> None:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        while (found := self._next()) is not None:
            deadline, burn = found
            due = _due_ns(burn, deadline)
            if due > 0:
                burn.achieved_ns += burn_cpu(due - (burn.achieved_ns - burn.spent_ns))
                burn.spent_ns += due
            if deadline < burn.end_ns:
                with self._condition:
                    self._push(burn, min(deadline + SLICE_NS, burn.end_ns))
            else:
                self._done.append(burn)
                os.eventfd_write(self.fd, 1)


def _due_ns(burn: Burn, deadline_ns: int) -> int:
    """CPU time still to be spent for this execution by ``deadline_ns``."""
    length = burn.end_ns - burn.start_ns
    share = 1.0 if length <= 0 else min(1.0, (deadline_ns - burn.start_ns) / length)
    return max(0, int(burn.cpu_ns * share) - burn.spent_ns)
