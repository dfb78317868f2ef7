"""Idle cores sleep: they need not be woken at boundaries at which they would record nothing and nobody hears them.

What a core says at an idle boundary matters only if somebody decides there: a UE's empty ask and an ES's announcement
of nothing complete what the controller waits for. The plan knows at which boundaries tasks are asked for. So an idle
UE sleeps until the next one of its cell, an idle ES until the next one of the region, and both until an event gives
them something to do.
"""

import bisect
from array import array
from collections.abc import Sequence
from typing import cast

import msgspec

from testbed.model.system import Plan, System
from testbed.protocol.actions import Boundary, Core, Idling, Wake


class Sleep:
    """The boundary that each process waits for, by its name, as the `Wake` that leads to it; who is ``sleeping``."""

    def __init__(self, plan: Plan) -> None:
        self._slot_ns, self._slots = plan.system.slot_ns, plan.system.slots
        self._awaited: dict[str, Wake] = {}
        self.sleeping: set[str] = set()
        self._asked = _asked(plan)

    def follow(self, plan: Plan, now_ns: int) -> list[tuple[str, Wake]]:
        """The plan is another one from some instant to come on: who sleeps is woken at the next boundary, and sees."""
        self._asked = _asked(plan)
        woken = []
        for name in self.sleeping:
            wake = self._awaited[name]
            sooner = self._moved(wake, now_ns // self._slot_ns + 1)
            if sooner.at_ns < wake.at_ns:
                self._awaited[name] = sooner
                woken.append((name, sooner))
        return woken

    def awaited(self, name: str, core: Core, wake: Wake, now_ns: int) -> Wake:
        """``wake``, of the next boundary, or that of a later one if ``core``, which may idle, sleeps until then."""
        idling = cast(Idling, core)
        if name in self.sleeping:
            self.sleeping.remove(name)
        if idling.is_idle(now_ns):
            wake = self._later(name, wake)
        self._awaited[name] = wake
        return wake

    def _later(self, name: str, wake: Wake) -> Wake:
        """What an idle process waits for, instead of ``wake``, of the next boundary."""
        slot = cast(Boundary, wake.event).slot
        if slot >= self._slots:
            return wake
        asked = self._asked[name]
        place = bisect.bisect_left(asked, slot)
        later = min(asked[place], self._slots) if place < len(asked) else self._slots
        if later <= slot:
            return wake
        self.sleeping.add(name)
        return self._moved(wake, later)

    def is_awaited(self, name: str, boundary: Boundary) -> bool:
        """Whether the process still waits for ``boundary``: it may have been woken for an earlier one."""
        return self._awaited[name].event is boundary

    def roused(self, name: str, core: Idling, now_ns: int, phase: int) -> Wake | None:
        """The boundary that comes next, if what just happened in ``phase`` has given ``core``, which sleeps, work."""
        if core.is_idle(now_ns):
            return None
        self.sleeping.discard(name)
        wake = self._awaited[name]
        slot, inside = divmod(now_ns, self._slot_ns)
        sooner = self._moved(wake, slot + (inside > 0 or phase >= wake.phase))
        if sooner.at_ns >= wake.at_ns:
            return None
        self._awaited[name] = sooner
        return sooner

    def _moved(self, wake: Wake, slot: int) -> Wake:
        return msgspec.structs.replace(wake, at_ns=slot * self._slot_ns, event=Boundary(slot))


def _asked(plan: Plan) -> dict[str, Sequence[int]]:
    """The slots at whose beginning each process has to be awake, in rising order."""
    system = plan.system
    cells, region = [Slots() for _ in system.edge_servers], Slots()
    for task in plan.workload:
        slot = system.asked_ns(task) // system.slot_ns
        cells[system.ues[task.ue].cell].add(slot)
        region.add(slot)
    by_cell, everywhere = [slots.in_order() for slots in cells], region.in_order()
    awake: dict[str, Sequence[int]] = {es.name: everywhere for es in system.edge_servers}
    return awake | {ue.name: by_cell[ue.cell] for ue in system.ues}


class Slots:
    """A set of slots that come nearly in order, in eight bytes each."""

    def __init__(self) -> None:
        self._slots = array("q")
        self._is_rising = True

    def add(self, slot: int) -> None:
        """Add ``slot``, which may be there."""
        last = self._slots[-1] if self._slots else -1
        if slot != last:
            self._is_rising &= slot > last
            self._slots.append(slot)

    def in_order(self) -> Sequence[int]:
        """All of them, each once."""
        return self._slots if self._is_rising else array("q", sorted(set(self._slots)))


def last_asked_ns(system: System) -> int:
    """The last instant at which a UE asks about anything."""
    pausing = (system.boundary_ns(ue, system.end_ns) for ue in system.ues if ue.pauses_ns)
    return max((system.end_ns, *pausing))
