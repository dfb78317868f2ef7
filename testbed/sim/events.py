"""The simulation's heap: pending events in the model's order (instant, phase, UE index, task number, age)."""

from heapq import heappop, heappush
from itertools import count

from testbed.protocol.actions import Boundary, Send

Entry = tuple[int, int, int, int, int, str, int, object]


class Heap:
    """A priority queue of events, each for core ``target``; a wake-up counts only for the ``incarnation`` that asked
    for it (-1: any)."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._ages = count()

    def entry(self, at_ns: int, phase: int, target: str, incarnation: int, event: object) -> Entry:
        """An entry for `push_entry`, perhaps later: its age is of now."""
        return at_ns, phase, 0, 0, next(self._ages), target, incarnation, event

    def push(
        self, at_ns: int, phase: int, order: tuple[int, int], target: str, incarnation: int, event: object
    ) -> None:
        """Add an event; ``order`` is the UE index and the task number."""
        ue, number = order
        heappush(self._entries, (at_ns, phase, ue, number, next(self._ages), target, incarnation, event))

    def push_message(self, at_ns: int, send: Send) -> None:
        """Add the body of a message, to reach its addressee at ``at_ns``."""
        heappush(self._entries, (at_ns, send.phase, send.ue, send.number, next(self._ages), send.to, -1, send.body))

    def push_entry(self, entry: Entry) -> None:
        """Add an entry."""
        heappush(self._entries, entry)

    def pop(self) -> Entry:
        """Remove and return the first entry."""
        return heappop(self._entries)

    def next_ns(self) -> int:
        """The instant of the first event, of which there is one."""
        return self._entries[0][0]

    def is_busy(self) -> bool:
        """Whether any entry is more than an eternal slot boundary."""
        return any(type(entry[-1]) is not Boundary for entry in self._entries)

    def __len__(self) -> int:
        return len(self._entries)
