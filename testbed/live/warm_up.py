"""What is played before a run's epoch, so that its first slot finds code, memory and connections as warm as the others.

A process that has just been forked copies every page that it touches for the first time, and loads what it needs for
the first time: without it a first answer takes ten times as long as the later ones, and first posts come late.
"""

import msgspec

from testbed.model.system import Plan
from testbed.model.task import Task
from testbed.policy import loading

REASON = "the warm-up is over"
WARM_UP_SLOTS, REST_SLOTS = 2, 1
SLOT_NS, SLOT_NS_EACH = 20_000_000, 3_000_000
WARM_UP_LOOK_MS = 5
STAND_IN = "random-do"


def plan(whole: Plan) -> Plan:
    """`WARM_UP_SLOTS` slots of ``whole``: every UE that has tasks gets one a slot, of the size of its first one.

    A strategy of the user's own is not asked, nor one that learns: what they keep in mind should be of the run alone.
    """
    system = msgspec.structs.replace(whole.system, slots=WARM_UP_SLOTS)
    tasks = []
    for own in whole.tasks_by_ue():
        for slot in range(WARM_UP_SLOTS if own else 0):
            task = Task(
                ue=own[0].ue,
                number=slot,
                generated_ns=slot * system.slot_ns,
                input_bits=own[0].input_bits,
                cycles=own[0].cycles,
                deadline_ns=own[0].deadline_ns,
            )
            tasks.append(task)
    ours = not loading.is_own(whole.policy)
    policy = whole.policy if ours and not whole.learn else STAND_IN
    return msgspec.structs.replace(whole, system=system, workload=tuple(tasks), policy=policy, faults=(), learn=False)


def slot_wall_ns(processes: int) -> int:
    """How long a slot lasts, and how long before the first one all are told: as ``processes`` that are cold need."""
    return SLOT_NS + processes * SLOT_NS_EACH


def end_ns(slot_ns: int) -> int:
    """When it is called off, in emulated time."""
    return (WARM_UP_SLOTS + REST_SLOTS) * slot_ns
