"""What a role's core asks of whoever drives it, and the events that are not messages.

A core is sans-IO: ``handle(now_ns, event) -> list[Action]``. The driver (simulation or node) owns the clock, the heap
of pending events, the network and the CPU. It delivers events in the order (instant, phase,
UE index, task number, age).
"""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import msgspec

from testbed.model.system import System
from testbed.model.task import Phase, Task
from testbed.protocol.messages import Body
from testbed.protocol.rows import Row, TaskRow


class Send(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Send ``body`` to process ``to``; it is handled there at emulated instant ``at_ns`` in ``phase``.

    ``ue``/``number`` order it among others of that instant. ``payload_bits`` of data travel with it.
    """

    to: str
    body: Body
    at_ns: int
    phase: Phase
    ue: int = 0
    number: int = 0
    payload_bits: int = 0


class Wake(msgspec.Struct, frozen=True, gc=False):
    """Deliver ``event`` back to this core at emulated instant ``at_ns`` in ``phase``."""

    at_ns: int
    phase: Phase
    event: object
    ue: int = 0
    number: int = 0


class Alarm(msgspec.Struct, frozen=True, gc=False):
    """Deliver ``event`` back to this core after ``after_ns`` of wall time."""

    after_ns: int
    event: object


class Execute(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Execute ``cycles`` from ``start_ns`` to ``end_ns``, and then send ``then`` (its own ``at_ns`` is the release).

    ``still_ns`` of that time it stands still.
    What is executed already has another end, or sends something else, from now on.
    """

    start_ns: int
    end_ns: int
    cycles: int
    ue: str
    number: int
    then: Send | None = None
    still_ns: int = 0


class Record(msgspec.Struct, frozen=True, gc=False):
    """Hand ``row`` to the recorder."""

    row: Row


class Finish(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A task is finished, ideally at ``at_ns``: record its last row, and then send what is to be told of it.

    The driver knows at which emulated instant it really was, and makes the row with that: ``row(actual_ns)``.
    """

    at_ns: int
    row: Callable[[int], TaskRow]
    tell: Callable[[TaskRow], Send] | None = None


class Boundary(msgspec.Struct, frozen=True, gc=False):
    """Event: slot ``slot`` begins; every core keeps one pending for as long as it lives."""

    slot: int


class Lost(msgspec.Struct, frozen=True, gc=False):
    """Event: the detection of a death, ``detection`` after it."""

    name: str
    died_ns: int
    incarnation: int


Action = Send | Wake | Alarm | Execute | Record | Finish


class Core(Protocol):
    """A role without input or output of its own."""

    name: str

    def begin(self) -> list[Action]:
        """Actions before instant 0 (or before the instant of a restart)."""

    def handle(self, now_ns: int, event: object) -> list[Action]:
        """Act on ``event`` (a message body, `Lost`, or what a `Wake` or `Alarm` carried) at ``now_ns``.

        A `Decision` is handled when it comes: the time since its ask is charged to its tasks.
        """

    def revise(self, now_ns: int, system: System, tasks: Sequence[Task]) -> list[Action]:
        """Go on in ``system``, where nothing up to ``now_ns`` has changed; a UE has ``tasks``, as far as they come."""


class Idling(Core, Protocol):
    """A core that knows when it has nothing to do."""

    def is_idle(self, now_ns: int) -> bool:
        """Whether it would record nothing at boundaries to come, unless an event or a task of its own comes first."""


@runtime_checkable
class Forgiving(Protocol):
    """A core that takes some messages which come to hand late as if they had come in time, and can wait for others."""

    def settled_ns(self, event: object) -> int:
        """The last instant at which something was decided that ``event`` would have changed had it come before."""

    def awaits(self, at_ns: int, event: object) -> bool:
        """Whether a message by which ``event`` of instant ``at_ns`` will be judged has not come to hand yet."""
