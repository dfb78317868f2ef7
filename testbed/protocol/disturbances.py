"""What a record tells of planned faults that kill nobody (pure)."""

from testbed.model.system import Plan
from testbed.protocol.rows import FAULT_BEGAN, FAULT_OVER, EventRow


def disturbance_events(plan: Plan) -> list[EventRow]:
    """The beginning and the end of each of the plan's disturbances, by instant; an end comes before a beginning."""
    events = []
    for one in plan.disturbances:
        events.append((one.at_ns, 1, EventRow(one.at_ns, one.target, FAULT_BEGAN, one.what)))
        if one.until_ns >= 0:
            events.append((one.until_ns, 0, EventRow(one.until_ns, one.target, FAULT_OVER, one.what)))
    return [row for _, _, row in sorted(events, key=lambda each: each[:2])]
