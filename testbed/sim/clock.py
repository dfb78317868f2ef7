"""The roles' cores on a virtual clock and network in one process: deterministic, with faults."""

from collections.abc import Callable, Mapping

import msgspec

from controller.server import Server as Controller
from edge_server.server import Server as EdgeServer
from testbed.model.decide import Policy
from testbed.model.system import Fault, Plan
from testbed.model.task import DRAIN_LIMIT, Phase
from testbed.protocol.actions import Action, Alarm, Answered, Core, Execute, Record, Send, Wake
from testbed.protocol.endings import Absence, close_rows
from testbed.protocol.messages import Ask, Decision, Down, Up
from testbed.protocol.rows import EventRow, LinkRow, SlotRow, TaskRow
from testbed.sim.events import Entry, Heap
from ue_agent.agent import Agent

Recorded = Mapping[tuple[str, int], Answered]
Observer = Callable[[int, int], None]


class Simulated(msgspec.Struct):
    """The record of a simulated run; ``tasks`` in the workload's order, ``reason`` why it ended before its drain."""

    tasks: list[TaskRow]
    slots: list[SlotRow]
    links: list[LinkRow]
    events: list[EventRow]
    end_ns: int
    delivered: int
    reason: str = ""


class _Begin(msgspec.Struct, frozen=True):
    fault: Fault


class _Restart(msgspec.Struct, frozen=True):
    fault: Fault


class _Emit(msgspec.Struct, frozen=True):
    """An execution ended: what it produced is sent."""

    send: Send


def simulate(plan: Plan, policy: Policy | None, recorded: Recorded | None = None) -> Simulated:
    """Run ``plan`` to the end of its drain (no limit unless the plan sets one).

    ``recorded`` gives the answers of an earlier run by (UE, first task's number): those are repeated, with their
    ask-to-answer times, instead of asking ``policy``.
    """
    return Simulation(plan, policy, recorded).run()


class Simulation:
    """One run; `simulate` is the way to use it."""

    def __init__(self, plan: Plan, policy: Policy | None, recorded: Recorded | None) -> None:
        self.plan, self.policy, self.recorded = plan, policy, recorded
        self._heap = Heap()
        self._cores: dict[str, Core] = {}
        self._incarnation: dict[str, int] = {}
        self._absences: dict[str, list[Absence]] = {}
        self._downs: dict[str, Down] = {}
        self._now = 0
        self._delivered = 0
        self._finished: set[tuple[str, int]] = set()
        self._gone: dict[str, int] = {}
        self.record = Simulated([], [], [], [], 0, 0)
        self._tasks: dict[tuple[str, int], TaskRow] = {}
        self._stopped = ""
        self._observer: Observer | None = None
        self._observe_every = 0

    def observe(self, observer: Observer, every: int) -> None:
        """Tell ``observer`` the virtual instant and the number of finished tasks at every ``every``-th event."""
        self._observer, self._observe_every = observer, every

    def stop(self, reason: str) -> None:
        """End the run before the next event; unfinished tasks fail for ``reason``. A signal handler may call it."""
        self._stopped = reason

    def run(self) -> Simulated:
        """Deliver events in order until every task has ended and no slot is left."""
        names = [es.name for es in self.plan.system.ess] + [ue.name for ue in self.plan.system.ues]
        for fault in self.plan.faults:
            self._heap.push(fault.at_ns, Phase.FAULT, -1, 0, Entry("", -1, _Begin(fault)))
        for name in [*names, "controller"]:
            self._incarnation[name] = 0
            self._start(name, 0)
        limit = self.plan.emulation.drain_limit_ns
        end = self.plan.system.end_ns
        reason = ""
        while len(self._heap) and not (self._now >= end and self._drained()):
            at, _, entry = self._heap.pop()
            if limit >= 0 and at > end + limit:
                reason = DRAIN_LIMIT
                break
            if self._stopped:
                reason = self._stopped
                break
            self._now = at
            self._deliver(entry)
            if self._heap.busy == 0 and self._now > end:
                break
        self.record.reason = reason
        self._close(reason)
        return self.record

    def _drained(self) -> bool:
        left = len(self.plan.workload) - len(self._finished) - sum(self._gone.values())
        return left <= 0

    def _start(self, name: str, from_ns: int) -> None:
        core = self._make(name, self._incarnation[name], from_ns)
        self._cores[name] = core
        self._act(name, core.begin())

    def _make(self, name: str, incarnation: int, from_ns: int) -> Core:
        system = self.plan.system
        if name == "controller":
            return Controller(system, self.policy, incarnation, from_ns)  # type: ignore[arg-type]
        for es in system.ess:
            if es.name == name:
                return EdgeServer(system, es.index, self.plan.second_offload, incarnation, from_ns)
        ue = next(u for u in system.ues if u.name == name)
        mine = tuple(task for task in self.plan.workload if task.ue == ue.index)
        return Agent(system, ue.index, mine, incarnation, from_ns)

    def _deliver(self, entry: Entry) -> None:
        match entry.event:
            case _Begin(fault):
                self._crash(fault)
            case _Restart(fault):
                self._restart(fault)
            case _:
                self._handle(entry)

    def _handle(self, entry: Entry) -> None:
        core = self._cores.get(entry.target)
        if core is None or (entry.incarnation >= 0 and entry.incarnation != self._incarnation[entry.target]):
            return
        event = entry.event
        if isinstance(event, _Emit):
            return self._send(entry.target, event.send)
        if isinstance(event, Decision):
            event = Answered(event, self._now - event.asked_ns)
        self._delivered += 1
        if self._observer is not None and self._delivered % self._observe_every == 0:
            self._observer(self._now, len(self._finished))
        self._act(entry.target, core.handle(self._now, event))

    def _act(self, source: str, actions: list[Action]) -> None:
        mine = self._incarnation[source]
        for action in actions:
            match action:
                case Send():
                    self._send(source, action)
                case Wake(at, phase, event, ue, number):
                    self._heap.push(max(at, self._now), phase, ue, number, Entry(source, mine, event))
                case Alarm(after, event):
                    self._heap.push(self._now + after, Phase.DECIDE, 0, 0, Entry(source, mine, event))
                case Execute():
                    self._emit_at_end(source, action)
                case Record(row):
                    self._keep(row)

    def _emit_at_end(self, source: str, execute: Execute) -> None:
        send = execute.then
        if send is not None:
            entry = Entry(source, self._incarnation[source], _Emit(send))
            self._heap.push(execute.end_ns, Phase.EXEC_END, send.ue, send.number, entry)

    def _send(self, source: str, send: Send) -> None:
        if isinstance(send.body, Ask) and self.recorded is not None:
            self._repeat(send.body)
        else:
            at = max(send.at_ns, self._now)
            self._heap.push(at, send.phase, send.ue, send.number, Entry(send.to, -1, send.body))

    def _repeat(self, ask: Ask) -> None:
        if not ask.tasks or self.recorded is None:
            return
        answer = self.recorded.get((ask.ue, ask.tasks[0].number))
        if answer is not None:
            at = ask.at_ns + answer.think_ns
            event = Answered(msgspec.structs.replace(answer.decision, slot=ask.slot), answer.think_ns)
            self._heap.push(at, Phase.DECIDE, ask.tasks[0].ue, 0, Entry(ask.ue, self._incarnation[ask.ue], event))

    def _keep(self, row: object) -> None:
        if isinstance(row, TaskRow):
            key = (row.ue, row.number)
            self._tasks[key] = row
            if row.finished_ns >= 0:
                self._finished.add(key)
        elif isinstance(row, SlotRow):
            self.record.slots.append(row)
        elif isinstance(row, LinkRow):
            self.record.links.append(row)
        elif isinstance(row, EventRow):
            self.record.events.append(row)

    def _crash(self, fault: Fault) -> None:
        name = fault.name
        if self._cores.pop(name, None) is None:
            return
        incarnation = self._incarnation[name]
        self._keep(EventRow(self._now, name, "died", "fault", incarnation))
        self._absences.setdefault(name, []).append((self._now, fault.restart_ns))
        self._count_gone(name)
        down = Down(name, self._now, incarnation)
        self._downs[name] = down
        for other in list(self._cores):
            self._act(other, self._cores[other].handle(self._now, down))
        if fault.restart_ns >= 0:
            self._heap.push(fault.restart_ns, Phase.FAULT, -1, 1, Entry("", -1, _Restart(fault)))

    def _count_gone(self, name: str) -> None:
        index = next((ue.index for ue in self.plan.system.ues if ue.name == name), None)
        if index is None:
            return
        absences = self._absences[name]
        back = absences[-1][1]
        self._gone[name] = sum(
            1 for task in self.plan.workload
            if task.ue == index and (name, task.number) not in self._finished and (back < 0 or task.generated_ns < back)
        )  # fmt: skip

    def _restart(self, fault: Fault) -> None:
        name = fault.name
        self._incarnation[name] += 1
        self._downs.pop(name, None)
        up = Up(name, self._now, self._incarnation[name])
        for other in list(self._cores):
            self._act(other, self._cores[other].handle(self._now, up))
        self._start(name, self._now)
        for down in self._downs.values():
            self._act(name, self._cores[name].handle(self._now, down))
        self._keep(EventRow(self._now, name, "restarted", "fault", self._incarnation[name]))

    def _close(self, reason: str) -> None:
        plan, record = self.plan, self.record
        record.tasks = close_rows(plan.system, plan.workload, self._tasks, self._absences, self._now, reason)
        record.end_ns, record.delivered = self._now, self._delivered
