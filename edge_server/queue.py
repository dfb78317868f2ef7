"""The waiting tasks of one ES and what runs on its cores (sans-IO)."""

from bisect import insort
from collections import deque

from edge_server.job import Job
from testbed.model import queue as rules
from testbed.model.cuts import open_ns
from testbed.model.system import Es


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
        self._running: dict[int, Job] = {}
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
            rest = 0
            for job in self._running.values():
                rest += max(0, job.end_ns - now_ns)
            return rest
        ends = (self._es.end_ns(job.start_ns, job.task.cycles, now_ns) for job in self._running.values())
        return sum(max(0, end - now_ns) for end in ends)

    @property
    def is_running(self) -> bool:
        """Whether any core executes a task."""
        return bool(self._running)

    def busy_ns(self, now_ns: int) -> int:
        """Core-nanoseconds worked so far."""
        return self._busy_done_ns + sum(max(0, now_ns - job.start_ns) for job in self._running.values())

    def backlog_ns(self, now_ns: int) -> int:
        """The total backlog that is announced."""
        cycles = self.own_cycles + self.forwarded_cycles
        return rules.backlog_ns(self.remaining_ns(now_ns), cycles, self._hz(now_ns), self._es.cores)

    def _hz(self, now_ns: int) -> int:
        """Its speed, of a paused one that with which it goes on: a late post reaches it while it stands still."""
        return self._es.hz(open_ns(now_ns, self._es.pauses_ns))

    def expected_wait_ns(self, now_ns: int) -> int:
        """Expected wait of an own-cell task arriving now."""
        es = self._es
        ahead, cycles = len(self._own), self.own_cycles
        if es.discipline == rules.FCFS:
            ahead, cycles = self.waiting, self.own_cycles + self.forwarded_cycles
        rest, hz = self.remaining_ns(now_ns), self._hz(now_ns)
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

    def start(self) -> list[tuple[int, Job]]:
        """Start waiting tasks on free cores, where they start earliest, lowest core first; returns (core, job)."""
        started = []
        while self.may_start():
            job = self._take()
            core = self._first_free(job) if self._es.cores > 1 else 0
            job.start_ns = max(job.arrival_ns, self._free_since_ns[core])
            job.end_ns = self._es.end_ns(job.start_ns, job.task.cycles)
            self._settle(job, idle=job.start_ns > self._free_since_ns[core])
            self._running[core] = job
            started.append((core, job))
        return started

    def may_start(self) -> bool:
        """Whether a task waits and a core is free."""
        return len(self._running) < self._es.cores and bool(self._own or self._forwarded)

    def _first_free(self, job: Job) -> int:
        """The free core on which ``job`` starts earliest, the lowest of equals."""
        free = [core for core in range(self._es.cores) if core not in self._running]
        return min(free, key=lambda core: max(job.arrival_ns, self._free_since_ns[core]))

    def _settle(self, job: Job, *, idle: bool) -> None:
        """A start settles what came before it: an earlier forwarded task would have had an idle core, or its turn."""
        if idle:
            self.settle(job.start_ns)
        elif not job.own or self._es.discipline == rules.FCFS:
            self.settle(job.arrival_ns)

    def settle(self, now_ns: int) -> None:
        """Something was decided, or told to others, from what the queue holds now."""
        self.settled_ns = max(self.settled_ns, now_ns)

    def revise(self, es: Es) -> list[tuple[int, Job]]:
        """The speed changes from some instant to come on; returns what runs, with its end as it is now."""
        self._es = es
        for job in self._running.values():
            job.end_ns = es.end_ns(job.start_ns, job.task.cycles)
        return list(self._running.items())

    def ending(self, core: int, end_ns: int) -> Job | None:
        """What ends on ``core`` at ``end_ns``, if anything does."""
        job = self._running.get(core)
        return job if job is not None and job.end_ns == end_ns else None

    def finish(self, core: int) -> None:
        """The task on ``core`` ended."""
        job = self._running.pop(core)
        self._free_since_ns[core] = job.end_ns
        self._busy_done_ns += job.end_ns - job.start_ns


def _order(job: Job) -> tuple[int, int, int]:
    return job.arrival_ns, job.ue.index, job.task.number
