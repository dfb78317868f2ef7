"""``--sweep key=a..b:n``: n values of a scenario's key at equal distances (pure)."""

import re
from collections.abc import Callable

import msgspec

from testbed.model.errors import ScenarioError, UsageError, brief
from testbed.scenario.load import Loaded
from testbed.scenario.source import ARGUMENT

_FORM = re.compile(r"([^=]+)=(.+?)\.\.(.+):(\d+)")
_QUANTITY = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*")
_REMEDY = 'write key=a..b:n, like --sweep density=0.3..0.9:4 or --sweep "cells.0.es.cpu=2..4 GHz:3"'
MOST_VALUES = 1000


class Sweep(msgspec.Struct, frozen=True):
    """A key and the texts of its values."""

    key: str
    values: tuple[str, ...]


def scenario_at(sweep: Sweep, value: str, load: Callable[[str], Loaded]) -> Loaded:
    """What ``load`` makes of ``key=value``; a mistake in that is told in the name of ``--sweep``, not of ``--set``.

    Raises `ScenarioError`.
    """
    try:
        return load(f"{sweep.key}={value}")
    except ScenarioError as error:
        if error.file != f"{ARGUMENT} {brief(sweep.key)}":
            raise
        raise ScenarioError(
            error.message,
            file=f"--sweep {brief(sweep.key)}",
            line=error.line,
            column=error.column,
            source=error.source,
            length=error.length,
            remedy=error.remedy,
        ) from None


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
