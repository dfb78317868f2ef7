"""The radio of one cell: every UE's FIFO of uplink transmissions, kept at its ES (sans-IO)."""

from collections import deque

import msgspec

from edge_server.job import HERE, Job
from testbed.model import link, transmission
from testbed.model.delay import NEVER, chain, transfer_ns, whole_ns
from testbed.model.system import System, Ue
from testbed.model.task import Task
from testbed.protocol.messages import Post, Trip


def posted(system: System, ue: Ue, post: Post) -> Job:
    """The job of a task of which nothing was sent; how often it will have to be is known."""
    tries = transmission.attempts(system, post.task, post.ready_ns)
    trip = Trip(ready_ns=post.ready_ns, tx_start_ns=-1, tx_end_ns=-1, arrival_ns=-1, attempts=tries)
    return Job(ue=ue, task=post.task, trip=trip, target=post.target)


def begin(job: Job, now_ns: int) -> None:
    """Its first bit is sent at ``now_ns``."""
    job.trip = msgspec.structs.replace(job.trip, tx_start_ns=now_ns)


def end(system: System, job: Job, now_ns: int) -> None:
    """Its last bit is sent at ``now_ns``."""
    trip = job.trip
    job.trip = trip_of(system, job.task, trip.ready_ns, trip.tx_start_ns, now_ns, trip.attempts)


def trip_of(system: System, task: Task, ready_ns: int, start_ns: int, end_ns: int, tries: int) -> Trip:
    """The trip of a transmission from ``start_ns`` to ``end_ns``: adds latency and the task's jitter."""
    return Trip(
        ready_ns=ready_ns,
        tx_start_ns=start_ns,
        tx_end_ns=end_ns,
        arrival_ns=transmission.arrival_ns(system, task, end_ns),
        attempts=tries,
    )


class DedicatedRadio:
    """Each UE sends at its own rate (or along the rate trace): a chain of ideal ends per UE."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._free_ns: dict[int, int] = {}
        self._under_way: dict[int, list[Job]] = {}

    def post(self, ue: Ue, post: Post) -> Job:
        """Append a task to the UE's FIFO; its whole trip is known at once."""
        free_ns = self._free_ns.get(ue.index, 0)
        start_ns = chain(free_ns, post.ready_ns)
        trip = self._trip(post.task, post.ready_ns, start_ns)
        job = Job(ue=ue, task=post.task, trip=trip, target=post.target, taken_back_ns=self._taken_back_ns(ue, trip))
        free_ns = max(free_ns, min(trip.tx_end_ns, job.taken_back_ns))  # one whose post is late comes behind the others
        self._free_ns[ue.index] = free_ns
        self._under_way.setdefault(ue.index, []).append(job)
        return job

    def _taken_back_ns(self, ue: Ue, trip: Trip) -> int:
        back = transmission.taken_back(self._system, ue, trip.ready_ns, trip.tx_end_ns)
        return NEVER if back is None else back[1]

    def _trip(self, task: Task, ready_ns: int, start_ns: int) -> Trip:
        system = self._system
        tries = transmission.attempts(system, task, start_ns)
        return trip_of(system, task, ready_ns, start_ns, transmission.end_ns(system, task, start_ns, tries), tries)

    def revise(self, system: System) -> list[Job]:
        """Links change from some instant to come on; returns what arrives at another instant than was known before."""
        self._system = system
        changed: list[Job] = []
        for ue, queue in self._under_way.items():
            for place, job in enumerate(queue):
                before = job.trip, job.taken_back_ns
                if job.changes != HERE:
                    ready, start = job.trip.ready_ns, job.trip.tx_start_ns
                    job.trip = self._trip(job.task, ready, chain(self._free_ns[ue], ready) if place else start)
                    job.taken_back_ns = self._taken_back_ns(system.ues[ue], job.trip)
                free_ns = min(job.trip.tx_end_ns, job.taken_back_ns)
                self._free_ns[ue] = max(self._free_ns[ue], free_ns) if place else free_ns
                if before != (job.trip, job.taken_back_ns):
                    job.changes += 1
                    changed.append(job)
        return changed

    def left(self, job: Job) -> None:
        """It is at the ES, or with its UE again. What was sent after it is known to have followed it, until that has
        left too."""
        queue = self._under_way.get(job.ue.index, [])
        while queue and queue[0].changes == HERE:
            queue.pop(0)

    def wait_ns(self, ue: Ue, now_ns: int) -> int:
        """How long a task posted now would wait for its first bit."""
        return max(0, self._free_ns.get(ue.index, 0) - now_ns)

    def senders(self, now_ns: int) -> int:
        """UEs with bits in flight."""
        return sum(1 for free in self._free_ns.values() if free > now_ns)

    def drop(self, ue: Ue, now_ns: int) -> None:
        """The UE died at or before ``now_ns``: its radio falls silent, and only what had left arrives."""
        self._free_ns.pop(ue.index, None)
        queue = self._under_way.pop(ue.index, [])
        self._under_way[ue.index] = [job for job in queue if job.trip.tx_end_ns < now_ns]


class SharedRadio:
    """The cell's band shared by processor sharing: k sending UEs get a share 1/k of their solo rate each."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._queues: dict[int, deque[Job]] = {}
        self._finish: dict[int, float] = {}
        self._last_ns = 0
        self._virtual = 0.0

    def revise(self, system: System) -> None:
        """Latencies change from some instant to come on."""
        self._system = system

    def _advance(self, now_ns: int) -> None:
        self._virtual = link.sharing_advance(self._virtual, now_ns - self._last_ns, len(self._queues))
        self._last_ns = now_ns

    def _begin(self, job: Job, now_ns: int) -> None:
        begin(job, now_ns)
        self._finish[job.ue.index] = self._virtual + job.left

    def post(self, now_ns: int, ue: Ue, post: Post) -> bool:
        """Append a task to its UE's FIFO at ``now_ns``; whether its first bit leaves at once."""
        self._advance(now_ns)
        job = posted(self._system, ue, post)
        job.left = transfer_ns(post.task.input_bits * job.trip.attempts, ue.rate_bps)
        if ue.index in self._queues:
            self._queues[ue.index].append(job)
            return False
        self._begin(job, now_ns)
        self._queues[ue.index] = deque([job])
        return True

    def next_departure(self) -> tuple[int, Ue, Task] | None:
        """Instant, UE and task of the next last bit, ties going to the lower UE index; None when silent."""
        if not self._queues:
            return None
        finish, index = min((finish, index) for index, finish in self._finish.items())
        at = link.sharing_departure_ns(self._last_ns, self._virtual, finish, len(self._queues))
        job = self._queues[index][0]
        return max(at, self._last_ns), job.ue, job.task

    def depart(self, now_ns: int, ue: Ue) -> tuple[Job, Task | None]:
        """The head of the UE's FIFO sends its last bit at ``now_ns``; the task whose first bit follows, if any."""
        queue = self._queues[ue.index]
        job = queue.popleft()
        self._virtual, self._last_ns = self._finish.pop(ue.index), now_ns
        end(self._system, job, now_ns)
        if not queue:
            del self._queues[ue.index]
            return job, None
        self._begin(queue[0], now_ns)
        return job, queue[0].task

    def wait_ns(self, ue: Ue, now_ns: int) -> int:
        """Estimate of a new task's radio wait: what the UE still has to send, at the present share."""
        queue = self._queues.get(ue.index)
        if queue is None:
            return 0
        virtual = link.sharing_advance(self._virtual, now_ns - self._last_ns, len(self._queues))
        left = self._finish[ue.index] - virtual + sum(job.left for job in list(queue)[1:])
        return whole_ns(max(0.0, left * len(self._queues)))

    def senders(self, now_ns: int) -> int:
        """UEs with bits in flight."""
        return len(self._queues)

    def drop(self, ue: Ue, now_ns: int) -> list[Job]:
        """The UE died: what it had not sent is gone; returns the dropped jobs."""
        self._advance(now_ns)
        self._finish.pop(ue.index, None)
        return list(self._queues.pop(ue.index, ()))
