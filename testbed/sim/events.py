"""The simulation's heap: pending events in the model's order (instant, phase, UE index, task number, age)."""

from heapq import heappush
from itertools import count

import msgspec

from testbed.model.system import Fault
from testbed.protocol.actions import Boundary, Send, Wake


class Begin(msgspec.Struct, frozen=True):
    """Event: a fault begins."""

    fault: Fault


class Restart(msgspec.Struct, frozen=True):
    """Event: what a fault has killed serves again."""

    fault: Fault


class Emit(msgspec.Struct, frozen=True, gc=False):
    """Event: an execution ended; what it produced is sent."""

    send: Send


Entry = tuple[int, int, int, int, int, str, int, object]
NOBODY, ANY = "", -1  # the target of events that are for no core, the incarnation of events that are for any


class Heap:
    """A priority queue of events, each for the core ``target``; a wake-up is only for the ``incarnation`` that asked
    for it. ``entries`` are a heap of `heapq`."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._ages = count()

    def entry(self, key: tuple[int, int, int, int], target: str, incarnation: int, event: object) -> Entry:
        """An entry for `push_entry`, perhaps later: its age is of now. ``key`` is all that comes before the age."""
        return (*key, next(self._ages), target, incarnation, event)

    def push_entry(self, entry: Entry) -> None:
        """Add an entry."""
        heappush(self.entries, entry)

    def push_message(self, now_ns: int, send: Send) -> None:
        """Add the body of a message, to reach its addressee at its instant, if that has not passed."""
        at_ns = send.at_ns if send.at_ns > now_ns else now_ns
        entry = (at_ns, send.phase, send.ue, send.number, next(self._ages), send.to, ANY, send.body)
        heappush(self.entries, entry)

    def comes_next(self, now_ns: int, what: Send | Wake) -> bool:
        """Whether ``what`` comes at ``now_ns``, with nothing before it."""
        if what.at_ns != now_ns:
            return False
        entries = self.entries
        return not entries or entries[0][:4] > (now_ns, what.phase, what.ue, what.number)

    def push_wake(self, now_ns: int, wake: Wake, target: str, incarnation: int) -> None:
        """Add a wake-up at its instant, if that has not passed."""
        at_ns = wake.at_ns if wake.at_ns > now_ns else now_ns
        entry = (at_ns, wake.phase, wake.ue, wake.number, next(self._ages), target, incarnation, wake.event)
        heappush(self.entries, entry)

    def push_outside(self, at_ns: int, phase: int, number: int, event: object) -> None:
        """Add an event for nobody, which comes before those of UEs."""
        heappush(self.entries, (at_ns, phase, -1, number, next(self._ages), NOBODY, ANY, event))

    def is_busy(self) -> bool:
        """Whether any entry is more than an eternal slot boundary."""
        return any(type(entry[-1]) is not Boundary for entry in self.entries)
