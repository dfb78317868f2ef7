"""What a process does differently for being a UE, an ES or the controller."""

from collections.abc import Callable, Sequence

import msgspec

from testbed.model.system import Emulation, System
from testbed.protocol.actions import Action, Send
from testbed.protocol.crowd_messages import Asks
from testbed.protocol.messages import (
    Aired,
    Announce,
    Ask,
    Decision,
    Down,
    Forward,
    Moved,
    Outcome,
    Post,
    Result,
    Up,
)

AT_ONCE = (Ask, Asks, Decision, Moved, Aired, Down, Outcome)
TIMED = (Post, Forward, Result, Announce, Up)
STAGGER_NS, SPREAD_NS = 200_000, 3_000_000
SPREAD_OF_SLOT = 20
GRID_NS, GRIDS_A_SLOT = 20_000_000, 125


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between roles: guards, order, and whether CPU is burnt.

    ``boundary_guard_ns`` is the guard of slot boundaries: small at an ES, whose announcement others wait for; staggered
    over UEs, which would otherwise all wake at once. ``ordered`` cores act in ideal order (slips count), ``executes``
    ones burn cycles. ``notices`` adds to a core's actions what others should know of them on a wall clock. With a
    ``grid_ns`` it wakes for what is due, or has come, every so much wall time only.
    """

    guard_ns: int
    boundary_guard_ns: int
    ordered: bool
    executes: bool
    notices: Callable[[Sequence[Action]], list[Send]] | None = None
    grid_ns: int = 0

    def turn_ns(self, ue: int, ues: int, slot_wall_ns: int) -> int:
        """The guard of a slot boundary: unordered cores (UEs) take turns, early in the slot."""
        if self.ordered:
            return self.boundary_guard_ns
        if self.grid_ns:
            return self.boundary_guard_ns + ue * (slot_wall_ns // SPREAD_OF_SLOT) // ues
        return self.boundary_guard_ns + ue * min(STAGGER_NS, min(SPREAD_NS, slot_wall_ns // SPREAD_OF_SLOT) // ues)


def grid_ns(system: System, emulation: Emulation) -> int:
    """The grid of wall time on which crowds act, and the ESs of their cells; 0 where there is none.

    It is fine enough to be no error of a task's delay that would count.
    """
    if not any(emulation.crowds):
        return 0
    return min(GRID_NS, int(system.slot_ns / emulation.speed) // GRIDS_A_SLOT)
