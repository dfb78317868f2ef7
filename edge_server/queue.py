"""The waiting tasks of one ES and what runs on its cores (sans-IO)."""

from bisect import insort
from collections import deque

import msgspec

from testbed.model import queue as rules
from testbed.model.system import Es, Ue
from testbed.model.task import Task
from testbed.protocol.messages import Trip


class Job(msgspec.Struct, frozen=True):
    """A task at an ES: ``own`` tells whether it came over this ES's radio or from another ES."""

    ue: Ue
    task: Task
    trip: Trip
    arrival_ns: int
    own: bool


class Running(msgspec.Struct, frozen=True):
    """A job in execution on one core."""

    job: Job
    start_ns: int
    end_ns: int


class Queue:
    """Own-cell and forwarded tasks in the ES's discipline, non-preemptive, first come first served within a class.

    On a wall clock a forwarded task may come to hand a little after the instant at which it arrived. It can still be
    put in as if it had come in time, unless something was decided meanwhile that it would have changed: ``settled_ns``
    is the last such instant.
    """

    def __init__(self, es: Es) -> None:
        self._es = es
        self._own: deque[Job] = deque()
        self._forwarded: deque[Job] = deque()
        self._running: dict[int, Running] = {}
        self.own_cycles = 0
        self.forwarded_cycles = 0
        self._busy_done_ns = 0
        self._free_since_ns = [0] * es.cores
        self.settled_ns = 0

    @property
    def waiting(self) -> int:
        """Tasks waiting, not counting those that run."""
        return len(self._own) + len(self._forwarded)

    def remaining_ns(self, now_ns: int) -> int:
        """Summed rest of the running tasks, at the speed of this instant."""
        if not self._es.speeds_hz:
            return sum(max(0, run.end_ns - now_ns) for run in self._running.values())
        ends = (self._es.end_ns(run.start_ns, run.job.task.cycles, now_ns) for run in self._running.values())
        return sum(max(0, end - now_ns) for end in ends)

    @property
    def is_running(self) -> bool:
        """Whether any core executes a task."""
        return bool(self._running)

    def busy_ns(self, now_ns: int) -> int:
        """Core-nanoseconds worked so far."""
        return self._busy_done_ns + sum(max(0, now_ns - run.start_ns) for run in self._running.values())

    def backlog_ns(self, now_ns: int) -> int:
        """The total backlog that is announced."""
        cycles = self.own_cycles + self.forwarded_cycles
        return rules.backlog_ns(self.remaining_ns(now_ns), cycles, self._es.hz(now_ns), self._es.cores)

    def expected_wait_ns(self, now_ns: int) -> int:
        """Expected wait of an own-cell task arriving now."""
        es = self._es
        ahead, cycles = len(self._own), self.own_cycles
        if es.discipline == rules.FCFS:
            ahead, cycles = self.waiting, self.own_cycles + self.forwarded_cycles
        rest, hz = self.remaining_ns(now_ns), es.hz(now_ns)
        return rules.expected_wait_ns(rest, len(self._running), ahead, cycles, hz, es.cores)

    def admits(self) -> bool:
        """Whether one more task finds a place."""
        return rules.admits(self.waiting, len(self._running), self._es.cores, self._es.queue_limit)

    def put(self, job: Job) -> None:
        """Put a job into its class, by its instant of arrival."""
        if job.own:
            self._own.append(job)
            self.own_cycles += job.task.cycles
        else:
            insort(self._forwarded, job, key=_order)
            self.forwarded_cycles += job.task.cycles

    def _take(self) -> Job:
        first_own = self._own and (
            self._es.discipline == rules.LOCAL_FIRST
            or not self._forwarded
            or _order(self._own[0]) < _order(self._forwarded[0])
        )
        if first_own:
            job = self._own.popleft()
            self.own_cycles -= job.task.cycles
        else:
            job = self._forwarded.popleft()
            self.forwarded_cycles -= job.task.cycles
        return job

    def start(self) -> list[tuple[int, Running]]:
        """Start waiting tasks on free cores, where they start earliest, lowest core first; returns (core, running)."""
        started = []
        while self.waiting and len(self._running) < self._es.cores:
            job = self._take()
            free = [core for core in range(self._es.cores) if core not in self._running]
            core = min(free, key=lambda core: max(job.arrival_ns, self._free_since_ns[core]))
            start = max(job.arrival_ns, self._free_since_ns[core])
            self._settle(job, start, idle=start > self._free_since_ns[core])
            run = Running(job, start, self._es.end_ns(start, job.task.cycles))
            self._running[core] = run
            started.append((core, run))
        return started

    def _settle(self, job: Job, start_ns: int, *, idle: bool) -> None:
        """A start settles what came before it: an earlier forwarded task would have had an idle core, or its turn."""
        if idle:
            self.settle(start_ns)
        elif not job.own or self._es.discipline == rules.FCFS:
            self.settle(job.arrival_ns)

    def settle(self, now_ns: int) -> None:
        """Something was decided, or told to others, from what the queue holds now."""
        self.settled_ns = max(self.settled_ns, now_ns)

    def revise(self, es: Es) -> list[tuple[int, Running]]:
        """The speed changes from some instant to come on; returns what runs, with its end as it is now."""
        self._es = es
        for core, run in self._running.items():
            end_ns = es.end_ns(run.start_ns, run.job.task.cycles)
            self._running[core] = Running(run.job, run.start_ns, end_ns)
        return list(self._running.items())

    def ends_at(self, core: int) -> int:
        """When the task on ``core`` ends; -1 if there is none."""
        return self._running[core].end_ns if core in self._running else -1

    def finish(self, core: int) -> Running:
        """The task on ``core`` ended."""
        run = self._running.pop(core)
        self._free_since_ns[core] = run.end_ns
        self._busy_done_ns += run.end_ns - run.start_ns
        return run


def _order(job: Job) -> tuple[int, int, int]:
    return job.arrival_ns, job.ue.index, job.task.number
