"""Charts as inline SVG whose colours follow the page's theme (pure): lines, stacked bars, the lives of processes.

Lines have the classes ``c0`` to ``c7``, which the page's style gives their colours. Names are escaped here.
"""

import math
from collections.abc import Mapping, Sequence
from html import escape
from itertools import groupby

import msgspec

from testbed.report.series import Marker, Series

CHART_WIDTH, CHART_HEIGHT = 400, 230
LEFT_MARGIN, RIGHT_MARGIN, TOP_MARGIN, BOTTOM_MARGIN = 52, 10, 8, 36
LINE_COLOURS, DASHES = 8, ("", "7 3", "2 3", "7 3 2 3")
MOST_SOURCES, ROW_HEIGHT = 24, 36
EMPTY_CHART = '<p class="dim">nothing to draw</p>'


class Scale(msgspec.Struct, frozen=True):
    """The titles of a chart's axes, and the ends of the upright one where they do not follow from the data."""

    x_title: str
    y_title: str
    low: float | None = None
    high: float | None = None


class _Frame(msgspec.Struct, frozen=True):
    """From data to coordinates."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float

    def x(self, value: float) -> float:
        """Where ``value`` is from left to right."""
        share = (value - self.x_low) / (self.x_high - self.x_low)
        return LEFT_MARGIN + share * (CHART_WIDTH - LEFT_MARGIN - RIGHT_MARGIN)

    def y(self, value: float) -> float:
        """Where ``value`` is from top to bottom."""
        bottom = CHART_HEIGHT - BOTTOM_MARGIN
        return bottom - (value - self.y_low) / (self.y_high - self.y_low) * (bottom - TOP_MARGIN)


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """At most ``count`` + 1 round numbers from ``low`` to ``high``."""
    span = high - low
    if not span > 0.0:
        return [low]
    power = 10.0 ** math.floor(math.log10(span / count))
    step = next(power * factor for factor in (1, 2, 5, 10, 20) if span / (power * factor) <= count)
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def lines(series: Sequence[Series], scale: Scale, marked: Sequence[Marker] = (), groups: Sequence[str] = ()) -> str:
    """A chart of lines with a legend and the ``marked`` instants; a sentence where there is nothing to draw.

    Lines with a group have its colour, are thin, and ``groups`` are what the legend names.
    """
    drawn = [line for line in series if line.x]
    if not drawn:
        return EMPTY_CHART
    frame = _frame(drawn, scale)
    parts = [_axes(frame, scale), *(_mark(frame, marker) for marker in _apart(frame, marked))]
    parts.append(_inside(frame, drawn, "".join(_line(frame, line, n) for n, line in enumerate(drawn))))
    names = list(groups) or [line.name for line in drawn]
    label = f"{scale.y_title} by {scale.x_title}"
    legend = _legend([(_key(n), name) for n, name in enumerate(names)]) if len(names) > 1 else ""
    return f"{_drawing(CHART_HEIGHT, parts, label)}{legend}"


def bars(rows: Sequence[tuple[str, Mapping[str, float]]], colours: Mapping[str, str], unit: str) -> str:
    """A stacked bar for each of ``rows``, name and sum above it, all to one scale, and a legend of the parts."""
    shown = [(name, {part: value for part, value in values.items() if value > 0.0}) for name, values in rows]
    longest = max((math.fsum(parts.values()) for _, parts in shown), default=0.0)
    if not longest > 0.0:
        return EMPTY_CHART
    height, width = 44, CHART_WIDTH - 4
    drawn = []
    for n, (name, parts) in enumerate(shown):
        y, x = n * height, 2.0
        total = math.fsum(value for value in dict(rows[n][1]).values() if math.isfinite(value))
        drawn.append(f'<text x="2" y="{y + 13}">{escape(name)}</text>')
        drawn.append(f'<text x="{CHART_WIDTH - 2}" y="{y + 13}" text-anchor="end">{total:.4g} {unit}</text>')
        for part, value in parts.items():
            length = value / longest * width
            drawn.append(
                f'<rect class="part" x="{x:.1f}" y="{y + 18}" width="{length:.2f}" height="18" fill="{colours[part]}">'
                f"<title>{escape(words(part))}: {value:.4g} {unit}</title></rect>"
            )
            x += length
    used = [part for part in colours if any(part in parts for _, parts in shown)]
    keys = _legend([(f'style="background:{colours[part]}"', words(part)) for part in used])
    return f"{_drawing(len(rows) * height, drawn, f'parts of a sum in {unit}')}{keys}"


def lives(sources: Mapping[str, Sequence[tuple[float, float]]], marked: Sequence[Marker], end_s: float) -> str:
    """The events of processes on the time axis, a row each, with ``sources`` as the spans in which they were dead."""
    names = list(sources)[:MOST_SOURCES]
    frame = _Frame(0.0, end_s if end_s > 0.0 else 1.0, 0.0, 1.0)
    bottom = len(names) * ROW_HEIGHT
    drawn = []
    for n, name in enumerate(names):
        y = n * ROW_HEIGHT + 25
        left, right = frame.x(frame.x_low), frame.x(frame.x_high)
        drawn.append(f'<text x="{left:.0f}" y="{y - 11}">{escape(name)}</text>')
        drawn.append(f'<line class="alive" x1="{left:.1f}" x2="{right:.1f}" y1="{y}" y2="{y}"/>')
        for begin, end in sources[name]:
            drawn.append(f'<line class="dead" x1="{frame.x(begin):.1f}" x2="{frame.x(end):.1f}" y1="{y}" y2="{y}"/>')
        own_markers = [marker for marker in marked if marker.source == name]
        drawn += [
            f'<circle class="{escape(marker.kind)}" cx="{frame.x(marker.at_s):.1f}" cy="{y}" r="5">'
            f"{_title(marker)}</circle>"
            for marker in _apart(frame, own_markers)
        ]
    for value in ticks(frame.x_low, frame.x_high, 6):
        drawn.append(f'<text x="{frame.x(value):.1f}" y="{bottom + 14}" text-anchor="middle">{value:g}</text>')
    middle = (LEFT_MARGIN + CHART_WIDTH) / 2
    drawn.append(f'<text x="{middle}" y="{bottom + 29}" text-anchor="middle">emulated time, s</text>')
    more = len(sources) - len(names)
    note = f'<p class="dim">and {more} more processes; see the table</p>' if more else ""
    return f"{_drawing(bottom + 34, drawn, 'events of processes over time')}{note}"


def _drawing(height: float, parts: Sequence[str], label: str) -> str:
    size = f'viewBox="0 0 {CHART_WIDTH} {height:g}"'
    return f'<svg {size} role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'


def words(name: str) -> str:
    """A name of the code as words."""
    return " ".join("ES" if word == "es" else word for word in name.split("_"))


def _frame(drawn: Sequence[Series], scale: Scale) -> _Frame:
    """The frame that holds all of ``drawn``; no side of it is empty."""
    known = [y for line in drawn for y in line.y if math.isfinite(y)]
    x_low, x_high = min(min(line.x) for line in drawn), max(max(line.x) for line in drawn)
    low = min(known, default=0.0) if scale.low is None else scale.low
    high = max(known, default=1.0) if scale.high is None else scale.high
    if high <= low:
        low, high = (low, low + 1.0) if scale.high is None else (high - 1.0, high)
    return _Frame(x_low, x_high if x_high > x_low else x_low + 1.0, low, high)


def _inside(frame: _Frame, drawn: Sequence[Series], lines: str) -> str:
    """``lines``, cut off at the axes if one of them leaves the frame."""
    if all(frame.y_low <= y <= frame.y_high for line in drawn for y in line.y if math.isfinite(y)):
        return lines
    width, height = CHART_WIDTH - LEFT_MARGIN - RIGHT_MARGIN, CHART_HEIGHT - TOP_MARGIN - BOTTOM_MARGIN
    place = f'x="{LEFT_MARGIN}" y="{TOP_MARGIN}" width="{width}" height="{height}"'
    return f'<svg {place} viewBox="{LEFT_MARGIN} {TOP_MARGIN} {width} {height}">{lines}</svg>'


def _line(frame: _Frame, line: Series, number: int) -> str:
    """A line in its pieces, a lonely point as a dot."""
    colour = number if line.group < 0 else line.group
    dash = DASHES[colour // LINE_COLOURS % len(DASHES)]
    style = f' stroke-dasharray="{dash}"' if dash else ""
    kind, stroke = "line" if line.group < 0 else "line thin", f"c{colour % LINE_COLOURS}"
    pieces = []
    for known, piece in groupby(zip(line.x, line.y, strict=True), lambda point: math.isfinite(point[1])):
        points = [f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in piece] if known else []
        if len(points) == 1:
            x, y = points[0].split(",")
            pieces.append(f'<circle class="dot {stroke}" cx="{x}" cy="{y}" r="2.5">{_named(line.name)}</circle>')
        elif points:
            drawn = f'class="{kind} {stroke}" points="{" ".join(points)}"{style}'
            pieces.append(f"<polyline {drawn}>{_named(line.name)}</polyline>")
    return "".join(pieces)


def _named(name: str) -> str:
    return f"<title>{escape(name)}</title>"


def _apart(frame: _Frame, marked: Sequence[Marker]) -> list[Marker]:
    """``marked`` without those of a kind and a source that would be drawn where another is."""
    by_place = {(round(frame.x(marker.at_s) / 2.0), marker.kind, marker.source): marker for marker in reversed(marked)}
    return list(by_place.values())[::-1]


def _mark(frame: _Frame, marker: Marker) -> str:
    x = min(max(frame.x(marker.at_s), LEFT_MARGIN), CHART_WIDTH - RIGHT_MARGIN)
    ends = f'x1="{x:.1f}" x2="{x:.1f}" y1="{TOP_MARGIN}" y2="{CHART_HEIGHT - BOTTOM_MARGIN}"'
    return f'<line class="mark {escape(marker.kind)}" {ends}>{_title(marker)}</line>'


def _title(marker: Marker) -> str:
    return _named(f"{marker.at_s:.2f} s: {marker.text}")


def _axes(frame: _Frame, scale: Scale) -> str:
    bottom, right = CHART_HEIGHT - BOTTOM_MARGIN, CHART_WIDTH - RIGHT_MARGIN
    parts = []
    for value in ticks(frame.x_low, frame.x_high, 6):
        parts.append(f'<text x="{frame.x(value):.1f}" y="{bottom + 14}" text-anchor="middle">{value:g}</text>')
    for value in ticks(frame.y_low, frame.y_high):
        y = frame.y(value)
        parts.append(f'<line class="grid" x1="{LEFT_MARGIN}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT_MARGIN - 5}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    across, up = (LEFT_MARGIN + right) / 2, (TOP_MARGIN + bottom) / 2
    parts.append(f'<text x="{across}" y="{CHART_HEIGHT - 5}" text-anchor="middle">{escape(scale.x_title)}</text>')
    parts.append(
        f'<text transform="translate(10 {up}) rotate(-90)" text-anchor="middle">{escape(scale.y_title)}</text>'
    )
    return "".join(parts)


def _key(number: int) -> str:
    """The attributes of a legend's swatch for the line of this number."""
    dashed = " dashed" if number >= LINE_COLOURS else ""
    return f'class="k{number % LINE_COLOURS}{dashed}"'


def _legend(items: Sequence[tuple[str, str]]) -> str:
    keys = "".join(f"<span><i {attributes}></i>{escape(name)}</span>" for attributes, name in items)
    return f'<div class="legend">{keys}</div>'
