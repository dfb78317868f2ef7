"""Deaths and restarts of a running testbed: those the scenario plans, and those that just happen."""

from typing import TYPE_CHECKING

import msgspec

from testbed.model.system import LEARNER, Fault
from testbed.protocol.endings import Absence
from testbed.protocol.messages import Down, Start, Up
from testbed.protocol.rows import EventRow
from testbed.run.children import Nursery

if TYPE_CHECKING:
    from testbed.run.launch import Launcher

MARGIN_WALL_NS = 5_000_000
IDLE_MS = 100
ATTEMPTS = 5


class Return(msgspec.Struct):
    """A process on its way back: planned to serve from ``at_ns`` on; ``told`` once everybody knows."""

    name: str
    at_ns: int
    incarnation: int
    told: bool = False


class Faults:
    """Kills what is planned, notices what dies, tells everybody, brings back what shall return."""

    def __init__(self, launcher: "Launcher", nursery: Nursery) -> None:
        self._launcher, self.nursery = launcher, nursery
        self._planned = sorted(launcher.plan.faults, key=lambda fault: fault.at_ns)
        self._expected: dict[str, Fault] = {}
        self._returning: list[Return] = []
        self._downs: dict[str, Down] = {}
        self._incarnation: dict[str, int] = {}
        self.absences: dict[str, list[Absence]] = {}

    def milliseconds(self) -> int:
        """How long the launcher may sleep before a fault is due."""
        if not self._planned:
            return IDLE_MS
        left = self._planned[0].at_ns - self._launcher.clock.now_ns()
        return max(0, min(IDLE_MS, int(left / self._launcher.clock.speed / 1e6)))

    def act(self) -> None:
        """Do what is due."""
        launcher = self._launcher
        now = launcher.clock.now_ns()
        while self._planned and self._planned[0].at_ns <= now:
            fault = self._planned.pop(0)
            process = self._process_of(fault.name)
            if process in self.nursery.children:
                self._expected[process] = fault
                self.nursery.kill(process)
        for process in self.nursery.dead():
            if self.nursery.starter_died:
                return
            self._died(process, now)
        for comeback in self._returning:
            self._bring_back(comeback)
        self._returning = [comeback for comeback in self._returning if not comeback.told]

    def _process_of(self, name: str) -> str:
        return next(process for process, (_, cores) in self._launcher.processes.items() if name in cores)

    def _died(self, process: str, now_ns: int) -> None:
        launcher = self._launcher
        fault = self._expected.pop(process, None)
        at = fault.at_ns if fault is not None else now_ns
        incarnation = self._incarnation.get(process, 0)
        was_ready = self.nursery.children[process].ready
        self.nursery.forget(process)
        self.nursery.write_table()
        launcher.mailbox.disconnect(process)
        launcher.liveness.died(process, incarnation)
        cores = launcher.processes[process][1]
        for name in cores:
            why = "fault" if fault is not None else "killed"
            launcher.recorder.add([EventRow(at, name, "died", why, incarnation)])
            self.absences.setdefault(name, []).append((at, -1))
            self._downs[name] = Down(name, at, incarnation)
            self._broadcast(self._downs[name], at, name)
        back = fault.restart_ns if fault is not None else -1
        if process == LEARNER and (was_ready or incarnation < ATTEMPTS):
            back = now_ns
        if back >= 0:
            self.join(process, incarnation + 1, back)

    def join(self, process: str, incarnation: int = 0, at_ns: int = 0) -> None:
        """Start a process while the run goes on, to serve from ``at_ns`` on: a learner, or one that returns."""
        self._incarnation[process] = incarnation
        self.nursery.start(self._launcher.processes[process][0], process, incarnation)
        self._returning.append(Return(process, at_ns, incarnation))

    def _broadcast(self, body: Down | Up, at_ns: int, about: str) -> None:
        for process, (_, cores) in self._launcher.processes.items():
            if process in self.nursery.children:
                for name in cores:
                    if name != about:
                        self._launcher.tell(name, body, at_ns)

    def _bring_back(self, comeback: Return) -> None:
        """Once the new process is ready, let it serve from the planned instant, or as soon as possible."""
        launcher = self._launcher
        child = self.nursery.children.get(comeback.name)
        if child is None or child.incarnation != comeback.incarnation:
            comeback.told = True
            return
        if not child.ready:
            return
        clock = launcher.clock
        at = max(comeback.at_ns, clock.now_ns() + int(MARGIN_WALL_NS * clock.speed))
        _, cores = launcher.processes[comeback.name]
        for name in cores:
            self._downs.pop(name, None)
            if comeback.incarnation > 0:
                died, _ = self.absences[name][-1]
                self.absences[name][-1] = (died, at)
                launcher.recorder.add([EventRow(at, name, "restarted", "fault", comeback.incarnation)])
                self._broadcast(Up(name, at, comeback.incarnation), at, name)
        downs = tuple(self._downs.values())
        launcher.tell(comeback.name, Start(clock.epoch_ns, clock.speed, at, downs))
        comeback.told = True
