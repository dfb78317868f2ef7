"""Which slot boundaries are recorded (pure): all but those at which nothing has been there since the one before.

A row of a boundary is left out if it is idle and the row before it was idle too. So the record of a time without tasks
is as short as that time is dull, and a reader knows what is not there: a process that lived at a boundary without a row
was as idle as its last row says.
"""

from operator import attrgetter

from testbed.protocol.rows import SlotRow, UeSlotRow

AT_UE = ("queue_ns", "present", "undecided")
AT_ES = ("backlog_ns", "waiting", "own_cycles", "forwarded_cycles", "air_cycles", "busy_ns", "over_threshold")
_of_ue, _of_es = attrgetter(*AT_UE), attrgetter(*AT_ES)


def is_idle(row: SlotRow | UeSlotRow) -> bool:
    """Whether nothing is there at the boundary, and an ES has done nothing since the one before: all of `AT_ES` are 0,
    or all of `AT_UE`, and the UE's radio has nothing to send.
    """
    if isinstance(row, SlotRow):
        return not any(_of_es(row))
    return row.radio_wait_ns <= 0 and not any(_of_ue(row))


class Boundaries:
    """The boundaries of one process in one life, in order; ``idle`` tells of the last one."""

    def __init__(self) -> None:
        self.idle = False

    def records(self, row: SlotRow | UeSlotRow) -> bool:
        """Whether the next boundary's ``row`` belongs in the record."""
        before, self.idle = self.idle, is_idle(row)
        return not (before and self.idle)
