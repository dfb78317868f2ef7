"""What a reader of recorded files has to tell: what it skipped, capped or assumed, a line each."""

from collections.abc import Callable

Say = Callable[[str], None]
NS_PER_S = 1_000_000_000


def quiet(text: str) -> None:
    """Nobody is told."""


def count(number: int, one: str, many: str = "") -> str:
    """``number`` of a thing, in the singular or the plural."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def workload_told(tasks: int, slots: int, ues: int) -> str:
    """What a workload holds, in a line."""
    return f"{count(tasks, 'task')} in {count(slots, 'slot')} for {count(ues, 'UE')}"


def seconds(ns: int) -> str:
    """A duration as people read it."""
    return f"{ns / NS_PER_S:,.6g} s" if ns < 1_000_000 * NS_PER_S else f"{ns / NS_PER_S:,.0f} s"
