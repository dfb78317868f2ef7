"""The radio of an ES's cell, dedicated or shared, as its core acts on it (sans-IO)."""

from collections.abc import Sequence

from edge_server.events import Arrived, LastBit
from edge_server.radio import DedicatedRadio, Sent, SharedRadio
from edge_server.varying_radio import VaryingRadio
from testbed.model import transmission
from testbed.model.system import SHARED, System, Ue
from testbed.model.task import Phase, Task
from testbed.protocol.actions import Action, Send, Wake
from testbed.protocol.messages import Aired

GONE = -1


class CellRadio:
    """Tasks of a cell on their way to its ES; the trip of each has a version, since its plan may change meanwhile."""

    def __init__(self, system: System, es: int) -> None:
        self._is_shared = system.radio.access == SHARED
        self._dedicated = DedicatedRadio(system)
        self._shared = VaryingRadio(system) if transmission.varies(system, es) else SharedRadio(system)
        self._version = 0
        self._is_revised = False
        self._trips: dict[tuple[int, int], int] = {}

    def post(self, now_ns: int, ue: Ue, task: Task, ready_ns: int) -> list[Action]:
        """A UE hands over a task."""
        if not self._is_shared:
            return [self._under_way(self._dedicated.post(ue, task, ready_ns))]
        actions: list[Action] = []
        if self._shared.post(now_ns, ue, task, ready_ns):
            actions.append(_aired(now_ns, ue, task, first=True))
        return actions + self._next_last_bit()

    def _next_last_bit(self) -> list[Action]:
        self._version += 1
        departure = self._shared.next_departure()
        if departure is None:
            return []
        at, ue, task = departure
        return [Wake(at, Phase.ARRIVAL, LastBit(self._version), ue.index, task.number)]

    def last_bit(self, now_ns: int, event: LastBit) -> list[Action]:
        """A last bit is due, unless others have begun or ended meanwhile."""
        departure = self._shared.next_departure()
        if event.version != self._version or departure is None:
            return []
        ue = departure[1]
        sent, following = self._shared.depart(now_ns, ue)
        actions: list[Action] = [_aired(now_ns, ue, sent.task, first=False)]
        if following is not None:
            actions.append(_aired(now_ns, ue, following, first=True))
        return [*actions, self._under_way(sent), *self._next_last_bit()]

    def _under_way(self, sent: Sent) -> Wake:
        version = self._trips.get(_key(sent), 0)
        return Wake(sent.trip.arrival_ns, Phase.ARRIVAL, Arrived(sent, version), sent.ue.index, sent.task.number)

    def takes_in(self, event: Arrived) -> bool:
        """Whether a task arrives now; its trip may have changed since this was said."""
        key = _key(event.sent)
        if event.version != self._trips.get(key, 0):
            return False
        if not self._is_shared:
            self._dedicated.arrived(event.sent)
        if self._is_revised:
            self._trips[key] = GONE
        return True

    def revise(self, system: System) -> list[Action]:
        """Links change from some instant to come on."""
        self._shared.revise(system)
        self._is_revised = True
        changed = self._dedicated.revise(system)
        for sent in changed:
            self._trips[_key(sent)] = self._trips.get(_key(sent), 0) + 1
        return [self._under_way(sent) for sent in changed]

    def drop(self, ue: Ue, now_ns: int) -> tuple[list[Task], list[Action]]:
        """A UE died; returns what it had not sent on a shared radio, and what there is to do there."""
        if not self._is_shared:
            self._dedicated.drop(ue, now_ns)
            return [], []
        dropped = self._shared.drop(ue, now_ns)
        return [job.task for job in dropped], self._next_last_bit() if dropped else []

    def waits_ns(self, ues: Sequence[Ue], now_ns: int) -> tuple[int, ...]:
        """How long a task of each UE posted now would wait for its first bit."""
        radio = self._shared if self._is_shared else self._dedicated
        return tuple(radio.wait_ns(ue, now_ns) for ue in ues)

    def senders(self, now_ns: int) -> int:
        """UEs with bits in flight."""
        return (self._shared if self._is_shared else self._dedicated).senders(now_ns)


def _aired(now_ns: int, ue: Ue, task: Task, *, first: bool) -> Send:
    notice = Aired(ue.name, task.number, first, now_ns)
    return Send(to=ue.name, body=notice, at_ns=now_ns, phase=Phase.ARRIVAL, ue=ue.index, number=task.number)


def _key(sent: Sent) -> tuple[int, int]:
    return sent.ue.index, sent.task.number
