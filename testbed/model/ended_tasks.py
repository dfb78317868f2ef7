"""Which tasks have ended, in a byte for each: a launcher that hears of millions keeps no more of what is over."""

from collections import Counter


class EndedTasks:
    """The tasks that ended, by UE and number; ``count`` is how many."""

    def __init__(self) -> None:
        self._flags: dict[str, bytearray] = {}
        self._counts: Counter[str] = Counter()
        self.count = 0

    def add(self, ue: str, number: int) -> bool:
        """A task ended; returns whether that is news."""
        flags = self._flags.setdefault(ue, bytearray())
        if number >= len(flags):
            flags.extend(bytes(number + 1 - len(flags)))
        if flags[number]:
            return False
        flags[number] = 1
        self._counts[ue] += 1
        self.count += 1
        return True

    def __contains__(self, task: tuple[str, int]) -> bool:
        """Whether the task of this UE and number ended."""
        ue, number = task
        flags = self._flags.get(ue, b"")
        return number < len(flags) and flags[number] == 1

    def of(self, ue: str) -> int:
        """How many tasks of a UE ended."""
        return self._counts[ue]
