"""The backends that run as fast as they can: simulation and compiled twin, which record the same rows."""

import functools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from testbed.analysis import comparison, figures
from testbed.analysis.comparison import Sample
from testbed.model.system import Plan, System
from testbed.model.task import Task
from testbed.planning.acting import acting
from testbed.policy.heuristics import Policy
from testbed.sim.run_log import Simulated

if TYPE_CHECKING:
    from testbed.twin.build import Source
    from testbed.twin.twin import Twin


def refuse(plan: Plan) -> None:
    """Raise `ScenarioError` for what the twin cannot express."""
    from testbed.twin import refusals

    refusals.refuse_faults(plan)
    refusals.refuse(plan.system)


def fresh_twin(plan: Plan) -> "Twin":
    """A `testbed.twin.twin.Twin` with room for all tasks of ``plan``; `ScenarioError` for what it cannot express."""
    from testbed.twin import build, twin

    refuse(plan)
    source = build.table(plan.system, plan.workload)
    return twin.Twin(plan.system, source, double=plan.second_offload, capacity=max(1, len(plan.workload)))


def sample_by_twin(plan: Plan, policy: Policy) -> Sample | None:
    """The sample of ``plan`` on the compiled twin, as of the rows of `by_twin`, which are not made for it.

    None for a policy that is not compiled. Raises `ScenarioError` for what the twin cannot express.
    """
    from testbed.twin import run

    if not run.is_compiled(policy, plan.system):
        return None
    system = plan.system
    outcomes = run.outcomes(plan, policy, _table(system, plan.workload))
    delay_ns, count = outcomes.finished_ns - outcomes.generated_ns, len(plan.workload)
    return comparison.sample_of(
        figures.seconds(delay_ns),
        outcomes.overhead,
        outcomes.energy_j,
        deadline_hit_rate=int((delay_ns <= outcomes.deadline_ns).sum()) / count if count else math.nan,
        stable=figures.stable_spans(outcomes.generated_ns, outcomes.finished_ns, system, count),
    )


@functools.lru_cache(maxsize=1)
def _table(system: System, workload: Sequence[Task]) -> "Source":
    """The tasks as the twin takes them; several strategies play the same, one after another."""
    from testbed.twin import build

    return build.table(system, workload)


def by_twin(plan: Plan, policy: Policy | None, recorded: Mapping[tuple[int, int], int] | None = None) -> Simulated:
    """Run ``plan`` on the compiled twin, by ``policy`` or as ``recorded`` by (UE index, slot).

    Raises `ScenarioError` for what the twin cannot express.
    """
    from testbed.twin import run

    ran = run.run(plan, acting(plan, policy), recorded)
    return Simulated(
        tasks=ran.tasks,
        slots=ran.slots,
        ue_slots=ran.ue_slots,
        links=ran.links,
        events=ran.events,
        end_ns=ran.end_ns,
        delivered=0,
    )
