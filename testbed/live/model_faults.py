"""Faults of the model in a run on processes: told of when they begin and end, asked for meanwhile, and where somebody
stands still, its process really stopped."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from testbed.live.pauses import Pauses
from testbed.live.plan_changes import PlanChanges
from testbed.model.delay import NS_PER_S
from testbed.model.errors import InvalidError
from testbed.model.revision import Revision
from testbed.model.system import LAUNCHER, Disturbance, Plan
from testbed.model.task import NEVER_BEGAN_NS
from testbed.node.clock import Clock
from testbed.protocol.disturbances import disturbance_events
from testbed.protocol.placement import Processes
from testbed.protocol.rows import FAULT_ASKED, FAULT_OVER, PAUSE, EventRow
from testbed.record.fault_requests import LIFT, FaultRequest
from testbed.record.writer import Recorder

AWAKE_WALL_NS = 20_000_000


class Plays(Protocol):
    """What is needed of whoever launches the run."""

    plan: Plan
    run_dir: Path
    clock: Clock
    processes: Processes
    recorder: Recorder

    def follow(self, plan: Plan, revision: Revision) -> None:
        """Tell every process that ``plan`` is played from now on, by what of it changes."""


class ModelFaults:
    """What everybody knows beforehand; ``is_up`` tells of a process, ``pauses`` stops and continues it."""

    def __init__(self, launcher: Plays, pauses: Pauses, is_up: Callable[[str], bool]) -> None:
        self._launcher, self._pauses, self._is_up = launcher, pauses, is_up
        self._changes = PlanChanges(launcher.run_dir, lambda: launcher.clock)
        self._events = disturbance_events(launcher.plan)
        self._still = _pauses_of(launcher.plan)
        self._told_ns = NEVER_BEGAN_NS

    def act(self, now_ns: int) -> None:
        """Tell of what begins and ends, and stop what is to stand still."""
        self._told_ns = now_ns
        while self._events and self._events[0].at_ns <= now_ns:
            self._launcher.recorder.add([self._events.pop(0)])
        for one in [one for one in self._still if one.at_ns <= now_ns]:
            self._stop(one, now_ns)

    def _stop(self, one: Disturbance, now_ns: int) -> None:
        """Stop a process until shortly before it acts again: its events come after that, so it is punctual then."""
        until_ns = one.until_ns - int(AWAKE_WALL_NS * self._launcher.clock.speed)
        process = self._process_of(one.target)
        if now_ns >= until_ns:
            self._still.remove(one)
        elif process and self._is_up(process) and process not in self._pauses:
            self._pauses.begin(process, until_ns)

    def _process_of(self, name: str) -> str:
        """The process that plays the core ``name`` and no other; "" if there is none."""
        processes = self._launcher.processes.items()
        return next((process for process, (_, cores) in processes if tuple(cores) == (name,)), "")

    def can_pause(self, name: str) -> bool:
        """Whether that the core ``name`` stands still can be part of the model."""
        system = self._launcher.plan.system
        known = {ue.name for ue in system.ues} | {es.name for es in system.edge_servers}
        return name in known and self._process_of(name) != ""

    def stands_still(self, name: str) -> bool:
        """Whether the core ``name`` stands still at present, as everybody knows."""
        now = self._launcher.clock.now_ns()
        return any(one.target == name and one.at_ns <= now < one.until_ns for one in _pauses_of(self._launcher.plan))

    def resume(self, name: str) -> str:
        """Let what stands still go on; returns why not, or ""."""
        return self.change(FaultRequest(LIFT, f"{PAUSE} {name}"))

    def change(self, request: FaultRequest) -> str:
        """A fault that everybody is told before it begins, or ends; returns why not, or ""."""
        launcher = self._launcher
        since_ns = launcher.clock.now_ns()
        for_ns = round(request.for_s * NS_PER_S) if request.for_s else -1
        try:
            changed = self._changes.asked(launcher.plan, request.do, request.name, for_ns)
        except InvalidError as error:
            return f"{error.message}: {error.remedy}" if error.remedy else error.message
        before = launcher.plan.disturbances
        asked = EventRow(launcher.clock.now_ns(), LAUNCHER, FAULT_ASKED, f"{request.do} {request.name}")
        launcher.follow(changed.plan, changed.revision)
        self._changes.keep(changed)
        launcher.recorder.add([asked])
        now = launcher.clock.now_ns()
        kept = changed.plan.disturbances
        begun = [one for one in before if one.at_ns <= self._told_ns and not 0 <= one.until_ns <= self._told_ns]
        gone = [one for one in begun if not any((one.at_ns, one.what) == (other.at_ns, other.what) for other in kept)]
        launcher.recorder.add([EventRow(now, one.target, FAULT_OVER, one.what) for one in gone])
        self._events = [row for row in disturbance_events(changed.plan) if row.at_ns > self._told_ns]
        self._still = _pauses_of(changed.plan)
        for one in self._still:
            process = self._process_of(one.target)
            if process in self._pauses and one.at_ns <= now and since_ns < one.until_ns:
                self._pauses.begin(process, one.until_ns - int(AWAKE_WALL_NS * launcher.clock.speed))
        return ""


def _pauses_of(plan: Plan) -> list[Disturbance]:
    return [one for one in plan.disturbances if one.what == f"{PAUSE} {one.target}"]
