"""Whether a live run can carry its tasks' input data: a task travels in one message, of limited size."""

from testbed.model.errors import ScenarioError
from testbed.model.system import REAL, Plan
from testbed.protocol.codec import MAX_PAYLOAD, MAX_PAYLOAD_BITS
from testbed.scenario import units

DECLARE = "--set emulation.payload=declared"


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


def refuse(plan: Plan) -> None:
    """Raise `ScenarioError` before a live run whose data could not be sent; simulation and twin send none."""
    if why := oversized(plan):
        raise ScenarioError(why, remedy=f"{DECLARE} sends the size alone, with the same delays")
