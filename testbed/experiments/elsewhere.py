"""What is known of a run before it is carried out elsewhere, as in containers: its processes, and that it can be."""

import msgspec

from testbed.experiments.runner import Order, policy_of
from testbed.live import payload
from testbed.model.learning import LearningPlan
from testbed.model.system import Plan


def planned_elsewhere(order: Order) -> Plan:
    """The plan of a live ``order``, whose automatic values are found where it is carried out; raises `TestbedError` for
    what would be refused there."""
    _, double = policy_of(order)
    plan = order.resolved.plan(order.workload, order.policy, second_offload=double, live=True)
    payload.refuse(plan)
    if not order.learn:
        return plan
    learns = LearningPlan(mode=order.mode, workers=order.workers, team=order.resolved.scenario.agent.team)
    return msgspec.structs.replace(plan, learn=True, learning=learns)
