"""The roles' cores on a virtual clock and network in one process: deterministic, with faults."""

from collections.abc import Callable, Iterable, Mapping
from typing import cast

import msgspec

from controller.server import DecisionServer as Controller
from controller.server import looks_on
from testbed.model.ledger import Absence
from testbed.model.system import Fault, Plan
from testbed.model.task import DRAIN_LIMIT, Phase
from testbed.policy.heuristics import Policy
from testbed.protocol.actions import (
    Action,
    Alarm,
    Boundary,
    Execute,
    Finish,
    Record,
    Send,
    Wake,
)
from testbed.protocol.messages import Ask, Decision, Down, Up
from testbed.protocol.rows import DIED, RESTARTED, EventRow, Row
from testbed.sim.cores import AnyCore, core_of
from testbed.sim.events import Dies, Emits, Heap, PendingEvent, Returns, Revises
from testbed.sim.network_conditions import Frame, Later, Network, NetworkConditions, Tick
from testbed.sim.run_log import RunLog, Simulated
from testbed.sim.sleep import Sleep, last_asked_ns

FIRST = -1
Recorded = Mapping[tuple[str, int], tuple[Decision, int]]
Observer = Callable[[int, int], None]
OUTSIDE_CORES = frozenset({Dies, Returns, Revises, Tick, Frame})  # most events are for a core, and kinds of its own


def simulate(
    plan: Plan, policy: Policy | None, recorded: Recorded | None = None, conditions: NetworkConditions | None = None
) -> Simulated:
    """Run ``plan`` to the end of its drain (no limit unless the plan sets one).

    ``recorded`` gives the answers of an earlier run by (UE, first task's number): those are repeated, with their
    ask-to-answer times in ns, instead of asking ``policy``. Under ``conditions`` messages pass through sessions over a
    network that loses, repeats, delays and reorders frames; without them they arrive at once.
    """
    return Simulation(plan, policy, recorded, conditions).run()


class Simulation:
    """One run; `simulate` is the way to use it."""

    def __init__(
        self,
        plan: Plan,
        policy: Policy | None,
        recorded: Recorded | None = None,
        conditions: NetworkConditions | None = None,
    ) -> None:
        self.plan, self.policy, self.recorded = plan, policy, recorded
        self.network = Network(conditions) if conditions is not None else None
        self._heap = Heap()
        self._cores: dict[str, AnyCore] = {}
        self._incarnation: dict[str, int] = {}
        self._absences: dict[str, list[Absence]] = {}
        self._downs: dict[str, Down] = {}
        self._now, self._phase = 0, 0
        self._delivered = 0
        self._gone: dict[str, int] = {}
        self._executing: dict[tuple[str, int, int], Send] = {}
        self._log = RunLog()
        self._ues = {ue.name: ue for ue in plan.system.ues}
        self._tasks = plan.tasks_by_ue()
        self._stopped = ""
        is_planned = not (looks_on(policy) or plan.system.closed_loop)
        self._sleep = Sleep(plan) if conditions is None and is_planned else None
        self._observer: Observer | None = None
        self._observe_every = 0

    def observe(self, observer: Observer, every: int) -> None:
        """Tell ``observer`` the virtual instant and the number of finished tasks at every ``every``-th event."""
        self._observer, self._observe_every = observer, every

    def hear(self, hearer: Callable[[Row], None]) -> None:
        """Tell ``hearer`` every row as it is made; those of tasks that never finish are made at the end, for `run`."""
        self._log.hear = hearer

    def stop(self, reason: str) -> None:
        """End the run before the next event; unfinished tasks fail for ``reason``. A signal handler may call it."""
        self._stopped = reason

    def revise_at(self, at_ns: int, plan: Plan) -> None:
        """Tell everybody at ``at_ns`` that what comes after it is what ``plan`` says; for `run`."""
        self._heap.push(at_ns, FIRST, -1, 0, PendingEvent("", -1, Revises(plan)))

    def run(self) -> Simulated:
        """Deliver events in order until every task has ended and no slot is left."""
        names = [es.name for es in self.plan.system.edge_servers] + [ue.name for ue in self.plan.system.ues]
        for fault in self.plan.faults:
            self._heap.push(fault.at_ns, Phase.FAULT, -1, 0, PendingEvent("", -1, Dies(fault)))
        for name in [*names, "controller"]:
            self._incarnation[name] = 0
            if self.network is not None:
                self.network.born(0, name, 0)
        for name in self._incarnation:
            self._start(name, 0)
        limit = self.plan.emulation.drain_limit_ns
        end = self.plan.system.end_ns
        reason = ""
        while len(self._heap):
            if self._now >= end and self._over():
                break
            at, self._phase, entry = self._heap.pop()
            if limit >= 0 and at > end + limit:
                reason = DRAIN_LIMIT
                break
            if self._stopped:
                reason = self._stopped
                break
            self._now = at
            self._deliver(entry)
        return self._log.close(self.plan, self._absences, self._now, self._delivered, reason)

    def _over(self) -> bool:
        """Whether nothing is left to wait for after the last slot; never within an instant, so that all of the last one
        is recorded."""
        if self._heap.next_ns() == self._now:
            return False
        after = self._now > last_asked_ns(self.plan.system)
        return self._drained() or (after and self._heap.busy == 0 and self.network is None)

    def _drained(self) -> bool:
        left = len(self.plan.workload) - len(self._log.finished) - sum(self._gone.values())
        return left <= 0

    def _start(self, name: str, from_ns: int) -> None:
        core = self._make(name, self._incarnation[name], from_ns)
        self._cores[name] = core
        self._act(name, core.begin())

    def _make(self, name: str, incarnation: int, from_ns: int) -> AnyCore:
        tasks = self._tasks[self._ues[name].index] if name in self._ues else ()
        return core_of(self.plan, self.policy, name, tasks, incarnation=incarnation, from_ns=from_ns)

    def _deliver(self, entry: PendingEvent) -> None:
        if type(entry.event) not in OUTSIDE_CORES:
            return self._handle(entry)
        match entry.event:
            case Dies(fault):
                self._crash(fault)
            case Returns(fault):
                self._restart(fault)
            case Revises(plan):
                self._revise(plan)
            case Tick() | Frame():
                self._network_acts(entry.event)

    def _revise(self, plan: Plan) -> None:
        self.plan = plan
        self._tasks = plan.tasks_by_ue()
        self._ues = {ue.name: ue for ue in plan.system.ues}
        if self._sleep is not None:
            for name, wake in self._sleep.follow(plan, self._now):
                self._push_wake(name, wake)
        for name, core in list(self._cores.items()):
            tasks = self._tasks[self._ues[name].index] if name in self._ues else ()
            self._act(name, core.revise(self._now, plan.system, tasks))

    def _network_acts(self, event: Tick | Frame) -> None:
        assert self.network is not None
        delivered, later = self.network.handle(self._now, event)
        self._await(later)
        if delivered is not None:
            entry = PendingEvent(delivered.to, -1, delivered.body)
            at = max(delivered.at_ns, self._now)
            self._heap.push(at, delivered.phase, delivered.ue, delivered.number, entry)

    def _await(self, later: Iterable[Later]) -> None:
        for at, event in later:
            self._heap.push(at, FIRST, -1, 0, PendingEvent("", -1, event))

    def _handle(self, entry: PendingEvent) -> None:
        core = self._cores.get(entry.target)
        if core is None or (entry.incarnation >= 0 and entry.incarnation != self._incarnation[entry.target]):
            return
        event, sleep = entry.event, self._sleep
        if isinstance(event, Emits):
            return self._send(entry.target, event.send) if self._is_what_comes_of_it(entry.target, event) else None
        if sleep is not None and isinstance(event, Boundary) and not sleep.is_awaited(entry.target, event):
            return None
        self._delivered += 1
        if self._observer is not None and self._delivered % self._observe_every == 0:
            self._observer(self._now, len(self._log.finished))
        self._act(entry.target, core.handle(self._now, event))
        if sleep is not None and entry.target in sleep.sleeping:
            assert not isinstance(core, Controller)
            wake = sleep.roused(entry.target, core, self._now, self._phase)
            if wake is not None:
                self._push_wake(entry.target, wake)
        return None

    def _act(self, source: str, actions: list[Action]) -> None:
        for action in actions:
            kind = type(action)
            if kind is Send:
                self._send(source, cast(Send, action))
            elif kind is Wake:
                self._wake(source, cast(Wake, action))
            elif kind is Record:
                self._log.keep(cast(Record, action).row)
            elif kind is Execute:
                self._emit_at_end(source, cast(Execute, action))
            elif kind is Finish:
                self._finish(source, cast(Finish, action))
            else:
                alarm = cast(Alarm, action)
                entry = PendingEvent(source, self._incarnation[source], alarm.event)
                self._heap.push(self._now + alarm.after_ns, Phase.DECIDE, 0, 0, entry)

    def _wake(self, source: str, wake: Wake) -> None:
        if self._sleep is not None and isinstance(wake.event, Boundary):
            core = self._cores[source]
            assert not isinstance(core, Controller)
            wake = self._sleep.awaited(source, core, wake, self._now)
        self._push_wake(source, wake)

    def _push_wake(self, source: str, wake: Wake) -> None:
        entry = PendingEvent(source, self._incarnation[source], wake.event)
        at = wake.at_ns if wake.at_ns > self._now else self._now
        self._heap.push(at, wake.phase, wake.ue, wake.number, entry)

    def _finish(self, source: str, finish: Finish) -> None:
        """A task is finished: at its ideal instant, but that over a network a result may have come later."""
        row = finish.row(finish.at_ns if self.network is None else max(finish.at_ns, self._now))
        self._log.keep(row)
        if finish.tell is not None:
            self._send(source, finish.tell(row))

    def _emit_at_end(self, source: str, execute: Execute) -> None:
        send = execute.then
        if send is not None:
            entry = PendingEvent(source, self._incarnation[source], Emits(send))
            self._executing[source, send.ue, send.number] = send
            self._heap.push(execute.end_ns, Phase.EXEC_END, send.ue, send.number, entry)

    def _is_what_comes_of_it(self, source: str, emit: Emits) -> bool:
        key = source, emit.send.ue, emit.send.number
        if self._executing.get(key) is not emit.send:
            return False
        del self._executing[key]
        return True

    def _send(self, source: str, send: Send) -> None:
        if self.recorded is not None and isinstance(send.body, Ask):
            self._repeat(send.body)
        elif self.network is not None:
            self._await(self.network.send(self._now, source, send))
        else:
            at = send.at_ns if send.at_ns > self._now else self._now
            self._heap.push(at, send.phase, send.ue, send.number, PendingEvent(send.to, -1, send.body))

    def _repeat(self, ask: Ask) -> None:
        if not ask.tasks or self.recorded is None:
            return
        answer = self.recorded.get((ask.ue, ask.tasks[0].number))
        if answer is not None:
            decision, think_ns = answer
            event = msgspec.structs.replace(decision, slot=ask.slot, asked_ns=ask.at_ns)
            entry = PendingEvent(ask.ue, self._incarnation[ask.ue], event)
            self._heap.push(ask.at_ns + think_ns, Phase.DECIDE, ask.tasks[0].ue, 0, entry)

    def _crash(self, fault: Fault) -> None:
        name = fault.name
        if self._cores.pop(name, None) is None:
            return
        incarnation = self._incarnation[name]
        self._log.keep(EventRow(self._now, name, DIED, "fault", incarnation))
        self._absences.setdefault(name, []).append((self._now, fault.restart_ns))
        self._count_gone(name)
        if self.network is not None:
            self._await(self.network.died(self._now, name))
        down = Down(name, self._now, incarnation)
        self._downs[name] = down
        for other in list(self._cores):
            self._act(other, self._cores[other].handle(self._now, down))
        if fault.restart_ns >= 0:
            self._heap.push(fault.restart_ns, Phase.FAULT, -1, 1, PendingEvent("", -1, Returns(fault)))

    def _count_gone(self, name: str) -> None:
        index = next((ue.index for ue in self.plan.system.ues if ue.name == name), None)
        if index is None:
            return
        absences = self._absences[name]
        back = absences[-1][1]
        self._gone[name] = sum(
            1
            for task in self.plan.workload
            if task.ue == index
            and (back < 0 or task.generated_ns < back)
            and (name, task.number) not in self._log.finished
        )

    def _restart(self, fault: Fault) -> None:
        name = fault.name
        self._incarnation[name] += 1
        self._downs.pop(name, None)
        if self.network is not None:
            self._await(self.network.born(self._now, name, self._incarnation[name]))
        up = Up(name, self._now, self._incarnation[name])
        for other in list(self._cores):
            self._act(other, self._cores[other].handle(self._now, up))
        self._start(name, self._now)
        for down in self._downs.values():
            self._act(name, self._cores[name].handle(self._now, down))
        self._log.keep(EventRow(self._now, name, RESTARTED, "fault", self._incarnation[name]))
