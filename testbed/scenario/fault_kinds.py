"""What a fault does besides killing; each kind is written as one phrase, see `testbed.scenario.fault_grammar`.

Where faults come at random, a target may be a kind of target: ``es``, ``ue`` or ``cell`` (`ANY_CELL`).
"""

import math

import msgspec

from testbed.model.delay import NS_PER_S
from testbed.scenario import units

MOST_TIMES, LEAST_SHARE, LEAST_RATE_BPS, MOST_LOSS = 1e6, 1e-3, 100.0, 0.99
LONGEST_ADDED_NS = 86_400 * NS_PER_S
ANY_CELL = -1


class Overload(msgspec.Struct, frozen=True):
    """The UEs of ``cell`` (0-based) generate tasks ``factor`` times as densely."""

    cell: int
    factor: float

    @property
    def target(self) -> str:
        """What it happens to."""
        return cell_text(self.cell)

    @property
    def text(self) -> str:
        """The phrase."""
        return f"{self.target} x {_number(self.factor)}"


class Slow(msgspec.Struct, frozen=True):
    """The ES ``target`` has the ``share`` of its speed, above 0 and at most 1."""

    target: str
    share: float

    @property
    def text(self) -> str:
        """The phrase."""
        return f"{self.target} to {_number(self.share)}"


class Degrade(msgspec.Struct, frozen=True, kw_only=True):
    """The uplink of the UE ``target`` moves at most ``rate_bps``, a part ``loss`` of what is sent on it is lost, and
    what leaves arrives ``added_ns`` later; with ``both_ways`` so it is with the results that come back."""

    target: str
    rate_bps: float = math.inf
    loss: float = -1.0
    added_ns: int = 0
    both_ways: bool = False

    @property
    def text(self) -> str:
        """The phrase."""
        parts = [] if math.isinf(self.rate_bps) else [units.exact(self.rate_bps, "rate")]
        parts += [f"loss {_number(self.loss)}"] if self.loss >= 0.0 else []
        parts += [f"+{units.exact(self.added_ns, 'time')}"] if self.added_ns else []
        parts += ["both ways"] if self.both_ways else []
        return f"{self.target} to {' '.join(parts)}"


class LinkCut(msgspec.Struct, frozen=True):
    """No bit moves between ``one`` and ``other``: a UE and its ES, or two ESs."""

    one: str
    other: str

    @property
    def target(self) -> str:
        """What it happens to."""
        return f"{self.one}:{self.other}"

    @property
    def text(self) -> str:
        """The phrase."""
        return self.target


class Partition(msgspec.Struct, frozen=True):
    """No bit moves between the ES of ``cell`` (0-based) and the others."""

    cell: int

    @property
    def target(self) -> str:
        """What it happens to."""
        return cell_text(self.cell)

    @property
    def text(self) -> str:
        """The phrase."""
        return self.target


class Standstill(msgspec.Struct, frozen=True):
    """The UE or ES ``target`` stands still, and its radio with it."""

    target: str

    @property
    def text(self) -> str:
        """The phrase."""
        return self.target


Phrase = Overload | Slow | Degrade | LinkCut | Partition | Standstill
FAULT_KINDS = ("overload", "slow", "degrade", "cut", "partition", "pause")


def cell_text(cell: int) -> str:
    """A cell (0-based, or `ANY_CELL`) as it is written."""
    return "cell" if cell == ANY_CELL else f"cell {cell + 1}"


def _number(value: float) -> str:
    """A number that reads back as the same."""
    return str(int(value)) if value.is_integer() else repr(value)
