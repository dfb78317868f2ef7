"""The backends that run as fast as they can: simulation and compiled twin, which record the same rows."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from testbed.model.system import Plan
from testbed.policy.heuristics import Policy
from testbed.sim.run_log import Simulated

if TYPE_CHECKING:
    from testbed.twin.twin import Twin


def refuse(plan: Plan) -> None:
    """Raise `ScenarioError` for what the twin cannot express."""
    from testbed.twin import build

    build.refuse_faults(plan)
    build.refuse(plan.system)


def fresh_twin(plan: Plan) -> "Twin":
    """A `testbed.twin.twin.Twin` with room for all tasks of ``plan``; `ScenarioError` for what it cannot express."""
    from testbed.twin import build, twin

    refuse(plan)
    source = build.table(plan.system, plan.workload)
    return twin.Twin(plan.system, source, double=plan.second_offload, capacity=max(1, len(plan.workload)))


def by_twin(plan: Plan, policy: Policy | None, recorded: Mapping[tuple[int, int], int] | None = None) -> Simulated:
    """Run ``plan`` on the compiled twin, by ``policy`` or as ``recorded`` by (UE index, slot).

    Raises `ScenarioError` for what the twin cannot express.
    """
    from testbed.twin import run

    ran = run.run(plan, policy, recorded)
    return Simulated(
        tasks=ran.tasks,
        slots=ran.slots,
        ue_slots=ran.ue_slots,
        links=ran.links,
        events=ran.events,
        end_ns=ran.end_ns,
        delivered=0,
    )
