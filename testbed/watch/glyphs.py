"""Small drawings in characters: sparklines, charts, bars, bars of several parts (pure)."""

import math
from collections.abc import Collection, Mapping, Sequence

from rich.text import Text

_BLOCKS = "▁▂▃▄▅▆▇█"
_FULL, _EMPTY, LINE = "█", "░", "╌"


def sparkline(values: Sequence[float], width: int, low: float | None = None, high: float | None = None) -> str:
    """The last ``width`` of ``values`` as blocks between ``low`` and ``high`` (by default their own extremes)."""
    shown = [value for value in values[-width:] if math.isfinite(value)] if width > 0 else []
    if not shown:
        return ""
    floor = min(shown) if low is None else low
    span = (max(shown) if high is None else high) - floor
    top = len(_BLOCKS) - 1
    return "".join(
        _BLOCKS[min(top, max(0, round((value - floor) / span * top)))] if span > 0 else _BLOCKS[0] for value in shown
    )


def chart(values: Sequence[float], width: int, height: int, line: float | None = None) -> list[Text]:
    """The last ``width`` of ``values`` as columns of ``height`` rows from zero, with a dashed ``line`` across."""
    shown = [value if math.isfinite(value) else 0.0 for value in values[-width:]]
    top = max([*shown, line * 1.15 if line is not None else 0.0], default=0.0)
    crossed = math.ceil(line / top * height) if line is not None and top > 0 else 0
    return [_chart_row(shown, width, row, height / top if top > 0 else 0.0, crossed) for row in range(height, 0, -1)]


def _chart_row(values: Sequence[float], width: int, row: int, scale: float, crossed: int) -> Text:
    """Row ``row``, counted from the bottom; ``scale`` is rows a unit, ``crossed`` the row of the dashed line."""
    blocks = []
    for value in values:
        eighths = round(value * scale * 8) - 8 * (row - 1)
        blocks.append(_BLOCKS[min(7, eighths - 1)] if eighths > 0 else " ")
    plain = "".join(blocks).ljust(width)
    if row != crossed:
        return Text(plain.rstrip(), style="cyan")
    return Text.assemble(*((LINE, "yellow") if block == " " else (block, "cyan") for block in plain))


def bar(share: float, width: int, style: str = "green") -> Text:
    """A bar of ``width`` characters of which ``share`` is filled."""
    filled = min(width, max(0, round(share * width)))
    return Text.assemble((_FULL * filled, style), (_EMPTY * (width - filled), "dim"))


def stacked(parts: Sequence[tuple[str, float]], width: int, colours: Mapping[str, str]) -> Text:
    """One bar of ``width`` characters, a colour for each part; the smallest parts may get no character."""
    total = sum(value for _, value in parts)
    if total <= 0 or width <= 0:
        return Text(_EMPTY * max(0, width), style="dim")
    text, reached, drawn = Text(), 0.0, 0
    for name, value in parts:
        reached += value
        upto = round(reached / total * width)
        text.append(_FULL * (upto - drawn), style=colours.get(name, "white"))
        drawn = upto
    return text


def columns(rows: Sequence[Sequence[Text]], right: Collection[int] = ()) -> Text:
    """``rows`` of cells below each other, one space apart, those of the columns ``right`` flush right.

    A screen is drawn again and again: rich's tables, which measure every cell several times, take too long for that.
    """
    widths = [max(row[n].cell_len for row in rows) for n in range(len(rows[0]))]
    whole = Text(no_wrap=True, overflow="ellipsis")
    for number_of_row, row in enumerate(rows):
        if number_of_row:
            whole.append("\n")
        for n, cell in enumerate(row):
            space = " " * (widths[n] - cell.cell_len)
            if n:
                whole.append(" ")
            if n in right:
                whole.append(space)
            whole.append_text(cell)
            if n not in right and n < len(row) - 1:
                whole.append(space)
    return whole


def number(value: float | None, digits: int = 3) -> str:
    """A number with ``digits`` decimals, a dash where there is none."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def percent(value: float | None) -> str:
    """A share as a percentage, a dash where there is none."""
    return "–" if value is None or not math.isfinite(value) else f"{100 * value:.1f} %"
