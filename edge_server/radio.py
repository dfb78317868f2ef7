"""The radio of one cell: every UE's FIFO of uplink transmissions, kept at its ES (sans-IO)."""

from collections import deque

import msgspec

from testbed.model import link, transmission
from testbed.model.delay import chain, transfer_ns, whole_ns
from testbed.model.system import System, Ue
from testbed.model.task import Task
from testbed.protocol.messages import Trip


class Sent(msgspec.Struct, frozen=True):
    """A task whose last bit has a known instant."""

    ue: Ue
    task: Task
    trip: Trip


def trip_of(system: System, ue: Ue, task: Task, ready_ns: int, start_ns: int, end_ns: int, tries: int) -> Trip:
    """The trip of a transmission from ``start_ns`` to ``end_ns``: adds latency and the task's jitter."""
    return Trip(
        ready_ns=ready_ns,
        tx_start_ns=start_ns,
        tx_end_ns=end_ns,
        arrival_ns=end_ns + transmission.latency_ns(system, task, end_ns),
        attempts=tries,
    )


class DedicatedRadio:
    """Each UE sends at its own rate (or along the rate trace): a chain of ideal ends per UE."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._free_ns: dict[int, int] = {}
        self._under_way: dict[int, dict[int, Sent]] = {}
        self._arrived: set[tuple[int, int]] = set()

    def post(self, ue: Ue, task: Task, ready_ns: int) -> Sent:
        """Append a task to the UE's FIFO; its whole trip is known at once."""
        sent = self._trip(ue, task, ready_ns, chain(self._free_ns.get(ue.index, 0), ready_ns))
        self._under_way.setdefault(ue.index, {})[task.number] = sent
        return sent

    def _trip(self, ue: Ue, task: Task, ready_ns: int, start_ns: int) -> Sent:
        system = self._system
        tries = transmission.attempts(system, task, start_ns)
        end = self._free_ns[ue.index] = transmission.end_ns(system, task, start_ns, tries)
        return Sent(ue, task, trip_of(system, ue, task, ready_ns, start_ns, end, tries))

    def revise(self, system: System) -> list[Sent]:
        """Links change from some instant to come on; returns what arrives at another instant than was known before."""
        self._system = system
        changed: list[Sent] = []
        for queue in self._under_way.values():
            start = None
            for number, sent in queue.items():
                ready, first = sent.trip.ready_ns, sent.trip.tx_start_ns
                start = first if start is None else chain(self._free_ns[sent.ue.index], ready)
                queue[number] = self._trip(system.ues[sent.ue.index], sent.task, ready, start)
                if queue[number].trip != sent.trip:
                    changed.append(queue[number])
        return changed

    def arrived(self, sent: Sent) -> None:
        """It is at the ES. What was sent after it is known to have followed it, until that is there too."""
        queue = self._under_way.get(sent.ue.index, {})
        if sent.task.number in queue:
            self._arrived.add((sent.ue.index, sent.task.number))
        while queue and (first := (sent.ue.index, next(iter(queue)))) in self._arrived:
            self._arrived.discard(first)
            del queue[first[1]]

    def wait_ns(self, ue: Ue, now_ns: int) -> int:
        """How long a task posted now would wait for its first bit."""
        return max(0, self._free_ns.get(ue.index, 0) - now_ns)

    def senders(self, now_ns: int) -> int:
        """UEs with bits in flight."""
        return sum(1 for free in self._free_ns.values() if free > now_ns)

    def drop(self, ue: Ue, now_ns: int) -> None:
        """The UE died at or before ``now_ns``: its radio falls silent, and only what had left arrives."""
        self._free_ns.pop(ue.index, None)
        queue = self._under_way.get(ue.index, {})
        self._under_way[ue.index] = {n: sent for n, sent in queue.items() if sent.trip.tx_end_ns < now_ns}


class _Job(msgspec.Struct, kw_only=True):
    ue: Ue
    task: Task
    ready_ns: int
    tries: int
    airtime_ns: int
    start_ns: int = -1
    finish: float = 0.0


class SharedRadio:
    """The cell's band shared by processor sharing: k sending UEs get a share 1/k of their solo rate each."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._queues: dict[int, deque[_Job]] = {}
        self._last_ns = 0
        self._virtual = 0.0

    def revise(self, system: System) -> None:
        """Latencies change from some instant to come on."""
        self._system = system

    def _advance(self, now_ns: int) -> None:
        self._virtual = link.sharing_advance(self._virtual, now_ns - self._last_ns, len(self._queues))
        self._last_ns = now_ns

    def _begin(self, job: _Job, now_ns: int) -> None:
        job.start_ns = now_ns
        job.finish = self._virtual + job.airtime_ns

    def post(self, now_ns: int, ue: Ue, task: Task, ready_ns: int) -> bool:
        """Append a task to its UE's FIFO at ``now_ns``; whether its first bit leaves at once."""
        self._advance(now_ns)
        tries = transmission.attempts(self._system, task, now_ns)
        job = _Job(
            ue=ue,
            task=task,
            ready_ns=ready_ns,
            tries=tries,
            airtime_ns=transfer_ns(task.input_bits * tries, ue.rate_bps),
        )
        first = ue.index not in self._queues
        if first:
            self._begin(job, now_ns)
            self._queues[ue.index] = deque([job])
        else:
            self._queues[ue.index].append(job)
        return first

    def next_departure(self) -> tuple[int, Ue, Task] | None:
        """Instant, UE and task of the next last bit, ties going to the lower UE index; None when silent."""
        if not self._queues:
            return None
        job = min((queue[0] for queue in self._queues.values()), key=lambda j: (j.finish, j.ue.index))
        at = link.sharing_departure_ns(self._last_ns, self._virtual, job.finish, len(self._queues))
        return max(at, self._last_ns), job.ue, job.task

    def depart(self, now_ns: int, ue: Ue) -> tuple[Sent, Task | None]:
        """The head of the UE's FIFO sends its last bit at ``now_ns``; the task whose first bit follows, if any."""
        queue = self._queues[ue.index]
        job = queue.popleft()
        self._virtual, self._last_ns = job.finish, now_ns
        sent = Sent(
            job.ue, job.task, trip_of(self._system, ue, job.task, job.ready_ns, job.start_ns, now_ns, job.tries)
        )
        if not queue:
            del self._queues[ue.index]
            return sent, None
        self._begin(queue[0], now_ns)
        return sent, queue[0].task

    def wait_ns(self, ue: Ue, now_ns: int) -> int:
        """Estimate of a new task's radio wait: what the UE still has to send, at the present share."""
        queue = self._queues.get(ue.index)
        if queue is None:
            return 0
        virtual = link.sharing_advance(self._virtual, now_ns - self._last_ns, len(self._queues))
        left = queue[0].finish - virtual + sum(job.airtime_ns for job in list(queue)[1:])
        return whole_ns(max(0.0, left * len(self._queues)))

    def senders(self, now_ns: int) -> int:
        """UEs with bits in flight."""
        return len(self._queues)

    def drop(self, ue: Ue, now_ns: int) -> list[_Job]:
        """The UE died: what it had not sent is gone; returns the dropped jobs."""
        self._advance(now_ns)
        return list(self._queues.pop(ue.index, ()))
