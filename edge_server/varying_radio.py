"""A cell's band shared by UEs whose rates change over time: each has a share 1/k of its own rate of the moment."""

from collections import deque

import msgspec

from edge_server.radio import Sent, trip_of
from testbed.model import link, transmission
from testbed.model.system import System, Ue
from testbed.model.task import Task


class Sending(msgspec.Struct, kw_only=True):
    """A task in its UE's FIFO, with what it has left to send."""

    ue: Ue
    task: Task
    ready_ns: int
    tries: int
    left_bits: float
    start_ns: int = -1


class VaryingRadio:
    """As `edge_server.radio.SharedRadio`; rates follow traces or fade, so no virtual time is common to the UEs."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._queues: dict[int, deque[Sending]] = {}
        self._last_ns = 0
        self._next: tuple[int, Sending] | None = None

    def revise(self, system: System) -> None:
        """Latencies change from some instant to come on."""
        self._system = system

    def _moved(self, ue: Ue, now_ns: int) -> float:
        return transmission.moved_bits(self._system, ue, self._last_ns, now_ns, self._system.seed)

    def _advance(self, now_ns: int) -> None:
        if now_ns > self._last_ns:
            for queue in self._queues.values():
                job = queue[0]
                job.left_bits = link.left_bits(job.left_bits, self._moved(job.ue, now_ns), len(self._queues))
        self._last_ns, self._next = now_ns, None

    def post(self, now_ns: int, ue: Ue, task: Task, ready_ns: int) -> bool:
        """Append a task to its UE's FIFO at ``now_ns``; whether its first bit leaves at once."""
        self._advance(now_ns)
        tries = transmission.attempts(self._system, task, now_ns)
        left = float(task.input_bits * tries)
        job = Sending(ue=ue, task=task, ready_ns=ready_ns, tries=tries, left_bits=left)
        if ue.index in self._queues:
            self._queues[ue.index].append(job)
            return False
        job.start_ns = now_ns
        self._queues[ue.index] = deque([job])
        return True

    def next_departure(self) -> tuple[int, Ue, Task] | None:
        """Instant, UE and task of the next last bit, ties going to the lower UE index; None when silent."""
        if not self._queues:
            return None
        if self._next is None:
            ends = ((self._end_ns(queue[0]), queue[0]) for queue in self._queues.values())
            self._next = min(ends, key=lambda end: (end[0], end[1].ue.index))
        at, job = self._next
        return at, job.ue, job.task

    def _end_ns(self, job: Sending) -> int:
        return transmission.last_bit_ns(self._system, job.ue, self._last_ns, job.left_bits * len(self._queues))

    def depart(self, now_ns: int, ue: Ue) -> tuple[Sent, Task | None]:
        """The head of the UE's FIFO sends its last bit at ``now_ns``; the task whose first bit follows, if any."""
        self._advance(now_ns)
        queue = self._queues[ue.index]
        job = queue.popleft()
        trip = trip_of(self._system, ue, job.task, job.ready_ns, job.start_ns, now_ns, job.tries)
        if not queue:
            del self._queues[ue.index]
            return Sent(ue, job.task, trip), None
        queue[0].start_ns = now_ns
        return Sent(ue, job.task, trip), queue[0].task

    def wait_ns(self, ue: Ue, now_ns: int) -> int:
        """Estimate of a new task's radio wait: what the UE still has to send, at the present share of its mean rate."""
        queue = self._queues.get(ue.index)
        if queue is None:
            return 0
        left = link.left_bits(queue[0].left_bits, self._moved(ue, now_ns), len(self._queues))
        waiting = sum(job.task.input_bits * job.tries for job in list(queue)[1:])
        return link.left_ns(left + waiting, ue.rate_bps, len(self._queues))

    def senders(self, now_ns: int) -> int:
        """UEs with bits in flight."""
        return len(self._queues)

    def drop(self, ue: Ue, now_ns: int) -> list[Sending]:
        """The UE died: what it had not sent is gone; returns the dropped jobs."""
        self._advance(now_ns)
        return list(self._queues.pop(ue.index, ()))
