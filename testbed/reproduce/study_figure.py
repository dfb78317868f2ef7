"""A figure as lines with intervals over seeds, and its data as rows (pure)."""

import math
from collections.abc import Iterator, Sequence

import msgspec

from testbed.analysis import intervals

_DIGITS, _AXIS_MARGIN = 6, 0.05
ON_PROCESSES = 0  # instead of a claim's number: the check on processes


class FigureLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line: its points, and the bounds of their 95 % intervals, NaN where there are none.

    The upright axis is made to hold it only if it is ``framed``; with ``dots`` its points stand alone.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    framed: bool = True
    dots: bool = False


class StudyFigure(msgspec.Struct, frozen=True, kw_only=True):
    """A figure of a ``claim`` or `ON_PROCESSES`: the stem of its files, titles, lines.

    ``timed``: of measured time, no two runs' same.
    """

    claim: int
    stem: str
    title: str
    x_title: str
    y_title: str
    lines: tuple[FigureLine, ...]
    timed: bool = False

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The data as text, titles first; numbers have six digits, an unknown bound is empty."""
        head = ("line", self.x_title, self.y_title, "low", "high")
        return [head, *(row for line in self.lines for row in _rows(line))]

    @property
    def y_range(self) -> tuple[float, float] | None:
        """The ends of the upright axis where a line is not framed; None where all are."""
        if all(line.framed for line in self.lines):
            return None
        framed = [line for line in self.lines if line.framed]
        values = [y for line in framed for y in (*line.y, *line.low, *line.high) if math.isfinite(y)]
        if not values:
            return None
        margin = _AXIS_MARGIN * (max(values) - min(values))
        return min(values) - margin, max(values) + margin


def _rows(line: FigureLine) -> Iterator[tuple[str, ...]]:
    nothing = (math.nan,) * len(line.x)
    for point in zip(line.x, line.y, line.low or nothing, line.high or nothing, strict=True):
        yield (line.name, *(f"{value:.{_DIGITS}g}" if math.isfinite(value) else "" for value in point))


def slug(text: str) -> str:
    """``text`` as a part of a file's name."""
    return "-".join("".join(c if c.isalnum() else " " for c in text).split()).lower()


def over_seeds(
    name: str, x: Sequence[float], columns: Sequence[Sequence[float]], *, framed: bool = True, dots: bool = False
) -> FigureLine:
    """A line of means with intervals; ``columns`` hold the values of all seeds for each ``x``."""
    estimates = [intervals.of_mean(column) for column in columns]
    return FigureLine(
        name=name,
        x=tuple(x),
        y=tuple(one.value for one in estimates),
        low=tuple(one.low for one in estimates),
        high=tuple(one.high for one in estimates),
        framed=framed,
        dots=dots,
    )
