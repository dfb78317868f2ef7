"""A run on a virtual clock, recorded and summed up in stretches while it is played: as long as may be, in little
memory.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np

from testbed.analysis.audit import counted
from testbed.analysis.grading import graded
from testbed.analysis.recovery import RecoveryTally
from testbed.analysis.run_reward import Rewards
from testbed.analysis.summary import Summary, summed_up
from testbed.analysis.tally import Tally
from testbed.model.ledger import COUNTS, Ledger
from testbed.model.printable import printable
from testbed.model.system import Plan
from testbed.model.task import TASKS_IN_A_PART, Task, parts_of
from testbed.planning.acting import acting
from testbed.policy.heuristics import Policy
from testbed.protocol.rows import EventRow, RewardRow, TaskRow
from testbed.protocol.stretch import Stretch, joined
from testbed.protocol.table import ColumnTable
from testbed.record import directory, in_turn, reader
from testbed.record.ranked import Ranked
from testbed.record.reader import RecordedRows, RecordedRun
from testbed.scenario.resolve import Resolved
from testbed.sim.simulation import Simulation

ROWS_IN_A_STRETCH = 1 << 14  # of a simulation, which a stretch of it has about
Choices = Mapping[tuple[int, int], int]
Told = Callable[[Stretch, ColumnTable[RewardRow]], None]


class Summed(msgspec.Struct, frozen=True):
    """A run that is over: where it is, and what it came to."""

    path: Path
    summary: Summary


class PlayedPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is played, and where it is recorded; on the twin decisions may be ``choices`` instead of the policy's."""

    path: Path
    plan: Plan
    resolved: Resolved
    policy: Policy | None = None
    choices: Choices | None = None


class Writer(Protocol):
    """A record that is being written, table by table in parts."""

    events: list[EventRow]
    meta: dict[str, object]

    def add(self, table: ColumnTable[Any]) -> None:
        """Append the rows of ``table`` to those of its kind."""


def by_twin(played: PlayedPlan, take: Told) -> Summed:
    """Play the plan's workload on the twin, part by part if it is not in memory, record it and sum it up.

    ``take`` hears each stretch, with the rewards that have become known. The record is there when all is over.
    """
    from testbed.record import bulk
    from testbed.twin import run

    file, parts = played.path / directory.RECORD, parts_of(played.plan.workload, TASKS_IN_A_PART)
    policy = acting(played.plan, played.policy)
    stretches = run.stretches(played.plan, policy, parts, played.choices)
    return _record(played, stretches, bulk.writing(file, reader.read_meta(file)), take)


def by_simulation(played: PlayedPlan, simulation: Simulation, take: Told) -> Summed:
    """As `by_twin`, of a ``simulation`` of the plan, an open loop in which nobody dies."""
    stretches = simulation.stretches(ROWS_IN_A_STRETCH)
    return _record(played, stretches, in_turn.writing(played.path / directory.RECORD), take)


def _record(
    played: PlayedPlan, stretches: Iterable[Stretch], writing: AbstractContextManager[Writer], take: Told
) -> Summed:
    """Let ``stretches`` be recorded in what ``writing`` opens, summed up, and heard by ``take``."""
    file, system = played.path / directory.RECORD, played.plan.system
    kind = played.resolved.scenario.agent.reward
    audit, events, end_ns, reason = Ledger(), list[EventRow](), 0, ""
    earned, recovered = Rewards(system, kind), RecoveryTally(system)
    with Ranked() as delays:
        tally = Tally(system, kind, delays=delays)
        with writing as written:
            for stretch in stretches:
                earned.add(stretch.tasks)
                rewards = earned.rows(stretch.open_ns // system.slot_ns)
                _write(written, stretch, rewards)
                tally.add_slots(stretch.slots)
                tally.add_tasks(stretch.tasks)
                audit = _added(audit, stretch.tasks)
                if played.plan.disturbances:
                    recovered.add(stretch.tasks)
                events += stretch.events
                take(stretch, rewards)
                end_ns, reason = stretch.end_ns, stretch.reason
            written.events += events
            written.meta |= {"reason": reason, "end_ns": end_ns}
        run = RecordedRun(
            path=played.path,
            meta=reader.read_meta(file),
            resolved=played.resolved,
            workload=(),
            record=_few(reader.read_meta(file), events),
            tasks=(),
            absences={},
            end_ns=end_ns,
            reason=reason,
        )
        due = _generated(played.plan.workload, end_ns) if reason else len(played.plan.workload)
        audit = msgspec.structs.replace(audit, unaccounted=due - audit.generated)
        return Summed(played.path, summed_up(run, graded(run), tally, audit, recovered.recoveries(events, end_ns)))


def _generated(workload: Sequence[Task], until_ns: int) -> int:
    """How many tasks are generated by ``until_ns``."""
    parts = (part.columns["generated_ns"] for part in parts_of(workload, TASKS_IN_A_PART))
    return sum(int((np.frombuffer(part, np.int64) <= until_ns).sum()) for part in parts)


def _write(written: Writer, stretch: Stretch, rewards: ColumnTable[RewardRow]) -> None:
    for table in (stretch.tasks, stretch.slots, stretch.ue_slots, stretch.links, rewards):
        written.add(table)


def _added(audit: Ledger, tasks: ColumnTable[TaskRow]) -> Ledger:
    """The ledger of those before and of further ``tasks``."""
    if not len(tasks):
        return audit
    more = counted(tasks)
    reasons = dict(Counter(audit.reasons) + Counter(more.reasons))
    return Ledger(reasons=reasons, **{name: getattr(audit, name) + getattr(more, name) for name in COUNTS})


def _few(meta: dict[str, object], events: list[EventRow]) -> RecordedRows:
    """A record of which the long tables are not in memory."""
    shown = [msgspec.structs.replace(row, detail=printable(row.detail)) for row in events]
    return RecordedRows(meta=meta, tasks=(), slots=(), ue_slots=(), rewards=(), links=(), updates=[], events=shown)


class KeptStretches:
    """Keeps all rows of a run, for who wants to look at them."""

    def __init__(self) -> None:
        self._made: list[Stretch] = []
        self._rewards: list[ColumnTable[RewardRow]] = []

    def __call__(self, stretch: Stretch, rewards: ColumnTable[RewardRow]) -> None:
        """Another stretch."""
        self._made.append(stretch)
        self._rewards.append(rewards)

    def run(self, played: PlayedPlan) -> RecordedRun:
        """What `reader.read_run` would read."""
        whole, meta = joined(self._made), reader.read_meta(played.path / directory.RECORD)
        rows = msgspec.structs.replace(
            _few(meta, whole.events),
            tasks=whole.tasks,
            slots=whole.slots,
            ue_slots=whole.ue_slots,
            links=whole.links,
            rewards=ColumnTable.joined(self._rewards),
        )
        return reader.assemble(played.path, rows, played.resolved, played.plan.workload)
