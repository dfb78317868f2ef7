"""The events that a process has before it, in the model's order: when each may be acted on, and as of which instant.

An event is acted on ``guard`` of wall time after its ideal instant, in ideal order. One that is older than the last one
acted on is clamped to that instant and counted as slipped. An event that will be judged by messages which have not come
waits for them, but no longer than `PATIENCE` guards more.
"""

import heapq

import msgspec

from testbed.model.task import Phase
from testbed.node.clock import Clock
from testbed.node.lateness import Lateness
from testbed.node.role import Role
from testbed.protocol.actions import Boundary, Core, Forgiving

PATIENCE = 2
NEVER = 2**62
Entry = tuple[int, int, int, int, int, Core, object]


class Due(msgspec.Struct, frozen=True):
    """An event to be acted on as of ``at_ns`` of emulated time, released at monotonic instant ``wall_ns``."""

    core: Core
    event: object
    at_ns: int
    wall_ns: int


class Agenda:
    """One process's heap of events; ``last_ns`` is the latest instant acted on."""

    def __init__(self, clock: Clock, role: Role, lateness: Lateness) -> None:
        self._clock, self._role, self._lateness = clock, role, lateness
        self._heap: list[Entry] = []
        self._forgiving: dict[str, Forgiving] = {}
        self._age = 0
        self._boundary_ns = NEVER
        self.last_ns = -1

    def know(self, core: Core) -> None:
        """Events will be of ``core``, among others."""
        if isinstance(core, Forgiving):
            self._forgiving[core.name] = core

    def push(self, at_ns: int, phase: int, ue: int, number: int, core: Core, event: object) -> None:
        """Put an event where its instant, phase, UE and task belong."""
        if type(event) is Boundary:
            self._boundary_ns = min(self._boundary_ns, at_ns)
        self._age += 1
        heapq.heappush(self._heap, (at_ns, int(phase), ue, number, self._age, core, event))

    def due_wall_ns(self) -> int:
        """When the next event may be acted on (monotonic)."""
        if not self._heap:
            return NEVER
        at, _, _, _, _, core, event = self._heap[0]
        due = self._clock.wall_ns(at) + self._role.guard_ns
        if not self._role.ordered:
            return due
        if at <= self._boundary_ns < NEVER:
            due = min(due, self._clock.wall_ns(self._boundary_ns) + self._role.boundary_guard_ns)
        forgiving = self._forgiving.get(core.name)
        if forgiving is not None and forgiving.awaits(at, event):
            due += PATIENCE * self._role.guard_ns
        return due

    def pop(self, wall_ns: int) -> Due | None:
        """Take the next event if it is due at ``wall_ns``."""
        if self.due_wall_ns() > wall_ns:
            return None
        at, phase, _, _, _, core, event = heapq.heappop(self._heap)
        kind = type(event).__name__
        if type(event) is Boundary and at >= self._boundary_ns:
            self._boundary_ns = NEVER
            self._lateness.add(kind, wall_ns - self._clock.wall_ns(at) - self._role.boundary_guard_ns)
        elif phase != Phase.START:
            self._lateness.add(kind, wall_ns - self._clock.wall_ns(at) - self._role.guard_ns)
        if self._role.ordered:
            at = self._in_order(core, at, phase, event)
        return Due(core, event, at, wall_ns)

    def _in_order(self, core: Core, at_ns: int, phase: int, event: object) -> int:
        """When to act: at once for what is in order; what is late moves to the first instant that is still open."""
        if at_ns >= self.last_ns:
            self.last_ns = at_ns
            return at_ns
        forgiving = self._forgiving.get(core.name)
        open_ns = self.last_ns if forgiving is None else min(self.last_ns, forgiving.settled_ns(event))
        if at_ns <= open_ns and phase != Phase.START:
            self._lateness.slips[type(event).__name__] += 1
        return max(at_ns, open_ns)
