"""Deaths and restarts of a running testbed: those the scenario plans, and those that just happen."""

import time
from collections import defaultdict
from pathlib import Path
from typing import Protocol

import msgspec

from testbed.live.backoff import Backoff
from testbed.live.liveness import Liveness
from testbed.live.model_faults import ModelFaults
from testbed.live.pauses import Pauses
from testbed.live.returns import Killed, Return
from testbed.live.supervisor import Supervisor
from testbed.model.delay import NEVER, NS_PER_S, S_PER_NS
from testbed.model.learning import is_learner
from testbed.model.revision import Revision
from testbed.model.system import LAUNCHER, Fault, Plan
from testbed.node.clock import Clock
from testbed.node.socket import Mailbox
from testbed.protocol.endings import Absence
from testbed.protocol.messages import Body, Down, Start, Up
from testbed.protocol.placement import Processes, listeners
from testbed.protocol.rows import (
    DEAD_ALREADY,
    DIED,
    GIVEN_UP,
    KILL,
    PAUSE,
    PAUSED,
    PLANNED,
    REQUEST_REFUSED,
    RESTART,
    RESTARTED,
    RESUME,
    EventRow,
)
from testbed.record.fault_requests import LIFT, FaultRequest, FaultRequests
from testbed.record.writer import Recorder
from testbed.scenario.fault_kinds import FAULT_KINDS

MARGIN_WALL_NS = 5_000_000
FAULT_IDLE_MS = 100


class Launches(Protocol):
    """What faults need of whoever launches the run."""

    plan: Plan
    run_dir: Path
    clock: Clock
    processes: Processes
    mailbox: Mailbox
    liveness: Liveness
    recorder: Recorder

    def tell(self, name: str, body: Body, at_ns: int = 0) -> None:
        """Send a notice to the process, or to the process of the core, ``name``."""

    def log_tail(self, name: str) -> str:
        """The last line of a process's log, and where it is."""

    def is_ready(self, name: str, incarnation: int) -> bool:
        """Whether the process ``name`` lives in that incarnation, and has said that it is ready."""

    def write_table(self) -> None:
        """Keep ``processes.json`` true."""

    def follow(self, plan: Plan, revision: Revision) -> None:
        """Tell every process that ``plan`` is played from now on, by what of it changes."""


class Faults:
    """Kills what is planned or asked for, notices what dies, tells everybody, brings back what shall return.

    A death is recorded when it happened, or, if nobody here caused it, when it was noticed; never earlier than it was.
    What was planned for another instant is recorded beside it.
    """

    def __init__(self, launcher: Launches, supervisor: Supervisor) -> None:
        self._launcher, self.supervisor = launcher, supervisor
        self._planned = sorted(launcher.plan.faults, key=lambda fault: fault.at_ns)
        self._killed: dict[str, Killed] = {}
        self._returning: list[Return] = []
        self._downs: dict[str, Down] = {}
        self._incarnation: dict[str, int] = {}
        self._backoffs: defaultdict[str, Backoff] = defaultdict(Backoff)
        self._requests = FaultRequests(launcher.run_dir)
        self._pauses = Pauses(supervisor, self._note_pause)
        self._model = ModelFaults(launcher, self._pauses, self._is_alive)
        self._born_ns: dict[str, int] = {}
        self.absences: dict[str, list[Absence]] = {}

    def milliseconds(self) -> int:
        """How long the launcher may sleep before a fault is due."""
        now = self._launcher.clock.now_ns()
        planned_ns = self._planned[0].at_ns if self._planned else NEVER
        telling = [comeback.telling_ns(self._launcher.clock.speed) for comeback in self._returning]
        told_ns = min((at for at in telling if at > now), default=NEVER)
        due = min(planned_ns, self._pauses.due_ns(), told_ns)
        if due == NEVER:
            return FAULT_IDLE_MS
        left = due - now
        return max(0, min(FAULT_IDLE_MS, int(left / self._launcher.clock.speed / 1e6)))

    def act(self) -> None:
        """Do what is due."""
        while self._planned and self._planned[0].at_ns <= self._launcher.clock.now_ns():
            self._kill(self._planned.pop(0))
        self._model.act(self._launcher.clock.now_ns())
        self._pauses.act(self._launcher.clock.now_ns())
        for request in self._requests.new():
            why = self._grant(request)
            if why:
                what = f"{request.do} {request.name}" if isinstance(request, FaultRequest) else repr(request)
                self._note(EventRow(self._launcher.clock.now_ns(), LAUNCHER, REQUEST_REFUSED, f"{what}: {why}"))
        for process in self.supervisor.dead():
            if self.supervisor.failed():
                return
            self._died(process)
        for process in self.supervisor.returned():
            if process not in self.supervisor.table() and not self._is_awaited(process):
                self._await(process, self._incarnation.get(process, 0) + 1, self._launcher.clock.now_ns())
        for comeback in self._returning:
            self._bring_back(comeback)
        self._returning = [comeback for comeback in self._returning if not comeback.told]

    def _kill(self, fault: Fault) -> None:
        process = self._process_of(fault.name)
        if not self._is_alive(process):
            return self._note(EventRow(fault.at_ns, fault.name, PLANNED, DEAD_ALREADY))
        self.supervisor.kill(process)
        self._killed[process] = Killed(fault, self._launcher.clock.now_ns(), fault.restart_ns)

    def _grant(self, request: FaultRequest | str) -> str:
        """Do what is asked for now; returns why not, or ""."""
        if isinstance(request, str):
            return 'a request is like {"do": "kill", "name": "es-1"}'
        if request.do != PAUSE and request.do in (LIFT, *FAULT_KINDS):
            return self._model.change(request)
        if not any(request.name in cores for _, cores in self._launcher.processes.values()):
            return "nothing of that name runs here"
        process, now = self._process_of(request.name), self._launcher.clock.now_ns()
        until = now + round(request.for_s * NS_PER_S) if request.for_s else NEVER
        if request.do == RESTART:
            return self._grant_return(process, now)
        if request.do not in (KILL, PAUSE, RESUME):
            return f"what can be asked for is kill, restart, resume, {', '.join(FAULT_KINDS)} and lift"
        if not self._is_alive(process) or self._is_awaited(process) or now < self._back_ns(process):
            return "it is down"
        if request.do == KILL:
            self.supervisor.kill(process)
            self._killed[process] = Killed(None, now, until if request.for_s else -1)
        elif request.do == PAUSE:
            if process in self._pauses or self._model.stands_still(request.name):
                return "it stands still already"
            self._pause(request, process, until)
        elif self._model.stands_still(request.name):
            return self._model.resume(request.name)
        elif process in self._pauses:
            self._pauses.end(process)
        else:
            return "it does not stand still"
        return ""

    def _pause(self, request: FaultRequest, process: str, until_ns: int) -> None:
        """As the model has it, where it can; the controller, and processes of several cores, just stand still."""
        if not self._model.can_pause(request.name) or self._model.change(request):
            self._pauses.begin(process, until_ns)

    def _is_alive(self, process: str) -> bool:
        return process in self.supervisor.table() and process not in self._killed

    def _grant_return(self, process: str, now_ns: int) -> str:
        killed, comeback = self._killed.get(process), self._awaited(process)
        if killed is not None:
            self._killed[process] = msgspec.structs.replace(killed, restart_ns=now_ns)
        elif comeback is not None:
            comeback.at_ns, comeback.planned = min(comeback.at_ns, now_ns), False
        elif now_ns < self._back_ns(process):
            return f"it is back at {self._back_ns(process) * S_PER_NS:.3f} s"
        elif process in self.supervisor.table():
            return "it is up"
        else:
            self._await(process, self._incarnation.get(process, 0) + 1, now_ns)
        return ""

    def end_pauses(self) -> None:
        """Let everything go on: the run ends."""
        self._pauses.end_all()

    def _back_ns(self, process: str) -> int:
        """When what died last of a process serves again, as everybody was told; -1 if nobody was."""
        cores = self._launcher.processes[process][1]
        return max((self.absences[name][-1][1] for name in cores if name in self.absences), default=-1)

    def _note_pause(self, process: str, kind: str) -> None:
        at = self._launcher.clock.now_ns()
        if kind == PAUSED:
            self._launcher.liveness.excuse(process)
        else:
            self._launcher.liveness.expect(process)
        for name in self._launcher.processes[process][1]:
            self._note(EventRow(at, name, kind, "asked for"))

    def _is_awaited(self, process: str) -> bool:
        return self._awaited(process) is not None

    def _awaited(self, process: str) -> Return | None:
        return next((comeback for comeback in self._returning if comeback.name == process), None)

    def _process_of(self, name: str) -> str:
        return next(process for process, (_, cores) in self._launcher.processes.items() if name in cores)

    def _note(self, row: EventRow) -> None:
        self._launcher.recorder.add([row])

    def _died(self, process: str) -> None:
        launcher, killed = self._launcher, self._killed.pop(process, None)
        at = launcher.clock.now_ns() if killed is None else killed.at_ns
        incarnation = self._incarnation.get(process, 0)
        self.supervisor.forget(process)
        self._pauses.forget(process)
        launcher.write_table()
        launcher.mailbox.disconnect(process)
        launcher.liveness.died(process, incarnation)
        why = "fault" if killed is not None else "crashed" if self.supervisor.crashed(process) else "killed"
        for name in launcher.processes[process][1]:
            self._note(EventRow(at, name, DIED, why, incarnation))
            self.absences.setdefault(name, []).append((at, -1))
            self._downs[name] = Down(name, at, incarnation)
            self._broadcast(self._downs[name], at, name)
        fault = killed.fault if killed is not None else None
        if fault is not None:
            self._note(EventRow(fault.at_ns, fault.name, PLANNED, KILL, (at - fault.at_ns) * S_PER_NS))
        if is_learner(process):
            self._try_again(process, incarnation + 1, at)
        elif killed is not None and killed.restart_ns >= 0:
            self._await(process, incarnation + 1, killed.restart_ns, planned=fault is not None)

    def _try_again(self, process: str, incarnation: int, at_ns: int) -> None:
        """A learner is started again, unless it keeps dying."""
        now, backoff = time.monotonic_ns(), self._backoffs[process]
        wait = backoff.after_ns(now - self._born_ns.get(process, now))
        if wait is None:
            words = self._launcher.log_tail(process)
            return self._note(EventRow(at_ns, process, GIVEN_UP, words, backoff.deaths))
        self._await(process, incarnation, at_ns, start_ns=now + wait)

    def join(self, process: str) -> None:
        """Start a process while the run goes on, to serve as soon as it can: a learner."""
        self._await(process, 0, 0)

    def _await(self, process: str, incarnation: int, at_ns: int, start_ns: int = 0, *, planned: bool = False) -> None:
        comeback = Return(name=process, at_ns=at_ns, incarnation=incarnation, start_ns=start_ns, planned=planned)
        self._returning.append(comeback)
        self._bring_back(comeback)

    def _broadcast(self, body: Down | Up, at_ns: int, about: str) -> None:
        for process, hosted in self._launcher.processes.items():
            if process in self.supervisor.table():
                for name in listeners(process, hosted):
                    if name != about:
                        self._launcher.tell(name, body, at_ns)

    def _is_up(self, comeback: Return) -> bool:
        """Whether the new process is ready; it is started when it is time to."""
        process = comeback.name
        if not comeback.started:
            if time.monotonic_ns() < comeback.start_ns:
                return False
            comeback.started = True
            self._incarnation[process] = comeback.incarnation
            self._born_ns[process] = time.monotonic_ns()
            self.supervisor.start(self._launcher.processes[process][0], process, comeback.incarnation)
        return self._launcher.is_ready(process, comeback.incarnation)

    def _bring_back(self, comeback: Return) -> None:
        """Once the new process is ready, let it serve from the planned instant, or as soon as possible."""
        if comeback.told:
            return
        if not self._is_up(comeback):
            child = self.supervisor.table().get(comeback.name)
            gone = child is None or child.incarnation != comeback.incarnation
            comeback.told = comeback.started and gone
            return
        launcher = self._launcher
        clock = launcher.clock
        if clock.now_ns() < comeback.telling_ns(clock.speed):
            return
        at = max(comeback.at_ns, clock.now_ns() + int(MARGIN_WALL_NS * clock.speed))
        for name in launcher.processes[comeback.name][1]:
            self._downs.pop(name, None)
            if comeback.incarnation > 0:
                died, _ = self.absences[name][-1]
                self.absences[name][-1] = (died, at)
                self._note(EventRow(at, name, RESTARTED, "fault", comeback.incarnation))
                if comeback.planned:
                    self._note(EventRow(comeback.at_ns, name, PLANNED, RESTART, (at - comeback.at_ns) * S_PER_NS))
                self._broadcast(Up(name, at, comeback.incarnation), at, name)
        downs = tuple(self._downs.values())
        epoch_ns = clock.epoch_ns + self.supervisor.ahead_ns(comeback.name)
        launcher.tell(comeback.name, Start(epoch_ns, clock.speed, at, downs))
        comeback.told = True
