"""A UE's own CPU: what it executes, one task after another (sans-IO)."""

import msgspec

from testbed.model.cuts import closed_ns
from testbed.model.delay import chain
from testbed.model.system import Ue
from testbed.protocol.actions import Execute
from ue_agent.report import Flight


class LocalCpu:
    """First come, first served; ``free_ns`` is when all that is known of is done."""

    def __init__(self, ue: Ue) -> None:
        self._ue = ue
        self._flights: list[Flight] = []
        self.free_ns = 0

    def execute(self, flight: Flight) -> Execute:
        """A task joins the queue, when it is ready, or when it comes back to its UE."""
        self._flights = [*self._undone_at(flight.asked_ns), flight]
        self._plan(flight, chain(self.free_ns, _entered_ns(flight)))
        return Execute(
            start_ns=flight.start_ns,
            end_ns=flight.end_ns,
            cycles=flight.task.cycles,
            ue=self._ue.name,
            number=flight.task.number,
            still_ns=closed_ns(flight.start_ns, flight.end_ns, self._ue.pauses_ns),
        )

    def keep_in_vain(self, flight: Flight) -> None:
        """It has ended elsewhere: what is executed of it here goes on by itself."""
        rest = msgspec.structs.replace(flight)
        self._flights = [rest if other is flight else other for other in self._flights]
        flight.start_ns = flight.end_ns = flight.reentry_ns = -1

    def _plan(self, flight: Flight, start_ns: int) -> None:
        flight.start_ns = start_ns
        flight.end_ns = self.free_ns = self._ue.end_ns(start_ns, flight.task.cycles)

    def _undone_at(self, now_ns: int) -> list[Flight]:
        first = next((i for i, flight in enumerate(self._flights) if flight.end_ns > now_ns), len(self._flights))
        return self._flights[first:]

    def revise(self, now_ns: int, ue: Ue) -> list[Flight]:
        """The speed changes from some instant after ``now_ns`` on; returns what starts or ends at other instants."""
        self._ue, changed = ue, []
        self._flights = self._undone_at(now_ns)
        for place, flight in enumerate(self._flights):
            before = flight.start_ns, flight.end_ns
            self._plan(flight, chain(self.free_ns, _entered_ns(flight)) if place else flight.start_ns)
            if before != (flight.start_ns, flight.end_ns):
                changed.append(flight)
        return changed


def _entered_ns(flight: Flight) -> int:
    """When a task came into the local queue."""
    return flight.reentry_ns if flight.reentry_ns >= 0 else flight.ready_ns
