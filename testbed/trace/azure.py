"""Azure's LLM inference traces: one request a row, ``TIMESTAMP,ContextTokens,GeneratedTokens``.

Format: github.com/Azure/AzurePublicDataset (Patel et al., ISCA 2024). Context tokens become input bits and generated
tokens become cycles, by factors.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
from numpy.typing import NDArray

from testbed.model.delay import NS_PER_S
from testbed.model.errors import ScenarioError
from testbed.scenario.decimals import Ints
from testbed.scenario.requests import Request, RequestColumns
from testbed.scenario.tables import cells
from testbed.trace.cells import are, separated
from testbed.trace.instants import FIRST_YEAR, LAST_YEAR, dates_ns
from testbed.trace.job import MOST_CYCLES, JobOptions
from testbed.trace.lines import Line, block_lines
from testbed.trace.named_columns import headed, places
from testbed.trace.notes import Say, count

REQUEST_COLUMNS = ("timestamp", "contexttokens", "generatedtokens")
WRITTEN = "write it like 2023-11-16 18:15:46.6805900"
_UTC = b"+00:00"
_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?\s*(?:(Z)|([+-])(\d\d):?(\d\d))?", re.ASCII
)


class _Order:
    """The clock of a file's rows: how many there are, tell no zone, are earlier than the one before, have 0 tokens."""

    def __init__(self) -> None:
        self.rows = self.zoneless = self.late = self.empty = 0
        self._latest = -(2**63)

    def add(self, at_ns: Ints, has_zone: NDArray[np.bool_], is_empty: NDArray[np.bool_]) -> None:
        """The next rows."""
        if not len(at_ns):
            return
        self.rows += len(at_ns)
        self.zoneless += int((~has_zone).sum())
        self.empty += int(is_empty.sum())
        self.late += int((at_ns[1:] < at_ns[:-1]).sum()) + (int(at_ns[0]) < self._latest)
        self._latest = int(at_ns[-1])


def read(file: str, options: JobOptions, say: Say) -> Iterator[RequestColumns]:
    """The requests of ``file`` in its order, at nanoseconds since 1970, of at least 1 bit and 1 cycle, some at a time.

    Raises `ScenarioError` with line and column.
    """
    columns: list[int] = []
    order = _Order()
    for head, first, block in headed(file, options.share):
        columns = columns or places(head, REQUEST_COLUMNS, fold=True)
        plain = _plain(block, len(head), columns, options)
        requests, has_zone = _by_row(file, first, block, len(head), columns, options) if plain is None else plain
        order.add(requests.at_ns, has_zone, (requests.input_bits == 0) | (requests.cycles == 0))
        at_least_one = (np.maximum(1, some) for some in (requests.input_bits, requests.cycles))
        yield RequestColumns(requests.at_ns, *at_least_one)
    if not columns:
        raise ScenarioError("the file is empty", file, 1, 1, remedy=f"the header is {','.join(REQUEST_COLUMNS)}")
    if order.late:
        say(f"{count(order.late, 'row')} earlier than the row before: sorted by time, as if no hour came twice")
    if 0 < order.zoneless < order.rows:
        say(f"{count(order.zoneless, 'timestamp')} without a zone, among others with one: taken as UTC")
    if order.empty:
        say(f"{count(order.empty, 'request')} with 0 tokens: given 1 bit or 1 cycle")


@np.errstate(over="ignore", invalid="ignore")
def _plain(
    block: bytes, width: int, columns: Sequence[int], options: JobOptions
) -> tuple[RequestColumns, NDArray[np.bool_]] | None:
    """The requests of a block whose lines are written plainly and hold nothing wrong, and which tell a zone, +00:00.

    None otherwise.
    """
    block_cells = separated(block, width)
    if block_cells is None:
        return None
    when = columns[0]
    begin, end = block_cells.begin[when], block_cells.end[when]
    has_zone = (end - begin > len(_UTC)) & are(block_cells.letters, end - len(_UTC), end, _UTC)
    at_ns = dates_ns(block_cells.letters, begin, np.where(has_zone, end - len(_UTC), end))
    products = []
    for column, factor in zip(columns[1:], (options.bits_per_token, options.cycles_per_token), strict=True):
        tokens = block_cells.reals(column)
        if at_ns is None or tokens is None or ((tokens < 0.0) | (tokens != np.rint(tokens))).any():
            return None
        if (tokens * factor >= MOST_CYCLES).any():
            return None
        products.append(tokens.astype(np.int64) * factor)
    return None if at_ns is None else (RequestColumns(at_ns, *products), has_zone)


def _by_row(
    file: str, first: int, block: bytes, width: int, columns: Sequence[int], options: JobOptions
) -> tuple[RequestColumns, NDArray[np.bool_]]:
    """As `_plain`, of lines written in any way. Raises `ScenarioError` for the first that holds something wrong."""
    requests, zones = [], []
    for line in block_lines(file, first, block):
        if not line.text.strip():
            continue
        row = Line(file, line.number, line.text, cells(line.text))
        if not max(columns) < len(row) <= width:
            raise row.error(
                len(row), f"{len(row)} cells where the header has {width}", "write one cell for each column"
            )
        bits = _product(row, columns[1], REQUEST_COLUMNS[1], options.bits_per_token)
        cycles = _product(row, columns[2], REQUEST_COLUMNS[2], options.cycles_per_token)
        at, has_zone = _instant_ns(row, columns[0])
        requests.append(Request(at, bits, cycles))
        zones.append(has_zone)
    return RequestColumns.of(requests), np.array(zones, np.bool_)


def _product(row: Line, at: int, name: str, factor: int) -> int:
    tokens = row.real(at, name)
    if tokens < 0:
        raise row.error(at, f'{name} "{row[at]}" is out of range', "must be at least 0")
    if tokens != int(tokens):
        raise row.error(at, f'{name} "{row[at]}" is not a whole number', "write a whole number below 2^53")
    product = int(tokens) * factor
    if product >= MOST_CYCLES:
        raise row.error(at, f'"{row[at]}" tokens make too large a task', "lower bits_per_token or cycles_per_token")
    return product


def _instant_ns(row: Line, cell: int) -> tuple[int, bool]:
    """Nanoseconds since 1970 of the row's timestamp, and whether it has a zone; without one it is taken as UTC."""
    match = _INSTANT.fullmatch(row[cell].strip())
    if match is None:
        raise row.error(cell, f'"{row[cell]}" is not a timestamp', WRITTEN)
    try:
        at = datetime.strptime(f"{match[1]} {match[2]}", "%Y-%m-%d %H:%M:%S")
    except ValueError:
        raise row.error(cell, f'"{row[cell]}" is not a timestamp', WRITTEN) from None
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise row.error(cell, f'"{row[cell]}" is out of range', f"give years from {FIRST_YEAR} to {LAST_YEAR}")
    zone: timezone = UTC
    if match[5]:
        offset = timedelta(hours=int(match[6]), minutes=int(match[7]))
        if offset >= timedelta(days=1):
            raise row.error(cell, f'"{row[cell]}" has no such time zone', WRITTEN)
        zone = timezone(offset if match[5] == "+" else -offset)
    whole = int(at.replace(tzinfo=zone).timestamp()) * NS_PER_S
    return whole + int((match[3] or "0").ljust(9, "0")), bool(match[4] or match[5])
