"""Azure Functions 2021: an invocation a row, ``app,func,end_timestamp,duration``, seconds since the trace's beginning.

Format: github.com/Azure/AzurePublicDataset (Zhang et al., SOSP 2021). An invocation begins its duration before its end;
rows are in the order of no instant.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from testbed.model.delay import NS_PER_S
from testbed.model.errors import ScenarioError
from testbed.scenario.requests import Request, RequestColumns
from testbed.scenario.tables import cells
from testbed.trace.cells import separated
from testbed.trace.job import LATEST_S, MOST_CYCLES, JobOptions, instant_ns, work
from testbed.trace.lines import Line, block_lines
from testbed.trace.named_columns import headed, places
from testbed.trace.notes import Say, count

INVOCATION_COLUMNS = ("app", "func", "end_timestamp", "duration")
_INSTANT_ONES, _EARLY = "of no duration", "that began before the trace"


def read(file: str, options: JobOptions, say: Say) -> Iterator[RequestColumns]:
    """The invocations of ``file`` in its order, some at a time. Raises `ScenarioError` with line and column."""
    columns: list[int] = []
    left_out: Counter[str] = Counter()
    for head, first, block in headed(file, options.share):
        columns = columns or places(head, INVOCATION_COLUMNS[2:])
        found = _plain(block, len(head), columns, options, left_out)
        yield found if found is not None else _by_row(file, first, block, columns, options, left_out)
    if not columns:
        raise ScenarioError("the file is empty", file, 1, 1, remedy=f"the header is {','.join(INVOCATION_COLUMNS)}")
    for what in (_INSTANT_ONES, _EARLY):
        if left_out[what]:
            say(f"{count(left_out[what], 'invocation')} {what} left out")


@np.errstate(over="ignore", invalid="ignore")
def _plain(
    block: bytes, width: int, columns: Sequence[int], options: JobOptions, left_out: Counter[str]
) -> RequestColumns | None:
    """The invocations of a block whose lines are written plainly and hold nothing wrong; None otherwise."""
    found = separated(block, width)
    if found is None:
        return None
    numbers = [found.reals(at) for at in columns]
    reals = [number for number in numbers if number is not None]
    if len(reals) < len(numbers):
        return None
    finish, duration = reals
    at, cycles, lasting = finish - duration, duration * options.hz, duration > 0.0
    if (lasting & ((cycles >= MOST_CYCLES) | (abs(at) >= LATEST_S))).any():
        return None
    at_ns = np.rint(at * NS_PER_S).astype(np.int64)
    kept = lasting & (at_ns >= 0)
    left_out.update({_INSTANT_ONES: int((~lasting).sum()), _EARLY: int((lasting & ~kept).sum())})
    whole = np.maximum(1, np.rint(cycles[kept])).astype(np.int64)
    return RequestColumns(at_ns[kept], np.zeros_like(whole), whole)


def _by_row(
    file: str, first: int, block: bytes, columns: Sequence[int], options: JobOptions, left_out: Counter[str]
) -> RequestColumns:
    """As `_plain`, of lines written in any way. Raises `ScenarioError` for the first that holds something wrong."""
    found = []
    for line in block_lines(file, first, block):
        if not line.text.strip():
            continue
        row = Line(file, line.number, line.text, cells(line.text))
        if len(row) <= max(columns):
            raise row.error(len(row), f"{len(row)} cells where the header has more", "write one cell for each column")
        end, duration = (row.real(at, name) for at, name in zip(columns, INVOCATION_COLUMNS[2:], strict=True))
        if duration <= 0.0:
            left_out[_INSTANT_ONES] += 1
            continue
        at = instant_ns(row, columns[0], end - duration)
        if at < 0:
            left_out[_EARLY] += 1
            continue
        found.append(Request(at, 0, work(row, columns[1], duration, options)))
    return RequestColumns.of(found)
