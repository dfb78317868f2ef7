"""A task, the ways it can end, and the order of events at one instant."""

from enum import IntEnum

import msgspec


class Phase(IntEnum):
    """Rank of events that share an instant; then come UE index and task number."""

    FAULT = 0
    EXEC_END = 1
    ARRIVAL = 2
    ANNOUNCE = 3
    GENERATE = 4
    DECIDE = 5
    START = 6


class Task(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """One row of a workload: ``ue`` is the global UE index, ``number`` counts that UE's tasks from 0."""

    ue: int
    number: int
    generated_ns: int
    input_bits: int
    cycles: int
    deadline_ns: int


LOCAL, OFFLOAD, UNDECIDED = 0, 1, -1
COMPLETED, LATE, FAILED, DECIDED = "completed", "late", "failed", "decided"
UE_DIED, DRAIN_LIMIT, INTERRUPTED = "ue died", "drain limit", "interrupted"
STARTER_DIED = "the process starter died"
NEVER_BEGAN_NS = -1
