"""How faults are written, in a scenario and by hand: one table, a row for each kind.

| kind | phrase |
|---|---|
| overload | ``cell 1 x 3`` |
| slow | ``es-2 to 50%`` |
| degrade | ``ue-1-3 to 1 Mbit/s loss 10% +20 ms both ways``, each part but the UE optional, ``to`` too |
| cut | ``ue-1-3:es-1`` or ``es-1:es-2`` |
| partition | ``cell 2`` |
| pause | ``es-2`` or ``ue-1-3`` |
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from testbed.model.errors import InvalidError
from testbed.scenario import units
from testbed.scenario.fault_kinds import (
    ANY_CELL,
    LEAST_RATE_BPS,
    LEAST_SHARE,
    LONGEST_ADDED_NS,
    MOST_LOSS,
    MOST_TIMES,
    Degrade,
    LinkCut,
    Overload,
    Partition,
    Phrase,
    Slow,
    Standstill,
)


def _name(text: str) -> str:
    return text


def _cell(text: str) -> int:
    """A cell's index, or `ANY_CELL`; cells are counted from 1."""
    if not text:
        return ANY_CELL
    if int(text) < 1:
        raise InvalidError(f'there is no "cell {text}"', "cells are counted from 1")
    return int(text) - 1


def _within(value: float, text: str, low: float, high: float, remedy: str) -> float:
    if not low <= value <= high:
        raise InvalidError(f'"{text}" is out of range', remedy)
    return value


def _factor(text: str) -> float:
    return _within(units.number(text), text, 0.0, MOST_TIMES, f"must be from 0 to {MOST_TIMES:g}")


def _share(text: str) -> float:
    limits = f"must be from {LEAST_SHARE:.1%} to 100%"
    return _within(units.number(text), text, LEAST_SHARE, 1.0, _of_hundred(text, LEAST_SHARE, 1.0, limits))


def _of_hundred(text: str, low: float, high: float, limits: str) -> str:
    """The remedy of a share that may be out of range: its sign, if it is a share of 100 without one, or the limits."""
    lacks_sign = not text.endswith("%") and low <= units.number(text) / 100.0 <= high
    return f"write {text}%" if lacks_sign else limits


def _rate(text: str) -> float:
    rate = units.parse(text, "rate")
    return _within(rate, text, LEAST_RATE_BPS, math.inf, f"must be at least {LEAST_RATE_BPS:g} bit/s")


def _loss(text: str) -> float:
    limits = f"must be from 0 to {MOST_LOSS:.0%}"
    return _within(units.number(text), text, 0.0, MOST_LOSS, _of_hundred(text, 0.0, MOST_LOSS, limits))


def _added(text: str) -> int:
    return int(_within(units.parse(text, "time"), text, 0, LONGEST_ADDED_NS, "must be from 0 to a day"))


def _both(text: str) -> bool:
    return bool(text)


class PhraseKind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind: the ``shape`` of its phrase, whose groups ``read`` turns into the fields of what is ``made``.

    What has another shape ``is_none`` of it, and is told to write like the ``example``.
    """

    made: type[msgspec.Struct]
    shape: re.Pattern[str]
    read: Mapping[str, Callable[[str], object]]
    is_none: str
    example: str


_CELL = r"cell(?:\s+(?P<cell>\d{1,9}))?"
PHRASES: Mapping[str, PhraseKind] = {
    "overload": PhraseKind(
        made=Overload,
        shape=re.compile(_CELL + r"\s*[x×]\s*(?P<factor>\S+)"),
        read={"cell": _cell, "factor": _factor},
        is_none="is no overload",
        example="a cell and a factor, as in: cell 1 x 3",
    ),
    "slow": PhraseKind(
        made=Slow,
        shape=re.compile(r"(?P<target>\S+)\s+to\s+(?P<share>.+)"),
        read={"target": _name, "share": _share},
        is_none="slows nothing",
        example="an ES and a share, as in: es-2 to 50%",
    ),
    "degrade": PhraseKind(
        made=Degrade,
        shape=re.compile(
            r"(?P<target>\S+)(?:\s+to(?=\s+\S))?(?:\s+(?P<rate_bps>(?!to\b|loss|latency|both)[^\s+][^+]*?))?"
            r"(?:\s+loss\s+(?P<loss>[^\s+]+(?:\s+%)?))?(?:\s+(?:latency\s+\+?|\+)(?P<added_ns>.+?))?"
            r"(?:\s+(?P<both_ways>both ways))?"
        ),
        read={"target": _name, "rate_bps": _rate, "loss": _loss, "added_ns": _added, "both_ways": _both},
        is_none="degrades nothing",
        example="a UE with a rate, a loss or a latency, in this order: ue-1-3 to 1 Mbit/s loss 10% latency +20 ms",
    ),
    "cut": PhraseKind(
        made=LinkCut,
        shape=re.compile(r"(?P<one>[^:\s]+)\s*:\s*(?P<other>[^:\s]+)"),
        read={"one": _name, "other": _name},
        is_none="is no link",
        example="both of its ends, as in: ue-1-3:es-1, or es-1:es-2",
    ),
    "pause": PhraseKind(
        made=Standstill,
        shape=re.compile(r"(?P<target>\S+)"),
        read={"target": _name},
        is_none="stands for nobody",
        example="a UE or an ES, as in: es-2",
    ),
    "partition": PhraseKind(
        made=Partition,
        shape=re.compile(_CELL),
        read={"cell": _cell},
        is_none="is no cell",
        example="a cell, as in: cell 2",
    ),
}


@dataclass(frozen=True)
class FaultPhrase:
    """The phrase of one kind of fault."""

    kind: str

    def parse(self, text: str) -> Phrase:
        """See `testbed.scenario.fields.Scalar`."""
        row = PHRASES[self.kind]
        found = row.shape.fullmatch(text.strip())
        if found is None or not self._says_something(found):
            raise InvalidError(f'"{text}" {row.is_none}', f"write {row.example}")
        optional = {field.name for field in msgspec.structs.fields(row.made) if not field.required}
        values: dict[str, Any] = {
            name: read(found[name] or "") for name, read in row.read.items() if found[name] or name not in optional
        }
        return cast(Phrase, row.made(**values))

    def _says_something(self, found: re.Match[str]) -> bool:
        """Whether anything is degraded: a UE both ways alone is no fault."""
        return self.kind != "degrade" or any(found[name] for name in ("rate_bps", "loss", "added_ns"))

    def write(self, value: Phrase) -> str:
        """See `testbed.scenario.fields.Scalar`."""
        return value.text
