"""Whether messages can carry a live run: a task's input data travels in one, and so do all tasks of a slot."""

from collections import Counter

from testbed.model.errors import ScenarioError
from testbed.model.system import REAL, Plan
from testbed.protocol.codec import MAX_LONG_HEADER, MAX_PAYLOAD, MAX_PAYLOAD_BITS
from testbed.scenario import units

DECLARE = "--set emulation.payload=declared"
FEWER = "take shorter slots, a lower density or smaller cells"
TASK_BYTES, UE_BYTES = 64, 512  # the most in messages: of a task, and of what a learner is told of a UE's decision


def oversized(plan: Plan) -> str:
    """What is said of the first task whose data does not fit in a message; "" if all do, or only declare their size."""
    if plan.emulation.payload != REAL:
        return ""
    large = next((task for task in plan.workload if task.input_bits > MAX_PAYLOAD_BITS), None)
    if large is None:
        return ""
    name, size = plan.system.ues[large.ue].name, units.human(large.input_bits, "data")
    most = f"{MAX_PAYLOAD // 2**20} MiB ({units.human(MAX_PAYLOAD_BITS, 'data')})"
    return f"task {large.number} of {name} has {size} of input, and real payload may have {most}"


def crowded(plan: Plan) -> str:
    """What is said of the first slot whose tasks do not fit in a message; "" if those of every slot do.

    A UE asks about its tasks of a slot at once. A learner is told of a whole cell's, and of the decisions about them.
    """
    system = plan.system
    at_once = Counter((task.ue, system.asked_ns(task)) for task in plan.workload)
    most = MAX_LONG_HEADER // TASK_BYTES
    (ue, at_ns), tasks = max(at_once.items(), key=lambda item: item[1], default=((0, 0), 0))
    if tasks > most:
        slot = f"{tasks:,} tasks in the slot before {at_ns * 1e-9:g} s"
        return f"{system.ues[ue].name} has {slot}, and a live run can ask about {most:,} at once"
    if not plan.learn:
        return ""
    by_cell = Counter((system.ues[task.ue].cell, system.asked_ns(task)) for task in plan.workload)
    of_cell = Counter({cell: count for (cell, _), count in sorted(by_cell.items(), key=lambda item: item[1])})
    for es, ues in zip(system.edge_servers, system.ues_by_cell(), strict=True):
        if TASK_BYTES * of_cell[es.index] + UE_BYTES * len(ues) > MAX_LONG_HEADER:
            return (
                f"the {len(ues):,} UEs of {es.name} have {of_cell[es.index]:,} tasks in a slot, too many to learn from"
            )
    return ""


def refuse(plan: Plan) -> None:
    """Raise `ScenarioError` before a live run whose messages could not be sent; simulation and twin send none."""
    if why := crowded(plan):
        raise ScenarioError(why, remedy=FEWER)
    if why := oversized(plan):
        raise ScenarioError(why, remedy=f"{DECLARE} sends the size alone, with the same delays")
