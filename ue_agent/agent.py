"""The user equipment's core (sans-IO): asks, decides, executes locally or posts, and recovers from deaths."""

from collections.abc import Sequence
from functools import partial
from itertools import chain

from testbed.model.cuts import is_known_cut, open_ns
from testbed.model.delay import FOREVER_NS
from testbed.model.fallback import fallback_choice
from testbed.model.learning import LEARNER
from testbed.model.system import CONTROLLER, EPOCH_ARRIVAL, SHARED, System
from testbed.model.targets import UNCHOSEN, target_of
from testbed.model.task import DECIDE, EXEC_END, FAULT, LOCAL, Task
from testbed.protocol.actions import Action, Alarm, Boundary, Finish, Lost, Record, Send, Wake
from testbed.protocol.idle import Boundaries
from testbed.protocol.lives import Lives
from testbed.protocol.messages import Aired, Ask, Decision, Down, Moved, Post, Result, Up
from testbed.protocol.rows import TaskRow
from ue_agent import generation, report
from ue_agent.events import Arises, AskExpired, LocalEnd
from ue_agent.local_cpu import LocalCpu
from ue_agent.report import Flight
from ue_agent.uplink_queue import UplinkQueue, comes_then


class Agent:
    """One UE; ``tasks`` are its rows of the workload by number, those before ``from_ns`` are not its own any more.

    With ``outcomes`` it tells the learner how its tasks end, and asks while the run drains too: who learns looks on.
    """

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
        self.system, self.ue = system, system.ues[index]
        self.name = self.ue.name
        self.incarnation, self._from_ns = incarnation, from_ns
        self._tasks = generation.own(tasks, from_ns)
        self._think_ns = generation.think_ns(self._tasks) if system.closed_loop else []
        if system.closed_loop:
            self._loop = [*self._tasks[:1], *(task.at(FOREVER_NS) for task in self._tasks[1:])]
            self._tasks = self._loop
        self._outcomes = outcomes
        self._next = 0
        self._es = system.edge_servers[self.ue.cell].name
        self._asks_at_once = system.epoch == EPOCH_ARRIVAL
        self._by_number = {task.number: task for task in self._tasks} if self._asks_at_once else {}
        self._shared = system.radio.access == SHARED
        self._pending: dict[int, tuple[Ask, int]] = {}
        self._flights: dict[int, Flight] = {}
        self._cpu = LocalCpu(self.ue)
        self._uplink = UplinkQueue(system)
        self._revised = False
        self._last_choice = -1
        self._boundaries = Boundaries()
        self._lives = Lives()

    def begin(self) -> list[Action]:
        """The first slot boundary; with ``epoch: arrival`` also the generation of every task."""
        first: list[Action] = [self._boundary(-(-self._from_ns // self.system.slot_ns))]
        if self._asks_at_once:
            first += map(generation.arises, self._tasks)
        return first

    def handle(self, now_ns: int, event: object) -> list[Action]:
        """See `testbed.protocol.actions.Core`."""
        match event:
            case Boundary():
                return self._at_boundary(now_ns, event.slot)
            case Decision():
                return self._decided(event, now_ns - event.asked_ns)
            case Result():
                return self._result(now_ns, event)
            case LocalEnd():
                flight = self._flights.get(event.number)
                is_its_end = flight is not None and flight.end_ns == event.end_ns
                return self._end(event.number, event.end_ns) if is_its_end else []
            case Moved():
                return self._moved(now_ns, event)
            case Arises() if (task := self._by_number.get(event.number)) and task.generated_ns == event.at_ns:
                return self._ask(event.number, now_ns, (task,))
            case AskExpired():
                return self._fall_back(event.slot, self.system.decision_timeout_ns, "timeout")
            case Aired():
                return self._aired(event)
            case Down():
                return self._down(event)
            case Up():
                return self._up(event)
            case Lost():
                return self._lost(now_ns, event)
        return []

    def waits_for(self, alarm: object) -> bool:
        """Whether it still waits for what ``alarm`` would end."""
        return isinstance(alarm, AskExpired) and alarm.slot in self._pending

    def _boundary(self, slot: int) -> Wake:
        return Wake(slot * self.system.slot_ns, DECIDE, Boundary(slot), self.ue.index)

    def _at_boundary(self, now_ns: int, slot: int) -> list[Action]:
        if open_ns(now_ns, self.ue.pauses_ns) != now_ns:
            return [self._boundary(slot + 1)]
        if now_ns > self.system.boundary_ns(self.ue, self.system.end_ns) and not self._outcomes:
            return []
        if self._asks_at_once:
            return [*self._seen(slot, now_ns, ()), self._boundary(slot + 1)]
        tasks = self._arisen(now_ns)
        return [*self._seen(slot, now_ns, tasks), *self._ask(slot, now_ns, tasks), self._boundary(slot + 1)]

    def _arisen(self, now_ns: int) -> tuple[Task, ...]:
        """The tasks that have been generated since the last boundary."""
        tasks, first, following = self._tasks, self._next, self._next
        while following < len(tasks) and tasks[following].generated_ns <= now_ns:
            following += 1
        self._next = following
        return tuple(tasks[first:following])

    def _seen(self, slot: int, now_ns: int, tasks: tuple[Task, ...]) -> list[Action]:
        """The record of this UE at a boundary, in the slots of generation."""
        if slot >= self.system.slots:
            return []
        earlier = len(self._flights)
        if self._pending:
            earlier += sum(len(ask.tasks) for ask, _ in self._pending.values())
        wait = -1 if self._shared else max(0, self._uplink.free_ns - now_ns)
        row = report.seen(self.name, slot, now_ns, max(0, self._cpu.free_ns - now_ns), wait, earlier, len(tasks))
        return [Record(row)] if self._boundaries.records(row) else []

    def is_idle(self, now_ns: int) -> bool:
        """See `testbed.protocol.actions.Idling`; who tells a learner is never idle, for the learner looks on."""
        return self._boundaries.idle and not (self._outcomes or self._flights or self._pending)

    def _ask(self, slot: int, now_ns: int, tasks: tuple[Task, ...]) -> list[Action]:
        queue = max(0, self._cpu.free_ns - now_ns)
        ask = Ask(ue=self.name, slot=slot, at_ns=now_ns, queue_ns=queue, tasks=tasks, last_choice=self._last_choice)
        if tasks:
            self._pending[slot] = ask, self._lives.incarnation(CONTROLLER)
        if self._lives.is_lost(CONTROLLER):
            return self._fall_back(slot, 0, "controller lost")
        actions: list[Action] = [Send(to=CONTROLLER, body=ask, at_ns=now_ns, phase=DECIDE, ue=self.ue.index)]
        if tasks:
            actions.append(Alarm(self.system.decision_timeout_ns, AskExpired(slot)))
        return actions

    def _fall_back(self, slot: int, think_ns: int, why: str) -> list[Action]:
        if slot not in self._pending:
            return []
        ask, _ = self._pending[slot]
        choice = fallback_choice(self.system, self.ue.index, slot)
        decision = Decision(ue=self.name, slot=slot, choice=choice, fallback=why, asked_ns=ask.at_ns)
        return self._decided(decision, think_ns)

    def _decided(self, decision: Decision, think_ns: int) -> list[Action]:
        if decision.slot not in self._pending:
            return []
        ask, _ = self._pending.pop(decision.slot)
        self._last_choice = decision.choice
        ready = ask.at_ns + think_ns
        actions: list[Action] = []
        for task in ask.tasks:
            flight = Flight.of(task, ask.at_ns // self.system.slot_ns, ask, decision, think_ns)
            self._flights[task.number] = flight
            if decision.choice == LOCAL:
                actions += self._execute(flight)
            else:
                actions += self._offload(flight, ready)
            actions.append(self._told(flight))
        return actions

    def _offload(self, flight: Flight, at_ns: int) -> list[Action]:
        """It is to be offloaded at ``at_ns``, if its ES is within reach then as far as is known."""
        if self._lives.is_lost(self._es) or self._is_cut_off(at_ns):
            return self._keep(flight, at_ns)
        return self._post(flight)

    def _keep(self, flight: Flight, at_ns: int) -> list[Action]:
        """It should be offloaded, and its UE executes it all the same."""
        flight.recovered, flight.reentry_ns = True, at_ns
        return self._execute(flight)

    def _is_cut_off(self, at_ns: int) -> bool:
        return is_known_cut(at_ns, self.ue.cuts_ns, self.system.detection_ns)

    def _post(self, flight: Flight) -> list[Action]:
        ue, task, ready = self.ue, flight.task, flight.ready_ns
        flight.es, flight.incarnation = self._es, self._lives.incarnation(self._es)
        if not self._shared:
            self._uplink.send(flight)
        target = target_of(flight.choice, ue.cell) if self.system.chosen_target else UNCHOSEN
        post, bits = Post(ue.name, task, ready, target), task.input_bits
        return [
            Send(to=self._es, body=post, at_ns=ready, phase=DECIDE, ue=ue.index, number=task.number, payload_bits=bits)
        ]

    def _execute(self, flight: Flight) -> list[Action]:
        return [self._cpu.execute(flight), self._end_of(flight)]

    def _end_of(self, flight: Flight) -> Wake:
        number = flight.task.number
        return Wake(flight.end_ns, EXEC_END, LocalEnd(number, flight.end_ns), self.ue.index, number)

    def _told(self, flight: Flight) -> Record:
        """What is known of an unfinished task by now, for the record to have should this UE die."""
        return Record(report.decided(flight, self.ue))

    def _result(self, now_ns: int, result: Result) -> list[Action]:
        flight = self._flights.get(result.number)
        if flight is None or flight.start_ns >= 0:
            return []
        if self._is_posthumous(result):
            return [Record(report.posthumous(result, now_ns))]
        if self._revised and not comes_then(self.system, self.ue, result):
            return []
        flight.answer(result, self._es)
        if result.rejected:
            return [*self._rejected(flight, result), self._told(flight)]
        return self._end(result.number, result.at_ns)

    def _rejected(self, flight: Flight, result: Result) -> list[Action]:
        """An ES had no place for it."""
        return self._execute(flight)

    def revise(self, now_ns: int, system: System, tasks: Sequence[Task]) -> list[Action]:
        """See `testbed.protocol.actions.Core`."""
        self.system, self.ue, self._revised = system, system.ues[self.ue.index], True
        arising = [] if system.closed_loop else self._generates(tasks)
        executed = self._cpu.revise(now_ns, self.ue)
        sent = self._uplink.revise(now_ns, system)
        told = [self._told(flight) for flight in (*sent, *executed) if self._flights.get(flight.task.number) is flight]
        return [*arising, *told, *map(self._end_of, executed)]

    def _generates(self, tasks: Sequence[Task]) -> list[Wake]:
        """Its tasks are others from some instant to come on."""
        before, self._tasks = self._tasks, generation.own(tasks, self._from_ns)
        self._by_number = {task.number: task for task in self._tasks} if self._asks_at_once else {}
        return generation.arises_anew(before, self._tasks) if self._asks_at_once else []

    def _is_posthumous(self, result: Result) -> bool:
        """Whether it ends no earlier than the life of the ES that should have sent it."""
        died_ns = self._lives.died_ns(result.es, result.incarnation)
        return died_ns is not None and result.end_ns >= died_ns

    def _end(self, number: int, finished_ns: int) -> list[Action]:
        flight = self._flights.pop(number)
        self._go_on(finished_ns)
        tell = partial(self._outcome, flight.task) if self._outcomes else None
        return [Finish(at_ns=finished_ns, row=partial(report.ended, flight, self.ue, finished_ns), tell=tell)]

    def _go_on(self, finished_ns: int) -> None:
        """In a closed loop: the next task comes when its user has thought, if the run lasts so long."""
        if self.system.closed_loop and self._next < len(self._tasks):
            at = finished_ns + self._think_ns[self._next - 1]
            if at < self.system.end_ns:
                self._loop[self._next] = self._loop[self._next].at(at)

    def _outcome(self, task: Task, row: TaskRow) -> Send:
        told = report.outcome(row, task)
        return Send(to=LEARNER, body=told, at_ns=row.finished_ns, phase=DECIDE, ue=self.ue.index)

    def _moved(self, now_ns: int, moved: Moved) -> list[Action]:
        """The task went on to another ES, or came there; that one may have died before this was heard.

        An ES that has the task knows better than the one that sent it, whoever is heard last.
        """
        flight = self._flights.get(moved.number)
        if flight is None or flight.start_ns >= 0 or flight.arrived:
            return []
        if not flight.forwarded:
            flight.forwarded, flight.via_incarnation = True, flight.incarnation
        flight.es, flight.incarnation = moved.es, self._lives.serving(moved.es, moved.at_ns)
        flight.arrived = moved.arrived
        died_ns = self._lives.loss_ns(flight.es, flight.incarnation)
        return [] if died_ns is None else self._recover(flight, now_ns, died_ns)

    def _aired(self, aired: Aired) -> list[Action]:
        flight = self._flights.get(aired.number)
        if flight is None:
            return []
        flight.air(first=aired.first, at_ns=aired.at_ns)
        return [self._told(flight)]

    def _down(self, down: Down) -> list[Action]:
        self._lives.take(down)
        lost = Lost(down.name, down.at_ns, down.incarnation)
        return [Wake(down.at_ns + self.system.detection_ns, FAULT, lost, self.ue.index)]

    def _up(self, up: Up) -> list[Action]:
        self._lives.take(up)
        if up.name == self._es:
            self._uplink.reset()
        return []

    def _lost(self, now_ns: int, lost: Lost) -> list[Action]:
        self._lives.take(lost)
        if lost.name == CONTROLLER:
            return self._without_controller(now_ns, lost.incarnation)
        flights = (flight for _, flight in sorted(self._flights.items()) if flight.start_ns < 0)
        held = [flight for flight in flights if flight.is_with(lost.name, lost.incarnation, self._es)]
        return [*chain.from_iterable(self._recover(flight, now_ns, lost.died_ns) for flight in held)]

    def _without_controller(self, now_ns: int, incarnation: int) -> list[Action]:
        """Nobody will answer what was asked of that incarnation of the controller."""
        late = [(slot, ask) for slot, (ask, asked) in self._pending.items() if asked <= incarnation]
        answers = (self._fall_back(slot, max(0, now_ns - ask.at_ns), "controller lost") for slot, ask in late)
        return [*chain.from_iterable(answers)]

    def _recover(self, flight: Flight, now_ns: int, died_ns: int) -> list[Action]:
        """The ES that held the task died at ``died_ns``, which is known now: back into the local queue, as of its
        detection at the earliest."""
        flight.lose(died_ns)
        flight.reentry_ns = max(now_ns, died_ns + self.system.detection_ns, flight.ready_ns)
        return [*self._execute(flight), self._told(flight)]
