"""A UE core that tries again, hedges and breaks circuits (sans-IO); docs/explanation/recovery.md has the rules."""

from collections.abc import Sequence

from testbed.model.cuts import noticed, open_ns
from testbed.model.energy import compute_energy_j, transmit_energy_j
from testbed.model.resilience import Retry
from testbed.model.system import System
from testbed.model.task import FAULT, GENERATE, Task
from testbed.protocol.actions import Action, Record, Wake
from testbed.protocol.messages import Aired, Moved, Result
from testbed.protocol.rows import BREAKER_CLOSED, BREAKER_OPENED, HEDGED, IN_VAIN, RETRIED, EventRow
from ue_agent.agent import Agent
from ue_agent.breaker import CircuitBreaker
from ue_agent.events import CutNoticed, HedgeDue, LocalEnd, PostAgain
from ue_agent.report import Flight, posthumous
from ue_agent.uplink_queue import comes_then


def agent_of(
    system: System, index: int, tasks: Sequence[Task], incarnation: int = 0, from_ns: int = 0, *, outcomes: bool = False
) -> Agent:
    """The core of one UE, see `Agent`: one with options only if the system has any."""
    kind = ResilientAgent if system.resilience.is_used else Agent
    return kind(system, index, tasks, incarnation, from_ns, outcomes=outcomes)


class ResilientAgent(Agent):
    """See `Agent`; the system's `Resilience` says what it does when offloading fails."""

    def __init__(
        self,
        system: System,
        index: int,
        tasks: Sequence[Task],
        incarnation: int = 0,
        from_ns: int = 0,
        *,
        outcomes: bool = False,
    ) -> None:
        super().__init__(system, index, tasks, incarnation, from_ns, outcomes=outcomes)
        self._options = system.resilience
        self._breaker = CircuitBreaker(self._options.breaker) if self._options.breaker is not None else None
        self._tried: dict[int, int] = {}

    def handle(self, now_ns: int, event: object) -> list[Action]:
        """See `testbed.protocol.actions.Core`."""
        later = open_ns(now_ns, self.ue.pauses_ns)
        match event:
            case PostAgain() | HedgeDue() if later != now_ns:
                return [Wake(later, GENERATE, event, self.ue.index, event.number)]
            case CutNoticed():
                return self._take_back(now_ns, event.at_ns)
            case PostAgain():
                return self._again(now_ns, event.number)
            case HedgeDue():
                return self._hedge(now_ns, event)
            case LocalEnd() if self._is_of_a_copy(event):
                return self._copy_won(event)
        return super().handle(now_ns, event)

    def begin(self) -> list[Action]:
        """See `Agent`; with ``on_cut: recover`` also every cut that will be known."""
        return [*super().begin(), *self._notices(self._from_ns)]

    def revise(self, now_ns: int, system: System, tasks: Sequence[Task]) -> list[Action]:
        """See `testbed.protocol.actions.Core`."""
        return [*super().revise(now_ns, system, tasks), *self._notices(now_ns)]

    # Attempts --------------------------------------------------------------------------------------------------------

    def _offload(self, flight: Flight, at_ns: int) -> list[Action]:
        number = flight.task.number
        if self._breaker is not None and not self._breaker.lets(number, at_ns):
            return self._keep(flight, at_ns)
        lost = self._lives.is_lost(self._es)
        if not lost and (self._options.waits_out_cuts and self._tries_left(flight, self._options.on_cut) is None):
            return self._posted(flight)
        if lost or self._is_cut_off(at_ns):
            return self._out_of_reach(flight, at_ns)
        return self._posted(flight)

    def _posted(self, flight: Flight) -> list[Action]:
        """It is posted, and perhaps its UE will not wait for the result."""
        actions = self._post(flight)
        if self._options.hedge_after_ns >= 0:
            due = HedgeDue(flight.task.number, flight.ready_ns)
            at = flight.ready_ns + self._options.hedge_after_ns
            actions.append(Wake(at, GENERATE, due, self.ue.index, flight.task.number))
        return actions

    def _out_of_reach(self, flight: Flight, at_ns: int) -> list[Action]:
        retry = self._tries_left(flight, self._options.on_cut)
        if retry is not None:
            return self._wait(flight, at_ns, retry, "out of reach")
        if self._breaker is not None:
            self._breaker.withdrew(flight.task.number)
        return self._keep(flight, at_ns)

    def _rejected(self, flight: Flight, result: Result) -> list[Action]:
        actions = self._failed(flight, result.at_ns)
        retry = self._tries_left(flight, self._options.on_reject)
        if retry is None:
            return [*actions, *super()._rejected(flight, result)]
        trip = result.trip
        self._uplink.forget(flight)
        flight.withdraw(transmit_energy_j(self.ue.tx_power_w, trip.tx_end_ns - trip.tx_start_ns))
        return [*actions, *self._wait(flight, result.at_ns, retry, "rejected")]

    def _tries_left(self, flight: Flight, retry: Retry | None) -> Retry | None:
        tried = self._tried.get(flight.task.number, 0)
        return retry if retry is not None and tried < retry.times else None

    def _wait(self, flight: Flight, at_ns: int, retry: Retry, why: str) -> list[Action]:
        number = flight.task.number
        tried = self._tried[number] = self._tried.get(number, 0) + 1
        row = EventRow(at_ns, self.name, RETRIED, f"task {number}: {why}", float(tried))
        at = at_ns + retry.wait_ns(tried)
        return [Record(row), Wake(at, GENERATE, PostAgain(number), self.ue.index, number)]

    def _again(self, now_ns: int, number: int) -> list[Action]:
        flight = self._flights[number]
        flight.ready_ns = now_ns
        return [*self._offload(flight, now_ns), self._told(flight)]

    # Hedges ----------------------------------------------------------------------------------------------------------

    def _hedge(self, now_ns: int, due: HedgeDue) -> list[Action]:
        flight = self._flights.get(due.number)
        if flight is None or flight.start_ns >= 0 or not flight.es or flight.ready_ns != due.posted_ns:
            return []  # it has ended, is here already, or waits to be posted again
        flight.copied, flight.reentry_ns = True, now_ns
        row = EventRow(now_ns, self.name, HEDGED, f"task {flight.task.number}", 0.0)
        return [Record(row), *self._failed(flight, now_ns), *self._execute(flight), self._told(flight)]

    def _result(self, now_ns: int, result: Result) -> list[Action]:
        flight = self._flights.get(result.number)
        if flight is None or not flight.copied:
            heard = flight is not None and flight.start_ns < 0 and not result.rejected
            actions = super()._result(now_ns, result)
            counts = heard and actions and not self._is_posthumous(result)
            return [*self._succeeded(result), *actions] if counts else actions
        if result.rejected:
            return []  # the copy goes on
        if self._is_posthumous(result):
            return [Record(posthumous(result, now_ns))]
        if self._revised and not comes_then(self.system, self.ue, result):
            return []
        energy = compute_energy_j(self.ue.kappa, self.ue.cpu_hz, flight.task.cycles)
        self._cpu.keep_in_vain(flight)
        flight.copied = False
        flight.spent_j += energy
        flight.answer(result, self._es)
        vain = self._vain(result.at_ns, flight, self.name)
        return [vain, *self._succeeded(result), *self._end(result.number, result.at_ns)]

    def _is_of_a_copy(self, end: LocalEnd) -> bool:
        flight = self._flights.get(end.number)
        return flight is not None and flight.copied and flight.end_ns == end.end_ns

    def _copy_won(self, end: LocalEnd) -> list[Action]:
        """The copy ended before a result came."""
        flight = self._flights[end.number]
        flight.spent_j += transmit_energy_j(self.ue.tx_power_w, self._uplink.airtime_ns(flight))
        return [self._vain(end.end_ns, flight, flight.es), *self._end(end.number, end.end_ns)]

    def _vain(self, at_ns: int, flight: Flight, where: str) -> Record:
        task = flight.task
        return Record(EventRow(at_ns, self.name, IN_VAIN, f"task {task.number}: {where}", float(task.cycles)))

    # Cuts ------------------------------------------------------------------------------------------------------------

    def _notices(self, now_ns: int) -> list[Action]:
        """The instants to come at which it knows of a cut of its link that lasts by then."""
        if not self._options.recovers_from_cuts:
            return []
        ue = self.ue
        known = (at_ns for _, at_ns in noticed(ue.cuts_ns, self.system.detection_ns, ue.pauses_ns))
        return [Wake(at_ns, FAULT, CutNoticed(at_ns), ue.index) for at_ns in known if at_ns >= now_ns]

    def _take_back(self, now_ns: int, known_ns: int) -> list[Action]:
        """What is on its radio while that is known to be cut leaves it, and comes into the local queue."""
        actions: list[Action] = []
        for cut_ns, flight in self._uplink.held_by_cut(known_ns):
            if self._flights.get(flight.task.number) is not flight:
                continue  # its copy has ended
            if flight.copied:
                flight.lose(cut_ns)
                flight.copied = False
                actions.append(self._told(flight))
            else:
                actions += self._recover(flight, now_ns, cut_ns)
        return actions

    def _handed_back(self, now_ns: int, moved: Moved) -> list[Action]:
        """Its ES has taken a task off the radio: one that is here, unless its post was overtaken by a later one."""
        flight = self._flights.get(moved.number)
        cut_ns = moved.at_ns - self.system.detection_ns
        return [] if flight is None or flight.start_ns >= 0 else self._recover(flight, now_ns, cut_ns)

    # News of an earlier post ----------------------------------------------------------------------------------------

    def _moved(self, now_ns: int, moved: Moved) -> list[Action]:
        if self._is_old(moved.number, moved.at_ns):
            return []
        return self._handed_back(now_ns, moved) if moved.es == self.name else super()._moved(now_ns, moved)

    def _aired(self, aired: Aired) -> list[Action]:
        return [] if self._is_old(aired.number, aired.at_ns) else super()._aired(aired)

    def _is_old(self, number: int, at_ns: int) -> bool:
        """Whether what was heard of a task at ``at_ns`` is not of its present post."""
        flight = self._flights.get(number)
        return flight is not None and (not flight.es or at_ns < flight.ready_ns)

    # The breaker -----------------------------------------------------------------------------------------------------

    def _recover(self, flight: Flight, now_ns: int, died_ns: int) -> list[Action]:
        return [*self._failed(flight, now_ns), *super()._recover(flight, now_ns, died_ns)]

    def _failed(self, flight: Flight, at_ns: int) -> list[Action]:
        if self._breaker is None or not self._breaker.failed(flight.task.number, at_ns):
            return []
        return [Record(EventRow(at_ns, self.name, BREAKER_OPENED, f"task {flight.task.number}", self._breaker.open_s))]

    def _succeeded(self, result: Result) -> list[Action]:
        if self._breaker is None or not self._breaker.succeeded(result.number):
            return []
        return [Record(EventRow(result.at_ns, self.name, BREAKER_CLOSED, f"task {result.number}"))]
