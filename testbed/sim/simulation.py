"""The roles' cores on a virtual clock and network in one process: deterministic, with faults."""

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from heapq import heappop

from controller.server import DecisionServer as Controller
from controller.server import looks_on
from edge_server.events import Dispatch
from testbed.model.ledger import Absence
from testbed.model.system import Fault, Plan
from testbed.model.task import DECIDE, DRAIN_LIMIT, EXEC_END, FAULT, Task, TasksInTurn
from testbed.policy.heuristics import Policy
from testbed.protocol.actions import Action, Alarm, Boundary, Execute, Finish, Record, Send, Wake
from testbed.protocol.messages import Announce, Ask, Decision, Down, Post, Up
from testbed.protocol.rows import DIED, RESTARTED, EventRow, Row
from testbed.protocol.stretch import Stretch
from testbed.sim.alarms import Alarms
from testbed.sim.cores import AnyCore, core_of
from testbed.sim.events import ANY, NOBODY, Begin, Emit, Executing, Heap, Restart, Revises
from testbed.sim.network_conditions import Frame, Later, Network, NetworkConditions, Tick
from testbed.sim.recorded_answers import Recorded, repeated
from testbed.sim.run_log import RunLog, Simulated
from testbed.sim.sleep import Sleep, last_asked_ns
from ue_agent.agent import Agent

FIRST = -1
Observer = Callable[[int, int], None]


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
        self._executing = Executing()
        self._log = RunLog()
        self._ues = {ue.name: ue for ue in plan.system.ues}
        self._tasks = TasksInTurn.of(plan.workload, len(plan.system.ues))
        self._stopped, self._reason = "", ""
        looked_on = looks_on(policy)
        is_planned = not (looked_on or plan.system.closed_loop)
        self._prompt: set[type] = {Ask, Announce, Post} | (set() if looked_on else {Decision})
        self._sleep = Sleep(plan) if conditions is None and is_planned else None
        self._mortal = {fault.name for fault in plan.faults}
        self._sleeping: Collection[str] = () if self._sleep is None else self._sleep.sleeping
        self._alarms = Alarms(self._heap)
        self._end_ns = plan.system.end_ns
        self._carry_out: Mapping[type, Callable[..., None]] = {
            Send: self._send,
            Wake: self._wake,
            Record: self._record,
            Execute: self._emit_at_end,
            Finish: self._finish,
            Alarm: self._alarm,
        }
        self._observer: Observer | None = None
        self._observe_every, self._observe_at = 0, -1

    def observe(self, observer: Observer, every: int) -> None:
        """Tell ``observer`` the virtual instant and the number of finished tasks at every ``every``-th event."""
        self._observer, self._observe_every, self._observe_at = observer, every, self._delivered + every

    def hear(self, hearer: Callable[[Row], None]) -> None:
        """Tell ``hearer`` every row as it is made; those of tasks that never finish are made at the end, for `run`."""
        self._log.hear = hearer
        self._prompt.discard(Post)  # its ES would be heard before the UE that sends it has told all

    def stop(self, reason: str) -> None:
        """End the run before the next event; unfinished tasks fail for ``reason``. A signal handler may call it."""
        self._stopped = reason

    def revise_at(self, at_ns: int, plan: Plan) -> None:
        """Tell everybody at ``at_ns`` that what comes after it is what ``plan`` says; for `run`."""
        self._mortal |= {es.name for es in plan.system.edge_servers}  # what they execute may come to something else
        self._heap.push_outside(at_ns, FIRST, 0, Revises(plan))

    def run(self) -> Simulated:
        """Deliver events in order until every task has ended and no slot is left."""
        for _ in self._play(every=sys.maxsize):
            pass
        return self._log.close(self.plan, self._absences, self._now, self._delivered, self._reason)

    def stretches(self, every: int) -> Iterator[Stretch]:
        """As `run`, of an open loop in which nobody dies: what has become known, as soon as it is ``every`` rows.

        Put together, stretches are what `run` returns, in its order. In memory are what is under way and the tasks
        since the first that is.
        """
        for _ in self._play(every):
            yield self._log.take(self.plan, self._now)
        yield self._log.close_stretch(self.plan, self._now, self._reason)

    def _play(self, every: int) -> Iterator[None]:
        """Deliver all events; pauses at the end of an instant whenever ``every`` rows have been made."""
        names = [es.name for es in self.plan.system.edge_servers] + [ue.name for ue in self.plan.system.ues]
        for fault in self.plan.faults:
            self._heap.push_outside(fault.at_ns, FAULT, 0, Begin(fault))
        for name in [*names, "controller"]:
            self._incarnation[name] = 0
            if self.network is not None:
                self.network.born(0, name, 0)
        for name in self._incarnation:
            self._start(name, 0)
        limit = self.plan.emulation.drain_limit_ns
        end = self.plan.system.end_ns
        log, entries, alarms = self._log, self._heap.entries, self._alarms.new
        while entries or alarms:
            if not entries or entries[0][0] != self._now:
                if alarms:
                    self._alarms.settle()
                    continue
                if self._now >= end and self._over():
                    break
                if limit >= 0 and entries[0][0] > end + limit:
                    self._reason = DRAIN_LIMIT
                    break
                if log.count >= every:
                    yield
            if self._stopped:
                self._reason = self._stopped
                break
            self._now, self._phase, _, _, _, target, incarnation, event = heappop(entries)
            if target is NOBODY:
                self._happen(event)
            else:
                self._handle(target, incarnation, event)

    def _over(self) -> bool:
        """Whether nothing is left to wait for after the last slot; asked at the end of an instant, all of which is
        recorded."""
        after = self._now > last_asked_ns(self.plan.system)
        drained = len(self.plan.workload) <= self._log.finished.count + sum(self._gone.values())
        return drained or (after and self.network is None and not self._heap.is_busy())

    def _start(self, name: str, from_ns: int) -> None:
        core = self._cores[name] = self._make(name, self._incarnation[name], from_ns)
        self._act(name, core.begin())

    def _make(self, name: str, incarnation: int, from_ns: int) -> AnyCore:
        return core_of(self.plan, self.policy, name, self._tasks_of(name), incarnation=incarnation, from_ns=from_ns)

    def _tasks_of(self, name: str) -> Sequence[Task]:
        return self._tasks[self._ues[name].index] if name in self._ues else ()

    def _happen(self, event: object) -> None:
        """An event that is for no core: a fault, or something in the network."""
        match event:
            case Begin(fault):
                self._crash(fault)
            case Restart(fault):
                self._restart(fault)
            case Revises(plan):
                self._revise(plan)
            case Tick() | Frame():
                self._network_acts(event)

    def _revise(self, plan: Plan) -> None:
        self.plan, self._tasks = plan, TasksInTurn.of(plan.workload, len(plan.system.ues))
        if self._sleep is not None:
            for name, wake in self._sleep.follow(plan, self._now):
                self._heap.push_wake(self._now, wake, name, self._incarnation[name])
        for name, core in list(self._cores.items()):
            self._act(name, core.revise(self._now, plan.system, self._tasks_of(name)))

    def _network_acts(self, event: Tick | Frame) -> None:
        assert self.network is not None
        delivered, later = self.network.handle(self._now, event)
        self._await(later)
        if delivered is not None:
            at = max(delivered.at_ns, self._now)
            key = at, delivered.phase, delivered.ue, delivered.number
            self._heap.push_entry(self._heap.entry(key, delivered.to, ANY, delivered.body))

    def _await(self, later: Iterable[Later]) -> None:
        for at, event in later:
            self._heap.push_outside(at, FIRST, 0, event)

    def _handle(self, target: str, incarnation: int, event: object) -> None:
        core = self._cores.get(target)
        if core is None or (incarnation >= 0 and incarnation != self._incarnation[target]):
            return
        if type(event) is Emit:
            return self._send(target, event.send) if self._executing.comes_of_it(target, event) else None
        if type(event) is Boundary and self._sleep is not None and not self._sleep.is_awaited(target, event):
            return None
        self._delivered += 1
        if self._delivered == self._observe_at:
            self._observe()
        self._act(target, core.handle(self._now, event))
        if target in self._sleeping and self._sleep is not None:
            assert not isinstance(core, Controller)
            wake = self._sleep.roused(target, core, self._now, self._phase)
            if wake is not None:
                self._heap.push_wake(self._now, wake, target, self._incarnation[target])
        return None

    def _observe(self) -> None:
        assert self._observer is not None
        self._observe_at += self._observe_every
        self._observer(self._now, self._log.finished.count)

    def _act(self, source: str, actions: list[Action]) -> None:
        carry_out = self._carry_out
        for action in actions:
            carry_out[type(action)](source, action)

    def _record(self, source: str, record: Record) -> None:
        self._log.keep(record.row)

    def _wake(self, source: str, wake: Wake) -> None:
        if type(wake.event) is Boundary and self._sleep is not None:
            wake = self._sleep.awaited(source, self._cores[source], wake, self._now)
        elif type(wake.event) is Dispatch and self._heap.comes_next(self._now, wake):
            return self._handle(source, ANY, wake.event)
        self._heap.push_wake(self._now, wake, source, self._incarnation[source])

    def _alarm(self, source: str, alarm: Alarm) -> None:
        """Set an alarm, or note it where nobody dies: what it is to wait for may come in this instant."""
        at, core = self._now + alarm.after_ns, self._cores[source]
        entry = self._heap.entry((at, DECIDE, 0, 0), source, self._incarnation[source], alarm.event)
        if isinstance(core, (Agent, Controller)) and self._now < at <= self._end_ns and not self._mortal:
            self._alarms.note(core, entry)
        else:
            self._heap.push_entry(entry)

    def _finish(self, source: str, finish: Finish) -> None:
        """A task is finished: at its ideal instant, but that over a network a result may have come later."""
        row = finish.row(finish.at_ns if self.network is None else max(finish.at_ns, self._now))
        self._log.keep(row)
        if finish.tell is not None:
            self._send(source, finish.tell(row))

    def _emit_at_end(self, source: str, execute: Execute) -> None:
        send = execute.then
        if send is None:
            return
        if self.network is None and source not in self._mortal:  # so nothing can keep it from being sent
            self._send(source, send)
        else:
            self._executing.note(source, send)
            emit = Wake(execute.end_ns, EXEC_END, Emit(send), send.ue, send.number)
            self._heap.push_wake(self._now, emit, source, self._incarnation[source])

    def _send(self, source: str, send: Send) -> None:
        if self.recorded is not None and isinstance(send.body, Ask):
            self._repeat(send.body)
        elif self.network is not None:
            self._await(self.network.send(self._now, source, send))
        elif type(send.body) in self._prompt and self._heap.comes_next(self._now, send):
            self._handle(send.to, ANY, send.body)
        else:
            self._heap.push_message(self._now, send)

    def _repeat(self, ask: Ask) -> None:
        answer = repeated(self.recorded or {}, ask)
        if answer is not None:
            at, decision = answer
            key = at, DECIDE, ask.tasks[0].ue, 0
            self._heap.push_entry(self._heap.entry(key, ask.ue, self._incarnation[ask.ue], decision))

    def _crash(self, fault: Fault) -> None:
        name = fault.name
        if self._cores.pop(name, None) is None:
            return
        incarnation = self._incarnation[name]
        self._log.keep(EventRow(self._now, name, DIED, "fault", incarnation))
        self._absences.setdefault(name, []).append((self._now, fault.restart_ns))
        self._gone[name] = self._log.lost(name, self._tasks_of(name), fault.restart_ns)
        if self.network is not None:
            self._await(self.network.died(self._now, name))
        down = Down(name, self._now, incarnation)
        self._downs[name] = down
        for other in list(self._cores):
            self._act(other, self._cores[other].handle(self._now, down))
        if fault.restart_ns >= 0:
            self._heap.push_outside(fault.restart_ns, FAULT, 1, Restart(fault))

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
