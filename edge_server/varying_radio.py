"""A cell's band shared by UEs whose rates change over time: each has a share 1/k of its own rate of the moment."""

from collections import deque

from edge_server.job import Job
from edge_server.radio import begin, end, posted
from testbed.model import link, transmission
from testbed.model.system import System, Ue
from testbed.model.task import Task
from testbed.protocol.messages import Post


class VaryingRadio:
    """As `edge_server.radio.SharedRadio`; rates follow traces or fade, so no virtual time is common to the UEs.

    What is left of a job is counted in bits.
    """

    def __init__(self, system: System) -> None:
        self._system = system
        self._queues: dict[int, deque[Job]] = {}
        self._last_ns = 0
        self._next: tuple[int, Job] | None = None

    def revise(self, system: System) -> None:
        """Latencies change from some instant to come on."""
        self._system = system

    def _moved(self, ue: Ue, now_ns: int) -> float:
        return transmission.moved_bits(self._system, ue, self._last_ns, now_ns, self._system.seed)

    def _advance(self, now_ns: int) -> None:
        if now_ns > self._last_ns:
            for queue in self._queues.values():
                job = queue[0]
                job.left = link.left_bits(job.left, self._moved(job.ue, now_ns), len(self._queues))
        self._last_ns, self._next = now_ns, None

    def post(self, now_ns: int, ue: Ue, post: Post) -> bool:
        """Append a task to its UE's FIFO at ``now_ns``; whether its first bit leaves at once."""
        self._advance(now_ns)
        job = posted(self._system, ue, post)
        job.left = float(post.task.input_bits * job.trip.attempts)
        if ue.index in self._queues:
            self._queues[ue.index].append(job)
            return False
        begin(job, now_ns)
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

    def _end_ns(self, job: Job) -> int:
        return transmission.last_bit_ns(self._system, job.ue, self._last_ns, job.left * len(self._queues))

    def depart(self, now_ns: int, ue: Ue) -> tuple[Job, Task | None]:
        """The head of the UE's FIFO sends its last bit at ``now_ns``; the task whose first bit follows, if any."""
        self._advance(now_ns)
        queue = self._queues[ue.index]
        job = queue.popleft()
        end(self._system, job, now_ns)
        if not queue:
            del self._queues[ue.index]
            return job, None
        begin(queue[0], now_ns)
        return job, queue[0].task

    def wait_ns(self, ue: Ue, now_ns: int) -> int:
        """Estimate of a new task's radio wait: what the UE still has to send, at the present share of its mean rate."""
        queue = self._queues.get(ue.index)
        if queue is None:
            return 0
        left = link.left_bits(queue[0].left, self._moved(ue, now_ns), len(self._queues))
        waiting = sum(job.left for job in list(queue)[1:])
        return link.left_ns(left + waiting, ue.rate_bps, len(self._queues))

    def senders(self, now_ns: int) -> int:
        """UEs with bits in flight."""
        return len(self._queues)

    def drop(self, ue: Ue, now_ns: int) -> list[Job]:
        """The UE died: what it had not sent is gone; returns the dropped jobs."""
        self._advance(now_ns)
        return list(self._queues.pop(ue.index, ()))
