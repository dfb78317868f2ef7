"""Telemetry rows: what the recorder stores. Instants are emulated nanoseconds, -1 where one never came."""

from collections.abc import Iterable
from typing import Any

import msgspec

from testbed.model.system import Ue
from testbed.model.task import Task


class TaskRow(msgspec.Struct, frozen=True, gc=False, array_like=True, tag="task", kw_only=True):
    """One task of the record; -1 where an instant never came. Parts of the breakdown sum to the measured delay."""

    ue: str
    number: int
    cell: int
    generated_ns: int
    input_bits: int
    cycles: int
    deadline_ns: int
    state: str
    reason: str = ""
    slot: int = -1
    asked_ns: int = -1
    think_ns: int = 0
    choice: int = -1
    version: int = 0
    log_probability: float = 0.0
    fallback: str = ""
    es: str = ""
    forwarded: bool = False
    rejected: bool = False
    recovered: bool = False
    attempts: int = 0
    ready_ns: int = -1
    tx_start_ns: int = -1
    tx_end_ns: int = -1
    arrival_ns: int = -1
    es_arrival_ns: int = -1
    reentry_ns: int = -1
    start_ns: int = -1
    end_ns: int = -1
    finished_ns: int = -1
    measured_ns: int = -1
    energy_j: float = 0.0
    energy_measured_j: float = 0.0
    overhead: float = 0.0
    slot_wait_ns: int = 0
    decision_ns: int = 0
    radio_wait_ns: int = 0
    airtime_ns: int = 0
    latency_ns: int = 0
    backhaul_ns: int = 0
    es_wait_ns: int = 0
    execution_ns: int = 0
    return_ns: int = 0
    recovery_ns: int = 0
    local_wait_ns: int = 0
    local_execution_ns: int = 0
    emulation_ns: int = 0


def identity(ue: Ue, task: Task) -> dict[str, Any]:
    """The fields of a `TaskRow` that say which task it is, known before anything happens to it."""
    return {
        "ue": ue.name,
        "number": task.number,
        "cell": ue.cell + 1,
        "generated_ns": task.generated_ns,
        "input_bits": task.input_bits,
        "cycles": task.cycles,
        "deadline_ns": task.deadline_ns,
    }


def rows_by_task(rows: Iterable[TaskRow]) -> dict[tuple[str, int], TaskRow]:
    """The rows by UE and number, which is what tells tasks apart; of several rows of a task the last one counts."""
    return {(row.ue, row.number): row for row in rows}


def ended_ns(row: TaskRow) -> int:
    """When an ended task really ended, in ns; one that did not finish, when it was last heard of."""
    return row.generated_ns + row.measured_ns if row.measured_ns >= 0 else max(row.generated_ns, row.ready_ns)


class SlotRow(msgspec.Struct, frozen=True, gc=False, array_like=True, tag="slot", kw_only=True):
    """One ES at one slot boundary: the announcement, waiting tasks, and busy core-ns since the boundary before."""

    es: str
    slot: int
    at_ns: int
    backlog_ns: int
    waiting: int
    own_cycles: int
    forwarded_cycles: int
    air_cycles: int
    busy_ns: int
    over_threshold: bool


class UeSlotRow(msgspec.Struct, frozen=True, gc=False, array_like=True, tag="ue_slot", kw_only=True):
    """One UE at one slot boundary, before it asks: its local queue, its radio, its tasks. None while it is dead."""

    ue: str
    slot: int
    at_ns: int
    queue_ns: int
    radio_wait_ns: int
    present: int
    undecided: int


class RewardRow(msgspec.Struct, frozen=True, gc=False, array_like=True, tag="reward", kw_only=True):
    """What one cell earned in one slot that saw any task, by the scenario's reward; written at the end.

    Only tasks that finished count, but for ``decided`` and ``offloaded``.
    """

    cell: int
    slot: int
    at_ns: int
    reward: float
    stay_ns: int
    energy_j: float
    decided: int
    offloaded: int


class LinkRow(msgspec.Struct, frozen=True, gc=False, array_like=True, tag="link", kw_only=True):
    """One transmission: over the uplink (``link`` = the UE) or the backhaul (``link`` = the sending ES)."""

    link: str
    to: str
    ue: str
    number: int
    bits: int
    attempts: int
    ready_ns: int
    start_ns: int
    end_ns: int
    arrival_ns: int


class UpdateRow(msgspec.Struct, frozen=True, gc=False, array_like=True, tag="update", kw_only=True):
    """How far a learner is, about once a second, a row for each that a run has: its last update, its ``updates`` so far
    and a second, and by how many versions the policy that made its decisions was behind."""

    at_ns: int
    learner: str
    version: int
    loss: float
    entropy: float
    reward: float
    updates: int
    lag: float
    rate: float


class EventRow(msgspec.Struct, frozen=True, gc=False, array_like=True, tag="event"):
    """Something that happened to a process: ready, died, restarted, dropped_frame, slipped, burn, lateness, …"""

    at_ns: int
    source: str
    kind: str
    detail: str = ""
    value: float = 0.0


POLICY_ERROR = "policy_error"
DIED, RESTARTED, PLANNED, GIVEN_UP = "died", "restarted", "planned", "given_up"
REQUEST_REFUSED = "refused"
FAULT_BEGAN, FAULT_OVER, FAULT_ASKED = "fault_began", "fault_over", "fault_asked"
PAUSED, RESUMED = "paused", "resumed"
RETRIED, HEDGED, IN_VAIN = "retried", "hedged", "in_vain"
BREAKER_OPENED, BREAKER_CLOSED = "breaker_opened", "breaker_closed"
LEARNING_PAUSED, LEARNING_RESUMED = "learning_paused", "learning_resumed"
FELL_BACK = "fell_back"
KILL, RESTART, PAUSE, RESUME, DEAD_ALREADY = "kill", "restart", "pause", "resume", "kill: was dead already"
CLOCK, CPU_LIMITS = "clock", "limits"
SUSPENDED, CLOCK_SET = "suspended", "clock_set"
SILENT, HEARD, UNSENT, DROPPED_FRAME, STALE = "silent", "heard", "unsent", "dropped_frame", "stale"


def policy_error(at_ns: int, source: str, cell: int, slot: int, error: BaseException) -> EventRow:
    """The event of a policy that failed to decide for ``cell`` (from 0) in ``slot``."""
    detail = f"cell {cell + 1}, slot {slot}: {type(error).__name__}: {error}"
    return EventRow(at_ns, source, POLICY_ERROR, detail, 1.0)


Row = TaskRow | SlotRow | UeSlotRow | RewardRow | LinkRow | UpdateRow | EventRow
