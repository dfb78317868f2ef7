"""What an ES has under way and would have to say anew if the plan changed meanwhile (sans-IO)."""

import msgspec

from edge_server import transfers
from edge_server.queue import Job
from edge_server.radio import Sent
from edge_server.transfers import Onward
from testbed.model.system import System, Ue
from testbed.protocol.messages import Forward, Result

Key = tuple[int, int]


class _OnBackhaul(msgspec.Struct, frozen=True):
    """A task sent on, and when it was said to arrive."""

    onward: Onward
    arrival_ns: int


class UnderWay:
    """Tasks on the backhaul, and results on their way back.

    Where the plan never changes it is a list that is emptied at every slot boundary.
    """

    def __init__(self) -> None:
        self._changes = False
        self._on_backhaul: list[_OnBackhaul] = []
        self._results: list[tuple[Result, Job]] = []
        self._taken_over: set[Key] = set()

    def begin(self) -> None:
        """The plan changes, now for the first time or again."""
        self._changes = True

    def sent_on(self, onward: Onward, arrival_ns: int) -> None:
        """A task goes to another ES."""
        self._on_backhaul.append(_OnBackhaul(onward, arrival_ns))

    def moved_on(self, system: System, es: int, now_ns: int) -> list[Onward]:
        """The tasks on the backhaul that come from ES ``es`` at other instants than was said."""
        self.prune(now_ns)
        again = [_OnBackhaul(one.onward, transfers.arrival_ns(system, one.onward, es)) for one in self._on_backhaul]
        moved = [new.onward for old, new in zip(self._on_backhaul, again, strict=True) if old != new]
        self._on_backhaul = again
        return moved

    def answered(self, result: Result, job: Job) -> None:
        """A result goes back to its UE."""
        self._results.append((result, job))

    def held_results(self, now_ns: int) -> list[tuple[Result, Job]]:
        """The results that are not at their UEs at ``now_ns``; they are to be `answered` anew."""
        self.prune(now_ns)
        held, self._results = self._results, []
        return held

    def prune(self, now_ns: int) -> None:
        """Forget what has come where it was to go."""
        self._on_backhaul = [one for one in self._on_backhaul if one.arrival_ns > now_ns]
        self._results = [(result, job) for result, job in self._results if result.at_ns > now_ns]

    def is_due(self, system: System, ue: Ue, forward: Forward, es: int) -> bool:
        """Whether a task that another ES sent on to ES ``es`` is there: it comes once, and at the instant that follows
        from the plan as it is now, whatever was said before."""
        if not self._changes:
            return True
        key = ue.index, forward.task.number
        onward = Onward(Sent(ue, forward.task, forward.trip), es, forward.trip.arrival_ns)
        if key in self._taken_over or transfers.arrival_ns(system, onward, ue.cell) != forward.arrival_ns:
            return False
        self._taken_over.add(key)
        return True
