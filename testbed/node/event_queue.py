"""The events that a process has before it, in the model's order: when each may be acted on, and as of which instant.

An event is acted on at its ideal instant, in ideal order, unless something that comes before it may still be told: then
it waits for that, but no longer than a guard of wall time (`testbed.node.lookahead`). One that is older than the last
one acted on is clamped to that instant and counted as slipped. An event that will be judged by messages which have not
come waits for them, but no longer than `GUARDS_OF_PATIENCE` guards more.
"""

import heapq

import msgspec

from testbed.model.cuts import Span, open_ns
from testbed.model.delay import NEVER
from testbed.model.system import Plan
from testbed.model.task import Phase
from testbed.node.clock import Clock
from testbed.node.lateness import LatenessMeter
from testbed.node.lookahead import Lookahead
from testbed.node.role import Role
from testbed.protocol.actions import Boundary, Core, Forgiving

GUARDS_OF_PATIENCE = 2
Entry = tuple[int, int, int, int, int, Core, object]


class Due(msgspec.Struct, frozen=True):
    """An event to be acted on as of ``at_ns`` of emulated time, released at monotonic instant ``wall_ns``."""

    core: Core
    event: object
    at_ns: int
    wall_ns: int


class EventQueue:
    """One process's heap of events; ``last_ns`` is the latest instant acted on.

    ``held_wall_ns`` is the monotonic instant up to which an event waited last for what might have come before it.
    """

    def __init__(self, clock: Clock, role: Role, lateness: LatenessMeter) -> None:
        self._clock, self._role, self._lateness = clock, role, lateness
        self._heap: list[Entry] = []
        self._forgiving: dict[str, Forgiving] = {}
        self._lookahead: dict[str, Lookahead] = {}
        self._pauses: dict[str, tuple[Span, ...]] = {}
        self._age = self._holding = 0
        self._boundary_ns = NEVER
        self._due_wall_ns: int | None = None
        self.last_ns = -1
        self.held_wall_ns = -1

    def know(self, core: Core, lookahead: Lookahead | None = None) -> None:
        """Events will be of ``core``, among others; without ``lookahead`` they always wait for the guard."""
        if isinstance(core, Forgiving):
            self._forgiving[core.name] = core
        if lookahead is not None:
            self._lookahead[core.name] = lookahead

    def follow(self, plan: Plan) -> None:
        """What might still come is what ``plan`` says from now on."""
        self._pauses = {one.name: one.pauses_ns for one in plan.system.pausing}
        for lookahead in self._lookahead.values():
            lookahead.follow(plan)
        self.changed()

    def hear(self, core: Core, body: object) -> None:
        """``core`` was told ``body``, or tells it: what might still come before its events changes with that."""
        lookahead = self._lookahead.get(core.name)
        if lookahead is not None:
            lookahead.hear(body)
        self.changed()

    def changed(self) -> None:
        """A core has acted: what it awaits may be something else now."""
        self._due_wall_ns = None

    def push(self, at_ns: int, phase: int, ue: int, number: int, core: Core, event: object) -> None:
        """Put an event where its instant, phase, UE and task belong."""
        if type(event) is Boundary:
            self._boundary_ns = min(self._boundary_ns, at_ns)
        self._age += 1
        self.changed()
        heapq.heappush(self._heap, (at_ns, int(phase), ue, number, self._age, core, event))

    def due_wall_ns(self) -> int:
        """When the next event may be acted on (monotonic), as far as is known now."""
        if self._due_wall_ns is None:
            self._due_wall_ns = self._found_due_wall_ns() if self._heap else NEVER
        return self._due_wall_ns

    def _found_due_wall_ns(self) -> int:
        """See `due_wall_ns`; never before the event's ideal instant."""
        at, _, _, _, _, core, event = self._heap[0]
        ideal, guard = self._clock.wall_ns(at), self._role.guard_ns
        if not self._role.ordered:
            return ideal + guard
        lookahead, forgiving = self._lookahead.get(core.name), self._forgiving.get(core.name)
        awaits = forgiving is not None and forgiving.awaits(at, event)
        due = ideal + (guard if awaits or lookahead is None else lookahead.wait_ns(at))
        if at <= self._boundary_ns < NEVER:
            due = min(due, self._clock.wall_ns(self._boundary_ns) + self._role.boundary_guard_ns)
        return due + GUARDS_OF_PATIENCE * guard if awaits else due

    def pop(self, wall_ns: int) -> Due | None:
        """Take the next event if it is due at ``wall_ns``."""
        if not self._heap or self._clock.wall_ns(self._heap[0][0]) > wall_ns:
            return None
        due = self.due_wall_ns()
        if due > wall_ns:
            self._holding = self._heap[0][4]  # it only waits for what might come before it
            return None
        self.changed()
        at, phase, _, _, age, core, event = heapq.heappop(self._heap)
        if self._holding == age:
            self.held_wall_ns = due if due > self._clock.wall_ns(at) else wall_ns
            due = self.held_wall_ns
        if type(event) is Boundary and at >= self._boundary_ns:
            self._boundary_ns = NEVER
        if phase != Phase.START:
            self._lateness.add(type(event).__name__, wall_ns - max(due, self.awake_wall_ns(core, at)))
        if self._role.ordered:
            at = self._in_order(core, at, phase, event)
        return Due(core, event, at, wall_ns)

    def awake_wall_ns(self, core: Core, at_ns: int) -> int:
        """When ``core`` can act on what is due at ``at_ns``: not while it stands still by the plan."""
        return self._clock.wall_ns(open_ns(at_ns, self._pauses.get(core.name, ())))

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
