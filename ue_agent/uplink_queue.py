"""A UE's own account of its dedicated uplink: when the bits of each of its tasks leave (sans-IO)."""

from testbed.model import transmission
from testbed.model.cuts import Span
from testbed.model.delay import chain
from testbed.model.system import System, Ue
from testbed.protocol.messages import Result
from ue_agent.report import Flight


class UplinkQueue:
    """One transmission after another; ``free_ns`` is when all that is known of has left, or will be taken back."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._sending: list[Flight] = []
        self.free_ns = 0

    def send(self, flight: Flight) -> None:
        """A decided task joins those that wait for the radio."""
        self._sending = [*self._left_at(flight.asked_ns), flight]
        flight.tx_start_ns = chain(self.free_ns, flight.ready_ns)
        self._plan(flight)

    def _plan(self, flight: Flight) -> None:
        flight.tx_end_ns = self.free_ns = self._last_bit_ns(flight)
        if back := self._taken_back(flight):
            self.free_ns = back[1]

    def _taken_back(self, flight: Flight) -> Span | None:
        ue = self._system.ues[flight.task.ue]
        return transmission.taken_back(self._system, ue, flight.ready_ns, flight.tx_end_ns)

    def airtime_ns(self, flight: Flight) -> int:
        """How long its last post is on the air, until its last bit has left or it is taken back."""
        back = self._taken_back(flight)
        end_ns = flight.tx_end_ns if back is None else max(back[0], flight.tx_start_ns)
        return end_ns - flight.tx_start_ns

    def held_by_cut(self, known_ns: int) -> list[tuple[int, Flight]]:
        """Begin of the cut that is known at ``known_ns``, and task, of all to be taken back, in order of numbers."""
        backs = ((self._taken_back(flight), flight) for flight in self._sending if flight.lost_ns < 0)
        held = [(back[0], flight) for back, flight in backs if back is not None and back[1] == known_ns]
        return sorted(held, key=lambda one: one[1].task.number)

    def _left_at(self, now_ns: int) -> list[Flight]:
        """What is sent, less what went before and has left at ``now_ns``, and less what was lost."""
        flights = [flight for flight in self._sending if flight.lost_ns < 0]
        first = next((i for i, flight in enumerate(flights) if flight.tx_end_ns > now_ns), len(flights))
        return flights[first:]

    def _last_bit_ns(self, flight: Flight) -> int:
        tries = transmission.attempts(self._system, flight.task, flight.tx_start_ns)
        return transmission.end_ns(self._system, flight.task, flight.tx_start_ns, tries)

    def revise(self, now_ns: int, system: System) -> list[Flight]:
        """The link changes from some instant after ``now_ns`` on; returns whose bits leave at other instants."""
        self._system, changed = system, []
        self._sending = self._left_at(now_ns)
        for place, flight in enumerate(self._sending):
            before = flight.tx_start_ns, flight.tx_end_ns
            if place > 0:
                flight.tx_start_ns = chain(self.free_ns, flight.ready_ns)
            self._plan(flight)
            if before != (flight.tx_start_ns, flight.tx_end_ns):
                changed.append(flight)
        return changed

    def forget(self, flight: Flight) -> None:
        """It has been sent, for nothing."""
        self._sending = [other for other in self._sending if other is not flight]

    def reset(self) -> None:
        """The ES begins anew: nothing is on the radio."""
        self._sending, self.free_ns = [], 0


def comes_then(system: System, ue: Ue, result: Result) -> bool:
    """Whether a result comes to ``ue`` at the instant that it was said to, as the plan is now."""
    es = next(es.index for es in system.edge_servers if es.name == result.es)
    return transmission.returned_ns(system, ue, result.number, result.end_ns, es) == result.at_ns
