"""A run on a virtual clock, stretch by stretch: what has become known of it since the last time."""

from collections.abc import Sequence

import msgspec

from testbed.protocol.rows import EventRow, LinkRow, SlotRow, TaskRow, UeSlotRow
from testbed.protocol.table import ColumnTable


class Stretch(msgspec.Struct, kw_only=True):
    """The record of a run, or of a stretch of it; ``tasks`` in the workload's order, each with its last row.

    ``end_ns`` of a stretch that others follow is an instant up to which everything has happened, ``open_ns`` the
    instant before which no task that is still to end was generated. ``reason`` of the last one says why the run ended
    before its drain.
    """

    tasks: ColumnTable[TaskRow]
    slots: ColumnTable[SlotRow]
    ue_slots: ColumnTable[UeSlotRow]
    links: ColumnTable[LinkRow]
    end_ns: int
    open_ns: int
    events: list[EventRow]
    reason: str = ""


def joined(made: Sequence[Stretch]) -> Stretch:
    """Stretches of a run as one."""
    return Stretch(
        tasks=ColumnTable.joined([one.tasks for one in made]),
        slots=ColumnTable.joined([one.slots for one in made]),
        ue_slots=ColumnTable.joined([one.ue_slots for one in made]),
        links=ColumnTable.joined([one.links for one in made]),
        end_ns=made[-1].end_ns,
        open_ns=made[-1].open_ns,
        events=[event for one in made for event in one.events],
        reason=made[-1].reason,
    )
