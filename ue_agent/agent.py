"""The user equipment's core (sans-IO): asks, decides, executes locally or posts, and recovers from deaths."""

import msgspec

from testbed.model import link, random
from testbed.model.delay import after_ns, chain, duration_ns
from testbed.model.system import EPOCH_ARRIVAL, SHARED, System
from testbed.model.task import LOCAL, OFFLOAD, Phase, Task
from testbed.protocol.actions import Action, Alarm, Answered, Boundary, Execute, Lost, Record, Send, Wake
from testbed.protocol.messages import Aired, Ask, Decision, Down, Moved, Post, Result, Up
from ue_agent import report
from ue_agent.report import Flight

CONTROLLER = "controller"


class Arises(msgspec.Struct, frozen=True):
    """Event, ``epoch: arrival``: task ``number`` is generated and asked for."""

    number: int


class LocalEnd(msgspec.Struct, frozen=True):
    """Event: the local execution of task ``number`` ends."""

    number: int


class AskExpired(msgspec.Struct, frozen=True):
    """Event: no answer to ask ``slot`` within the decision timeout."""

    slot: int


class Pending(msgspec.Struct, frozen=True):
    """An ask without answer."""

    asked_ns: int
    tasks: tuple[Task, ...]


class Agent:
    """One UE; ``tasks`` are its rows of the workload, those before ``from_ns`` are not its own any more.

    With ``outcomes`` it tells the controller how its tasks end, and asks while the run drains too: who learns looks on.
    """

    def __init__(
        self, system: System, index: int, tasks: tuple[Task, ...], incarnation: int = 0, from_ns: int = 0,
        outcomes: bool = False,
    ) -> None:  # fmt: skip
        self.system, self.ue = system, system.ues[index]
        self.name = self.ue.name
        self.incarnation, self._from_ns = incarnation, from_ns
        self._tasks = sorted((t for t in tasks if t.generated_ns >= from_ns), key=lambda t: t.number)
        self._by_number = {task.number: task for task in self._tasks}
        self._outcomes = outcomes
        self._next = 0
        self._es = system.ess[self.ue.cell].name
        self._shared = system.radio.access == SHARED
        self._pending: dict[int, Pending] = {}
        self._flights: dict[int, Flight] = {}
        self._lost_airtime: dict[int, int] = {}
        self._local_free_ns = 0
        self._radio_free_ns = 0
        self._last_choice = -1
        self._died: dict[str, tuple[int, int]] = {}
        self._known_dead: set[str] = set()
        self._incarnations: dict[str, int] = {}

    def begin(self) -> list[Action]:
        """The first slot boundary, or with ``epoch: arrival`` the generation of every task."""
        if self.system.epoch == EPOCH_ARRIVAL:
            index = self.ue.index
            return [Wake(t.generated_ns, Phase.DECIDE, Arises(t.number), index, t.number) for t in self._tasks]
        return [self._boundary(-(-self._from_ns // self.system.slot_ns))]

    def handle(self, now_ns: int, event: object) -> list[Action]:
        """See `testbed.protocol.actions.Core`."""
        match event:
            case Boundary():
                return self._at_boundary(now_ns, event.slot)
            case Arises():
                return self._ask(event.number, now_ns, (self._by_number[event.number],))
            case Answered():
                return self._answered(event.decision, event.think_ns)
            case AskExpired():
                return self._fall_back(event.slot, self.system.decision_timeout_ns, "timeout")
            case LocalEnd():
                return self._end(event.number, now_ns)
            case Result():
                return self._result(now_ns, event)
            case Moved():
                self._moved(event)
                return []
            case Aired():
                self._aired(event)
                return []
            case Down():
                return self._down(event)
            case Up():
                self._up(event)
                return []
            case Lost():
                return self._lost(now_ns, event)
        return []

    def _boundary(self, slot: int) -> Wake:
        return Wake(slot * self.system.slot_ns, Phase.DECIDE, Boundary(slot), self.ue.index)

    def _at_boundary(self, now_ns: int, slot: int) -> list[Action]:
        if slot > self.system.slots and not self._outcomes:
            return []
        first = self._next
        while self._next < len(self._tasks) and self._tasks[self._next].generated_ns <= now_ns:
            self._next += 1
        return [*self._ask(slot, now_ns, tuple(self._tasks[first : self._next])), self._boundary(slot + 1)]

    def _ask(self, slot: int, now_ns: int, tasks: tuple[Task, ...]) -> list[Action]:
        if tasks:
            self._pending[slot] = Pending(now_ns, tasks)
        if CONTROLLER in self._known_dead:
            return self._fall_back(slot, 0, "controller lost")
        ask = Ask(self.name, slot, now_ns, max(0, self._local_free_ns - now_ns), tasks, self._last_choice)
        actions: list[Action] = [Send(CONTROLLER, ask, now_ns, Phase.DECIDE, self.ue.index)]
        if tasks:
            actions.append(Alarm(self.system.decision_timeout_ns, AskExpired(slot)))
        return actions

    def _fall_back(self, slot: int, think_ns: int, why: str) -> list[Action]:
        pending = self._pending.get(slot)
        if pending is None:
            return []
        choice = LOCAL if self.system.fallback == "lc" else OFFLOAD
        if self.system.fallback == "random":
            flipped = random.uniform(self.system.seed, random.POLICY, self.ue.index, slot, 0)
            choice = OFFLOAD if flipped < 0.5 else LOCAL
        decision = Decision(self.name, slot, choice, fallback=why, asked_ns=pending.asked_ns)
        return self._answered(decision, think_ns)

    def _answered(self, decision: Decision, think_ns: int) -> list[Action]:
        pending = self._pending.pop(decision.slot, None)
        if pending is None:
            return []
        self._last_choice = decision.choice
        ready = pending.asked_ns + think_ns
        actions: list[Action] = []
        for task in pending.tasks:
            flight = Flight(
                task, pending.asked_ns // self.system.slot_ns, pending.asked_ns, think_ns, decision.choice,
                decision.version, decision.log_probability, decision.fallback, ready,
            )  # fmt: skip
            self._flights[task.number] = flight
            if decision.choice == OFFLOAD and self._es not in self._known_dead:
                actions += self._post(flight)
            else:
                if decision.choice == OFFLOAD:
                    flight.recovered, flight.reentry_ns = True, ready
                actions += self._execute(flight, ready)
            actions.append(Record(report.decided(flight, self.ue)))
        return actions

    def _post(self, flight: Flight) -> list[Action]:
        ue, task = self.ue, flight.task
        flight.es, flight.incarnation = self._es, self._incarnations.get(self._es, 0)
        if not self._shared:
            flight.tx_start_ns = chain(self._radio_free_ns, flight.ready_ns)
            flight.tx_end_ns = self._radio_free_ns = self._last_bit_ns(flight)
        post = Post(ue.name, task, flight.ready_ns)
        bits = task.input_bits
        return [Send(self._es, post, flight.ready_ns, Phase.DECIDE, ue.index, task.number, payload_bits=bits)]

    def _last_bit_ns(self, flight: Flight) -> int:
        radio, task, start = self.system.radio, flight.task, flight.tx_start_ns
        tries = link.attempts(self.system.seed, self.ue.index, task.number, radio.loss)
        if radio.trace_period_ns > 0:
            bits = task.input_bits * tries
            return link.traced_end_ns(start, bits, radio.trace_edges_ns, radio.trace_bps, radio.trace_period_ns)
        return link.dedicated_end_ns(start, task.input_bits, tries, self.ue.rate_bps)

    def _execute(self, flight: Flight, entered_ns: int) -> list[Action]:
        task, ue = flight.task, self.ue
        flight.start_ns = chain(self._local_free_ns, entered_ns)
        flight.end_ns = self._local_free_ns = after_ns(flight.start_ns, duration_ns(task.cycles, ue.cpu_hz))
        return [
            Execute(flight.start_ns, flight.end_ns, task.cycles, ue.name, task.number),
            Wake(flight.end_ns, Phase.EXEC_END, LocalEnd(task.number), ue.index, task.number),
        ]

    def _result(self, now_ns: int, result: Result) -> list[Action]:
        flight = self._flights.get(result.number)
        if flight is None or flight.start_ns >= 0:
            return []
        died_ns, incarnation = self._died.get(result.es, (0, -1))
        if result.incarnation <= incarnation and result.end_ns >= died_ns:
            return []
        flight.result = result
        flight.forwarded = result.es != self._es
        if result.rejected:
            flight.reentry_ns = result.at_ns
            return self._execute(flight, result.at_ns)
        return self._end(result.number, result.at_ns)

    def _end(self, number: int, finished_ns: int) -> list[Action]:
        flight = self._flights.pop(number)
        row = report.ended(flight, self.ue, finished_ns, self._lost_airtime.pop(number, 0))
        if not self._outcomes:
            return [Record(row)]
        told = report.outcome(row, flight.task)
        return [Record(row), Send(CONTROLLER, told, finished_ns, Phase.DECIDE, self.ue.index)]

    def _moved(self, moved: Moved) -> None:
        flight = self._flights.get(moved.number)
        if flight is not None and flight.start_ns < 0:
            if not flight.forwarded:
                flight.forwarded, flight.via_incarnation = True, flight.incarnation
            flight.es, flight.incarnation = moved.es, self._incarnations.get(moved.es, 0)
            flight.arrived = flight.arrived or moved.arrived

    def _aired(self, aired: Aired) -> None:
        flight = self._flights.get(aired.number)
        if flight is None:
            return
        if aired.first:
            flight.tx_start_ns = aired.at_ns
        else:
            flight.tx_end_ns = aired.at_ns

    def _down(self, down: Down) -> list[Action]:
        self._died[down.name] = (down.at_ns, down.incarnation)
        lost = Lost(down.name, down.at_ns, down.incarnation)
        return [Wake(down.at_ns + self.system.detection_ns, Phase.FAULT, lost, self.ue.index)]

    def _up(self, up: Up) -> None:
        self._known_dead.discard(up.name)
        self._incarnations[up.name] = up.incarnation
        if up.name == self._es:
            self._radio_free_ns = 0

    def _lost(self, now_ns: int, lost: Lost) -> list[Action]:
        if self._incarnations.get(lost.name, 0) <= lost.incarnation:
            self._known_dead.add(lost.name)
        actions: list[Action] = []
        if lost.name == CONTROLLER:
            for slot, pending in list(self._pending.items()):
                actions += self._fall_back(slot, now_ns - pending.asked_ns, "controller lost")
            return actions
        for flight in list(self._flights.values()):
            if flight.start_ns < 0 and flight.is_with(lost.name, lost.incarnation, self._es):
                airtime = flight.airtime_until_ns(lost.died_ns)
                self._lost_airtime[flight.task.number] = airtime
                flight.recovered, flight.reentry_ns = True, now_ns
                actions += self._execute(flight, now_ns)
                actions.append(Record(report.decided(flight, self.ue)))
        return actions
