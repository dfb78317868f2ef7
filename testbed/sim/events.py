"""The simulation's heap: pending events in the model's order (instant, phase, UE index, task number, age)."""

import heapq

import msgspec

from testbed.model.system import Fault, Plan
from testbed.protocol.actions import Boundary, Send


class PendingEvent(msgspec.Struct, frozen=True):
    """An event for core ``target``; a wake-up counts only for the ``incarnation`` that asked for it (-1: any)."""

    target: str
    incarnation: int
    event: object


class Dies(msgspec.Struct, frozen=True):
    """A process dies."""

    fault: Fault


class Returns(msgspec.Struct, frozen=True):
    """A process that died serves again."""

    fault: Fault


class Emits(msgspec.Struct, frozen=True):
    """An execution ended: what it produced is sent, unless that is something else by now."""

    send: Send


class Revises(msgspec.Struct, frozen=True):
    """Everybody is told that the plan is another one from some instant to come on."""

    plan: Plan


class Heap:
    """A priority queue with a count of entries that are more than the eternal slot boundaries."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, int, int, int, PendingEvent]] = []
        self._age = 0
        self.busy = 0

    def push(self, at_ns: int, phase: int, ue: int, number: int, entry: PendingEvent) -> None:
        """Add an event."""
        self._age += 1
        self.busy += type(entry.event) is not Boundary
        heapq.heappush(self._heap, (at_ns, phase, ue, number, self._age, entry))

    def pop(self) -> tuple[int, int, PendingEvent]:
        """Remove and return the first event as (instant, phase, entry)."""
        at, phase, _, _, _, entry = heapq.heappop(self._heap)
        self.busy -= type(entry.event) is not Boundary
        return at, phase, entry

    def next_ns(self) -> int:
        """The instant of the first event, of which there is one."""
        return self._heap[0][0]

    def __len__(self) -> int:
        return len(self._heap)
