"""What a fault does besides killing, each kind written as one phrase: ``overload: cell 1 x 3``."""

import math
import re
from dataclasses import dataclass

import msgspec

from testbed.model.delay import NS_PER_S
from testbed.model.errors import InvalidError
from testbed.scenario import units

_OVERLOAD = re.compile(r"cell\s+(\d{1,9})\s*[x×]\s*(\S+)")
_CELL = re.compile(r"cell\s+(\d{1,9})")
_TO = re.compile(r"(\S+)\s+to\s+(.+)")
MOST_TIMES, LEAST_SHARE, LEAST_RATE_BPS = 1e6, 1e-3, 100.0
LONGEST_ADDED_NS = 86_400 * NS_PER_S


class Overload(msgspec.Struct, frozen=True):
    """The UEs of ``cell`` (0-based) generate tasks ``factor`` times as densely."""

    cell: int
    factor: float

    @property
    def target(self) -> str:
        """What it happens to."""
        return f"cell {self.cell + 1}"

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


class Degrade(msgspec.Struct, frozen=True):
    """The uplink of the UE ``target`` moves at most ``rate_bps``, and what leaves arrives ``added_ns`` later."""

    target: str
    rate_bps: float = math.inf
    added_ns: int = 0

    @property
    def text(self) -> str:
        """The phrase."""
        rate = [] if math.isinf(self.rate_bps) else [units.exact(self.rate_bps, "rate")]
        added = [f"+{units.exact(self.added_ns, 'time')}"] if self.added_ns else []
        return f"{self.target} to {' '.join(rate + added)}"


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
        return f"cell {self.cell + 1}"

    @property
    def text(self) -> str:
        """The phrase."""
        return self.target


Phrase = Overload | Slow | Degrade | LinkCut | Partition
FAULT_KINDS = ("overload", "slow", "degrade", "cut", "partition")


@dataclass(frozen=True)
class OverloadPhrase:
    """``cell 1 x 3``."""

    def parse(self, text: str) -> Overload:
        """See `testbed.scenario.fields.Scalar`."""
        found = _OVERLOAD.fullmatch(text.strip())
        if found is None:
            raise InvalidError(f'"{text}" is no overload', "write a cell and a factor, as in: cell 1 x 3")
        factor = units.number(found[2])
        if not 0.0 <= factor <= MOST_TIMES:
            raise InvalidError(f'"{found[2]}" is out of range', f"must be from 0 to {MOST_TIMES:g}")
        return Overload(_cell(found[1]), factor)

    def write(self, value: Overload) -> str:
        """See `testbed.scenario.fields.Scalar`."""
        return value.text


@dataclass(frozen=True)
class SlowPhrase:
    """``es-2 to 50%``."""

    def parse(self, text: str) -> Slow:
        """See `testbed.scenario.fields.Scalar`."""
        found = _TO.fullmatch(text.strip())
        if found is None:
            raise InvalidError(f'"{text}" slows nothing', "write an ES and a share, as in: es-2 to 50%")
        share = units.number(found[2])
        if not LEAST_SHARE <= share <= 1.0:
            raise InvalidError(f'"{found[2]}" is out of range', f"must be from {LEAST_SHARE:.1%} to 100%")
        return Slow(found[1], share)

    def write(self, value: Slow) -> str:
        """See `testbed.scenario.fields.Scalar`."""
        return value.text


@dataclass(frozen=True)
class DegradePhrase:
    """``ue-1-3 to 1 Mbit/s``, ``ue-1-3 to +20 ms``, or both: ``ue-1-3 to 1 Mbit/s +20 ms``."""

    def parse(self, text: str) -> Degrade:
        """See `testbed.scenario.fields.Scalar`."""
        found = _TO.fullmatch(text.strip())
        if found is None:
            raise InvalidError(
                f'"{text}" degrades nothing', "write a UE with a rate or a latency: ue-1-3 to 1 Mbit/s +20 ms"
            )
        rate, plus, added = (part.strip() for part in found[2].partition("+"))
        made = Degrade(
            found[1],
            units.parse(rate, "rate") if rate else math.inf,
            int(units.parse(added, "time")) if plus else 0,
        )
        if made.rate_bps < LEAST_RATE_BPS:
            raise InvalidError(f'"{rate}" is out of range', f"must be at least {LEAST_RATE_BPS:g} bit/s")
        if not 0 <= made.added_ns <= LONGEST_ADDED_NS:
            raise InvalidError(f'"{added}" is out of range', "must be at most a day")
        return made

    def write(self, value: Degrade) -> str:
        """See `testbed.scenario.fields.Scalar`."""
        return value.text


@dataclass(frozen=True)
class CutPhrase:
    """``ue-1-3:es-1``, or ``es-1:es-2``."""

    def parse(self, text: str) -> LinkCut:
        """See `testbed.scenario.fields.Scalar`."""
        one, colon, other = (part.strip() for part in text.partition(":"))
        if not (one and colon and other):
            raise InvalidError(f'"{text}" is no link', "write both of its ends, as in: ue-1-3:es-1, or es-1:es-2")
        return LinkCut(one, other)

    def write(self, value: LinkCut) -> str:
        """See `testbed.scenario.fields.Scalar`."""
        return value.text


@dataclass(frozen=True)
class PartitionPhrase:
    """``cell 2``."""

    def parse(self, text: str) -> Partition:
        """See `testbed.scenario.fields.Scalar`."""
        found = _CELL.fullmatch(text.strip())
        if found is None:
            raise InvalidError(f'"{text}" is no cell', "write a cell, as in: cell 2")
        return Partition(_cell(found[1]))

    def write(self, value: Partition) -> str:
        """See `testbed.scenario.fields.Scalar`."""
        return value.text


def _cell(text: str) -> int:
    """A cell's index; cells are counted from 1."""
    if int(text) < 1:
        raise InvalidError(f'there is no "cell {text}"', "cells are counted from 1")
    return int(text) - 1


def _number(value: float) -> str:
    """A number that reads back as the same."""
    return str(int(value)) if value.is_integer() else repr(value)
