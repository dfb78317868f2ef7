"""From a policy as it is named to the one that acts in a run: who plans needs to know the run's system."""

from collections.abc import Callable

from testbed.model.system import Plan
from testbed.policy.heuristics import Policy
from testbed.policy.planned import Planned, regional


def acting(plan: Plan, policy: Policy | None, clock: Callable[[], int] | None = None) -> Policy | None:
    """``policy`` as it acts in a run of ``plan``; a planner looks at ``clock``, in ns, to end in time.

    Without a clock it plans for as long as its time usually is enough for. With one, a network that decides all cells
    together does so in compiled code. What that needs is imported only for them.
    """
    if isinstance(policy, Planned):
        from testbed.planning.planner import Planner

        return Planner(plan, policy, clock)
    together = regional(policy)
    if clock is None or together is None:
        return policy
    from testbed.planning.answering import answering

    return answering(plan.system, together)
