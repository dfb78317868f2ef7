"""The simulation's heap: pending events in the model's order (instant, phase, UE index, task number, age)."""

from heapq import heappop, heappush
from itertools import count

from testbed.protocol.actions import Boundary, Send, Wake

Entry = tuple[int, int, int, int, int, str, int, object]
NOBODY, ANY = "", -1  # the target of events that are for no core, the incarnation of events that are for any


class Heap:
    """A priority queue of events, each for the core ``target``; a wake-up is only for the ``incarnation`` that asked
    for it. Its first entry is ``entries[0]``."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._ages = count()

    def entry(self, key: tuple[int, int, int, int], target: str, incarnation: int, event: object) -> Entry:
        """An entry for `push_entry`, perhaps later: its age is of now. ``key`` is all that comes before the age."""
        return (*key, next(self._ages), target, incarnation, event)

    def push_entry(self, entry: Entry) -> None:
        """Add an entry."""
        heappush(self.entries, entry)

    def push_message(self, at_ns: int, send: Send) -> None:
        """Add the body of a message, to reach its addressee at ``at_ns``."""
        entry = (at_ns, send.phase, send.ue, send.number, next(self._ages), send.to, ANY, send.body)
        heappush(self.entries, entry)

    def push_wake(self, at_ns: int, wake: Wake, target: str, incarnation: int) -> None:
        """Add a wake-up at ``at_ns``."""
        entry = (at_ns, wake.phase, wake.ue, wake.number, next(self._ages), target, incarnation, wake.event)
        heappush(self.entries, entry)

    def push_outside(self, at_ns: int, phase: int, number: int, event: object) -> None:
        """Add an event for nobody, which comes before those of UEs."""
        heappush(self.entries, (at_ns, phase, -1, number, next(self._ages), NOBODY, ANY, event))

    def pop(self) -> Entry:
        """Remove and return the first entry."""
        return heappop(self.entries)

    def is_busy(self) -> bool:
        """Whether any entry is more than an eternal slot boundary."""
        return any(type(entry[-1]) is not Boundary for entry in self.entries)
