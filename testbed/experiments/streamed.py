"""A run on the twin, recorded and summed up in stretches while it is played: as long as may be, in little memory."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from testbed.analysis.audit import counted
from testbed.analysis.grading import graded
from testbed.analysis.run_reward import Rewards
from testbed.analysis.summary import Summary, summed_up
from testbed.analysis.tally import Tally
from testbed.model.ledger import COUNTS, Ledger
from testbed.model.printable import printable
from testbed.model.system import Plan
from testbed.model.task import parts_of
from testbed.policy.heuristics import Policy
from testbed.protocol.rows import EventRow, RewardRow, TaskRow
from testbed.protocol.table import ColumnTable
from testbed.record import directory, reader
from testbed.record.ranked import Ranked
from testbed.record.reader import RecordedRows, RecordedRun
from testbed.scenario.resolve import Resolved
from testbed.trace.table_file import TASKS_AT_ONCE

if TYPE_CHECKING:
    from testbed.record.bulk import BulkRecord
    from testbed.twin.run import Ran

Choices = Mapping[tuple[int, int], int]
Told = Callable[["Ran", ColumnTable[RewardRow]], None]


class Summed(msgspec.Struct, frozen=True):
    """A run that is over: where it is, and what it came to."""

    path: Path
    summary: Summary


class PlayedPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What the twin plays, and where it is recorded; decisions may be ``choices`` instead of the policy's."""

    path: Path
    plan: Plan
    resolved: Resolved
    policy: Policy | None
    choices: Choices | None


def record(played: PlayedPlan, take: Told) -> Summed:
    """Play the plan's workload, part by part if it is not in memory, record it and sum it up.

    ``take`` hears each stretch, with the rewards that have become known. The record is there when all is over.
    """
    from testbed.record import bulk

    file, system = played.path / directory.RECORD, played.plan.system
    kind = played.resolved.scenario.agent.reward
    audit, events, end_ns = Ledger(), list[EventRow](), 0
    with Ranked() as delays:
        tally = Tally(system, kind, delays=delays)
        with bulk.writing(file, reader.read_meta(file)) as written:
            for stretch, rewards in _stretches(played, kind):
                _write(written, stretch, rewards)
                tally.add_slots(stretch.slots)
                tally.add_tasks(stretch.tasks)
                audit = _added(audit, stretch.tasks)
                events += stretch.events
                take(stretch, rewards)
                end_ns = stretch.end_ns
            written.events += events
            written.meta |= {"reason": "", "end_ns": end_ns}
        run = RecordedRun(
            path=played.path,
            meta=reader.read_meta(file),
            resolved=played.resolved,
            workload=(),
            record=_few(reader.read_meta(file), events),
            tasks=(),
            absences={},
            end_ns=end_ns,
            reason="",
        )
        audit = msgspec.structs.replace(audit, unaccounted=len(played.plan.workload) - audit.generated)
        return Summed(played.path, summed_up(run, graded(run), tally, audit))


def _stretches(played: PlayedPlan, kind: str) -> Iterator[tuple["Ran", ColumnTable[RewardRow]]]:
    """What has become known, stretch by stretch, with the rewards of slots in which nothing more will be earned."""
    from testbed.twin import run

    plan, rewards = played.plan, Rewards(played.plan.system, kind)
    parts = parts_of(plan.workload, TASKS_AT_ONCE)
    for stretch in run.stretches(plan, played.policy, parts, played.choices):
        rewards.add(stretch.tasks)
        yield stretch, rewards.rows(stretch.open_ns // plan.system.slot_ns)


def _write(written: "BulkRecord", stretch: "Ran", rewards: ColumnTable[RewardRow]) -> None:
    for table in (stretch.tasks, stretch.slots, stretch.ue_slots, stretch.links, rewards):
        written.add(table)


def _added(audit: Ledger, tasks: ColumnTable[TaskRow]) -> Ledger:
    """The ledger of those before and of further ``tasks``."""
    if not len(tasks):
        return audit
    more = counted(tasks)
    return Ledger(**{name: getattr(audit, name) + getattr(more, name) for name in COUNTS})


def _few(meta: dict[str, object], events: list[EventRow]) -> RecordedRows:
    """A record of which the long tables are not in memory."""
    shown = [msgspec.structs.replace(row, detail=printable(row.detail)) for row in events]
    return RecordedRows(meta=meta, tasks=(), slots=(), ue_slots=(), rewards=(), links=(), updates=[], events=shown)


class KeptStretches:
    """Keeps all rows of a run, for who wants to look at them."""

    def __init__(self) -> None:
        self._made: list[Ran] = []
        self._rewards: list[ColumnTable[RewardRow]] = []

    def __call__(self, stretch: "Ran", rewards: ColumnTable[RewardRow]) -> None:
        """Another stretch."""
        self._made.append(stretch)
        self._rewards.append(rewards)

    def run(self, played: PlayedPlan) -> RecordedRun:
        """What `reader.read_run` would read."""
        from testbed.twin.run import joined

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
