"""The watcher's books of one life of an edge server."""

from collections import defaultdict

import msgspec

from testbed.model.system import Es

Key = tuple[str, int]


class Waiting(msgspec.Struct, frozen=True):
    """A task that waits at an ES: its place in a first-come-first-served order, its cycles."""

    order: tuple[int, int, int]
    cycles: int
    own: bool


class Books:
    """The watcher's books of one life of an ES: by task, what is on its air, waits and runs (with its end)."""

    def __init__(self, es: Es, from_ns: int) -> None:
        self.es, self.from_ns = es, from_ns
        self.air: dict[Key, int] = {}
        self.sent: set[Key] = set()
        self.waiting: dict[Key, Waiting] = {}
        self.running: dict[Key, int] = {}
        self.deaths: defaultdict[str, list[int]] = defaultdict(list)

    def knows_dead(self, ue: str, begin_ns: int, end_ns: int) -> bool:
        """Whether it has heard of a death of ``ue`` in that time."""
        return any(begin_ns <= died <= end_ns for died in self.deaths[ue])

    def holds(self, key: Key) -> bool:
        """Whether the task waits or runs here."""
        return key in self.waiting or key in self.running

    def first(self, now_ns: int) -> set[Key]:
        """The tasks that the discipline may start now: one, or several that came at once for all that is known."""
        ahead = [one for one in self.waiting.values() if one.own] if self.es.discipline == 0 else []
        candidates = ahead or list(self.waiting.values())
        least = min((one.order for one in candidates), default=None)
        return {key for key, one in self.waiting.items() if one in candidates and one.order == least}
