"""What a reader of recorded files has to tell: what it skipped, capped or assumed, a line each."""

from collections.abc import Callable

from testbed.model.delay import NS_PER_S

Say = Callable[[str], None]


def quiet(text: str) -> None:
    """Take a note that is shown to nobody."""


def count(number: int, one: str, many: str = "") -> str:
    """``number`` of a thing, in the singular or the plural."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def workload_told(tasks: int, slots: int, ues: int) -> str:
    """What a workload holds, in a line."""
    parts = ((tasks, "task"), (slots, "slot"), (ues, "UE"))
    whole, length, users = (f"{number} {one if number == 1 else one + 's'}" for number, one in parts)
    return f"{whole} in {length} for {users}"


def seconds(ns: int) -> str:
    """A duration as people read it."""
    return f"{ns / NS_PER_S:,.6g} s" if ns < 1_000_000 * NS_PER_S else f"{ns / NS_PER_S:,.0f} s"
