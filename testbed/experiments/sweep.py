"""``--sweep key=a..b:n``: n values of a scenario's key at equal distances, or of two keys with each other (pure)."""

import re
from collections.abc import Callable, Sequence
from itertools import product
from math import prod

import msgspec

from testbed.model.errors import ScenarioError, UsageError, brief
from testbed.scenario.load import Loaded
from testbed.scenario.source import ARGUMENT

_FORM = re.compile(r"([^=]+)=(.+?)\.\.(.+):(\d+)")
_QUANTITY = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*")
_REMEDY = 'write key=a..b:n, like --sweep density=0.3..0.9:4 or --sweep "cells.0.es.cpu=2..4 GHz:3"'
MOST_VALUES, MOST_KEYS = 1000, 2
Point = tuple[str, ...]


class Sweep(msgspec.Struct, frozen=True):
    """A key and the texts of its values."""

    key: str
    values: tuple[str, ...]


class Grid(msgspec.Struct, frozen=True):
    """The points of one sweep, or of two with each other; of none the one point that is the scenario itself."""

    sweeps: tuple[Sweep, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """What is swept."""
        return tuple(sweep.key for sweep in self.sweeps)

    @property
    def points(self) -> tuple[Point, ...]:
        """The values of the keys at each point; those of the last key change first."""
        return tuple(product(*(sweep.values for sweep in self.sweeps)))

    def changes(self, point: Point) -> list[str]:
        """The overrides of the scenario that a point stands for."""
        return [f"{key}={value}" for key, value in zip(self.keys, point, strict=True)]

    def named(self, point: Point) -> str:
        """A point for a reader; "" if nothing is swept."""
        return ", ".join(f"{key} = {value}" for key, value in zip(self.keys, point, strict=True))


def scenario_at(grid: Grid, point: Point, load: Callable[[Sequence[str]], Loaded]) -> Loaded:
    """What ``load`` makes of the changes of ``point``; a mistake in one is told in the name of ``--sweep``, not of
    ``--set``. Raises `ScenarioError`.
    """
    try:
        return load(grid.changes(point))
    except ScenarioError as error:
        keys = [key for key in grid.keys if error.file == f"{ARGUMENT} {brief(key)}"]
        if not keys:
            raise
        raise ScenarioError(
            error.message,
            file=f"--sweep {brief(keys[0])}",
            line=error.line,
            column=error.column,
            source=error.source,
            length=error.length,
            remedy=error.remedy,
        ) from None


def grid(texts: Sequence[str]) -> Grid:
    """Read sweeps of at most two keys. Raises `UsageError`."""
    sweeps = tuple(map(parse, texts))
    if len(sweeps) > MOST_KEYS:
        raise UsageError(f"--sweep is given {len(sweeps)} times", "sweep one key or two")
    if len({sweep.key for sweep in sweeps}) < len(sweeps):
        raise UsageError(f"--sweep {sweeps[0].key} is given twice", "sweep one key or two different ones")
    count = prod(len(sweep.values) for sweep in sweeps)
    if count > MOST_VALUES:
        raise UsageError(f"the sweeps have {count} points", f"take at most {MOST_VALUES}")
    return Grid(sweeps)


def parse(text: str) -> Sweep:
    """Read a sweep; both ends have the same unit, or the first one none. Raises `UsageError`."""
    form = _FORM.fullmatch(text)
    low, high = (_QUANTITY.fullmatch(form[i]) if form else None for i in (2, 3))
    if form is None or low is None or high is None or low[2] not in ("", high[2]):
        raise UsageError(f'--sweep "{text}" is no sweep', _REMEDY)
    count = int(form[4])
    if not 2 <= count <= MOST_VALUES:
        raise UsageError(f'--sweep "{text}" has {count} values', f"take 2 to {MOST_VALUES}")
    first, last = float(low[1]), float(high[1])
    steps = [first + (last - first) * i / (count - 1) for i in range(count)]
    return Sweep(form[1].strip(), tuple(f"{value:.10g} {high[2]}".strip() for value in steps))
