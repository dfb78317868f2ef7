"""A recorded run played again by its decisions and the time that each took, for the ends of its tasks alone."""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from testbed.model.queue import NO_LIMIT
from testbed.model.system import EPOCH_SLOT, SHARED, Plan
from testbed.twin import build
from testbed.twin.twin import Twin

MOST_DECISIONS = 50_000_000  # slots times UEs


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided for each task, arrays (R,): index of its UE, number, slot, choice (0 or 1), and ns it took."""

    ue: Any
    number: Any
    slot: Any
    choice: Any
    think_ns: Any


def can_repeat(plan: Plan, decided: Decided) -> bool:
    """Whether `ends_ns` computes what the simulation would: every task was decided, and within its slot."""
    system = plan.system
    if system.backhaul_cuts or system.pausing or any(ue.cuts_ns or ue.back for ue in system.ues):
        return False
    if plan.faults or system.epoch != EPOCH_SLOT or system.radio.access == SHARED:
        return False
    if any(es.queue_limit != NO_LIMIT for es in system.edge_servers):
        return False
    if any(after.cell < before.cell for before, after in zip(system.ues, system.ues[1:], strict=False)):
        return False
    if (system.slots + 1) * len(system.ues) > MOST_DECISIONS or len(decided.choice) != len(plan.workload):
        return False
    in_time = (decided.slot >= 0) & (decided.slot <= system.slots) & (decided.think_ns < system.slot_ns)
    return bool(((decided.choice >= 0) & in_time).all())


def ends_ns(plan: Plan, decided: Decided) -> NDArray[np.int64]:
    """When each task of ``plan`` ends, shape (R,), in (UE, number) order."""
    system, shape = plan.system, (plan.system.slots + 1, len(plan.system.ues))
    source = build.table(system, plan.workload)
    twin = Twin(system, source, double=plan.second_offload, capacity=max(1, len(source.rows)), recording=True)
    choices, think_ns = np.zeros(shape, np.int8), np.zeros(shape, np.int64)
    choices[decided.slot, decided.ue] = decided.choice
    think_ns[decided.slot, decided.ue] = decided.think_ns
    twin.use(None)
    twin.reset(system.seed)
    twin.repeat(choices, think_ns)
    found: NDArray[np.int64] = twin.state.outcomes[0]["finished_ns"][: len(source.rows)]
    return found
