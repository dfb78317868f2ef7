"""The radio of an ES's cell, dedicated or shared, as its core acts on it (sans-IO)."""

from collections.abc import Sequence

from edge_server.events import Arrived, LastBit, TakenBack
from edge_server.job import HERE, Job
from edge_server.radio import DedicatedRadio, SharedRadio
from edge_server.varying_radio import VaryingRadio
from testbed.model import transmission
from testbed.model.delay import NEVER
from testbed.model.system import SHARED, System, Ue
from testbed.model.task import ARRIVAL, FAULT, Task
from testbed.protocol.actions import Action, Send, Wake
from testbed.protocol.messages import Aired, Post


class CellRadio:
    """Tasks of a cell on their way to its ES, whose trips may change meanwhile with the plan; ``air_cycles`` in sum."""

    def __init__(self, system: System, es: int) -> None:
        self._is_shared = system.radio.access == SHARED
        self._dedicated = DedicatedRadio(system)
        self._shared = VaryingRadio(system) if transmission.varies(system, es) else SharedRadio(system)
        self._version = 0
        self.air_cycles = 0

    def post(self, now_ns: int, ue: Ue, post: Post) -> list[Action]:
        """A UE hands over a task."""
        self.air_cycles += post.task.cycles
        if not self._is_shared:
            return [_under_way(self._dedicated.post(ue, post))]
        actions: list[Action] = []
        if self._shared.post(now_ns, ue, post):
            actions.append(_aired(now_ns, ue, post.task, first=True))
        return actions + self._next_last_bit()

    def _next_last_bit(self) -> list[Action]:
        self._version += 1
        departure = self._shared.next_departure()
        if departure is None:
            return []
        at, ue, task = departure
        return [Wake(at, ARRIVAL, LastBit(self._version), ue.index, task.number)]

    def last_bit(self, now_ns: int, event: LastBit) -> list[Action]:
        """A last bit is due, unless others have begun or ended meanwhile, and with it all that leave at this instant:
        none of them has arrived before the others have left, so they arrive in the model's order."""
        if event.version != self._version:
            return []
        actions: list[Action] = []
        while (departure := self._shared.next_departure()) is not None and departure[0] <= now_ns:
            actions += self._depart(now_ns, departure[1])
        return [*actions, *self._next_last_bit()]

    def _depart(self, now_ns: int, ue: Ue) -> list[Action]:
        """A last bit of ``ue`` leaves."""
        job, following = self._shared.depart(now_ns, ue)
        actions: list[Action] = [_aired(now_ns, ue, job.task, first=False)]
        if following is not None:
            actions.append(_aired(now_ns, ue, following, first=True))
        return [*actions, _under_way(job)]

    def lets_go(self, event: Arrived | TakenBack) -> bool:
        """Whether a task arrives now, or is with its UE again; its trip may have changed since this was said."""
        if event.changes != event.job.changes:
            return False
        event.job.changes = HERE
        self.air_cycles -= event.job.task.cycles
        if not self._is_shared:
            self._dedicated.left(event.job)
        return True

    def revise(self, system: System) -> list[Action]:
        """Links change from some instant to come on."""
        self._shared.revise(system)
        return [_under_way(job) for job in self._dedicated.revise(system)]

    def drop(self, ue: Ue, now_ns: int) -> tuple[int, list[Action]]:
        """A UE died; returns how many tasks it had not sent on a shared radio, and what there is to do there."""
        if not self._is_shared:
            self._dedicated.drop(ue, now_ns)
            return 0, []
        dropped = self._shared.drop(ue, now_ns)
        self.air_cycles -= sum(job.task.cycles for job in dropped)
        return len(dropped), self._next_last_bit() if dropped else []

    def waits_ns(self, ues: Sequence[Ue], now_ns: int) -> tuple[int, ...]:
        """How long a task of each UE posted now would wait for its first bit."""
        radio = self._shared if self._is_shared else self._dedicated
        return tuple(radio.wait_ns(ue, now_ns) for ue in ues)

    def senders(self, now_ns: int) -> int:
        """UEs with bits in flight."""
        return (self._shared if self._is_shared else self._dedicated).senders(now_ns)


def _aired(now_ns: int, ue: Ue, task: Task, *, first: bool) -> Send:
    notice = Aired(ue.name, task.number, first, now_ns)
    return Send(to=ue.name, body=notice, at_ns=now_ns, phase=ARRIVAL, ue=ue.index, number=task.number)


def _under_way(job: Job) -> Wake:
    ue, number = job.ue.index, job.task.number
    if job.taken_back_ns != NEVER:
        return Wake(job.taken_back_ns, FAULT, TakenBack(job, job.changes), ue, number)
    return Wake(job.trip.arrival_ns, ARRIVAL, Arrived(job, job.changes), ue, number)
