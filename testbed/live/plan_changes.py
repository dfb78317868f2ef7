"""The plan of a run that goes on, changed by faults that somebody asks for: the model's, whatever the process."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from testbed.model.errors import InvalidError, ScenarioError, TestbedError
from testbed.model.revision import Revision, difference
from testbed.model.system import Plan, System
from testbed.model.task import Task
from testbed.node.clock import Clock
from testbed.record import directory
from testbed.record.fault_requests import LIFT
from testbed.record.files import keep
from testbed.scenario import by_hand
from testbed.scenario.dump import dump_resolved
from testbed.scenario.fault_schema import FaultSection
from testbed.scenario.load import load_scenario
from testbed.scenario.overload import is_overload
from testbed.scenario.resolve import Resolved
from testbed.scenario.schema import Scenario
from testbed.scenario.workload import write_csv
from testbed.trace import inputs

TOLD_AHEAD_WALL_NS = 150_000_000
_SPARE_WALL_NS, _TRIES = 100_000_000, 6
ROUND_NS = 1_000_000


class PlanChange(msgspec.Struct, frozen=True, kw_only=True):
    """What a run plays from now on, what of it changes, and the scenario that says so."""

    plan: Plan
    revision: Revision
    resolved: Resolved


class PlanChanges:
    """Works out what a run plays from the instant of a fault on that is asked for; its scenario is in ``run_dir``."""

    def __init__(self, run_dir: Path, clock: Callable[[], Clock]) -> None:
        self._run_dir, self._clock = run_dir, clock
        self._resolved: Resolved | None = None

    def asked(self, plan: Plan, do: str, text: str, for_ns: int) -> PlanChange:
        """What becomes of ``plan`` by a fault of the kind ``do``, or if what is called so is lifted.

        It begins so late that everybody can be told before. Raises `InvalidError`.
        """
        before = self._base(plan)
        ahead_ns = TOLD_AHEAD_WALL_NS
        for _ in range(_TRIES):
            clock = self._clock()
            at_ns = -(-(clock.now_ns() + int(ahead_ns * clock.speed)) // ROUND_NS) * ROUND_NS
            if at_ns >= plan.system.end_ns and do != LIFT:
                raise InvalidError("the last slot is over, the run only drains", "lift what lasts, or give more slots")
            changed = self._changed(plan, before, do, text, at_ns, for_ns)
            if clock.now_ns() + _SPARE_WALL_NS * clock.speed <= at_ns:
                self._resolved = changed.resolved
                return changed
            ahead_ns *= 2
        raise InvalidError("this host is too busy to tell everybody in time", "try again")

    def keep(self, changed: PlanChange) -> None:
        """Write the inputs of the run as they are now, where a replay finds them. Raises `StartError`."""
        path = self._run_dir / directory.SCENARIO
        lines = path.read_text(encoding="utf-8").splitlines()
        header = "\n".join(line.removeprefix("# ") for line in lines if line.startswith("# "))
        keep(path, dump_resolved(changed.resolved, header).encode())
        if changed.revision.generating:
            write_csv(self._run_dir / directory.WORKLOAD, changed.plan.workload, changed.plan.system)

    def _base(self, plan: Plan) -> Resolved:
        """The scenario that ``plan`` was made of."""
        if self._resolved is None:
            try:
                resolved = inputs.resolve(load_scenario(str(self._run_dir / directory.SCENARIO)))
            except TestbedError as error:
                raise InvalidError(f"the scenario of the run cannot be read: {error.message}", error.remedy) from None
            if _as_played(resolved.system, plan.system) != plan.system:
                raise InvalidError("the scenario in the run's folder is not what it plays", "leave that file alone")
            self._resolved = resolved
        return self._resolved

    def _changed(self, plan: Plan, before: Resolved, do: str, text: str, at_ns: int, for_ns: int) -> PlanChange:
        try:
            resolved = inputs.resolve(_scenario(before.scenario, do, text, at_ns, for_ns))
            workload = plan.workload
            if _overloads(resolved) != _overloads(before):
                workload = tuple(_drawn(plan, before, resolved))
        except ScenarioError as error:
            raise InvalidError(error.message, error.remedy) from None
        system = _as_played(resolved.system, plan.system)
        new = msgspec.structs.replace(plan, system=system, workload=workload, disturbances=resolved.disturbances)
        return PlanChange(plan=new, revision=difference(plan, new), resolved=resolved)


def _as_played(resolved: System, played: System) -> System:
    """The system of a scenario, with what the run of ``played`` adds to it."""
    return msgspec.structs.replace(resolved, closed_loop=played.closed_loop, chosen_target=played.chosen_target)


def _scenario(scenario: Scenario, do: str, text: str, at_ns: int, for_ns: int) -> Scenario:
    if do == LIFT:
        return by_hand.lifted(scenario, text, at_ns)
    return by_hand.asked_for(scenario, do, text, at_ns, for_ns)


def _overloads(resolved: Resolved) -> list[FaultSection]:
    return [fault for fault in resolved.scenario.faults if is_overload(fault)]


def _drawn(plan: Plan, before: Resolved, after: Resolved) -> Sequence[Task]:
    """The tasks of a run whose overloads are others from now on. Raises `InvalidError` where they are not drawn."""
    if plan.learn:
        why = "learners check what they are told against the workload that they began with, which an overload changes"
        raise InvalidError(why, "plan the overload in the scenario, or ask in a run that does not learn")
    if list(inputs.generate(before.scenario, before.system)) != list(plan.workload):
        why = "its tasks are recorded ones: an overload multiplies the density of draws, and there are none"
        raise InvalidError(why, "play a scenario without workload.trace, or put the burst into the recorded workload")
    return inputs.generate(after.scenario, after.system)
