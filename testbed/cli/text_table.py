"""Tables as plain text that can be pasted anywhere: aligned columns without boxes (pure)."""

import io
from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

_GAP = 2


def table(head: Sequence[str], rows: Sequence[Sequence[str]], columns: int = 0) -> str:
    """Aligned columns, the first to the left, the others to the right.

    What is wider than ``columns`` (0: any) goes on below, the first column repeated.
    """
    widths = [max(cell_len(line[i]) for line in (head, *rows)) for i in range(len(head))]
    parts, used = [[1]], widths[0] + _GAP + widths[1]
    for i in range(2, len(head)):
        used += _GAP + widths[i]
        if columns and used > columns:
            parts.append([])
            used = widths[0] + _GAP + widths[i]
        parts[-1].append(i)
    return "\n\n".join(_aligned(head, rows, [0, *part], _GAP * len(part) + sum(widths)) for part in parts)


def _aligned(head: Sequence[str], rows: Sequence[Sequence[str]], part: Sequence[int], columns: int) -> str:
    """The columns ``part`` of a table, in lines of at most ``columns`` that end with their last letter."""
    drawn = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False)
    for i in part:
        drawn.add_column(Text(head[i]), justify="right" if i else "left", no_wrap=True)
    for row in rows:
        drawn.add_row(*(Text(row[i]) for i in part))
    plain = Console(file=io.StringIO(), width=columns, color_system=None, _environ={})
    with plain.capture() as lines:
        plain.print(drawn)
    return "\n".join(line.rstrip() for line in lines.get().splitlines())
