"""Azure's LLM inference traces: one request a row, ``TIMESTAMP,ContextTokens,GeneratedTokens``.

Format: github.com/Azure/AzurePublicDataset (Patel et al., ISCA 2024). Context tokens become input bits and generated
tokens become cycles, by factors.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

from testbed.model.delay import NS_PER_S
from testbed.model.errors import ScenarioError
from testbed.scenario.requests import Request
from testbed.scenario.tables import cells
from testbed.trace.job import JobOptions
from testbed.trace.lines import Line, lines
from testbed.trace.named_columns import places
from testbed.trace.notes import Say, count

REQUEST_COLUMNS = ("timestamp", "contexttokens", "generatedtokens")
WRITTEN = "write it like 2023-11-16 18:15:46.6805900"
FIRST_YEAR, LAST_YEAR = 1700, 2200  # whose nanoseconds since 1970 are 64-bit numbers
_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?\s*(?:(Z)|([+-])(\d\d):?(\d\d))?", re.ASCII
)


def read(file: str, options: JobOptions, say: Say) -> Iterator[Request]:
    """The requests of ``file`` in its order, at nanoseconds since 1970, of at least 1 bit and 1 cycle.

    Raises `ScenarioError` with line and column.
    """
    columns: list[int] = []
    zoneless = empty = late = rows = 0
    latest = -(2**63)
    for line in lines(file, options.share):
        if not line.text.strip():
            continue
        row = Line(file, line.number, line.text, cells(line.text))
        if not columns:
            columns = places(row, REQUEST_COLUMNS, fold=True)
            width = len(row)
            continue
        if not max(columns) < len(row) <= width:
            raise row.error(
                len(row), f"{len(row)} cells where the header has {width}", "write one cell for each column"
            )
        bits = _product(row, columns[1], REQUEST_COLUMNS[1], options.bits_per_token)
        cycles = _product(row, columns[2], REQUEST_COLUMNS[2], options.cycles_per_token)
        at, has_zone = _instant_ns(row, columns[0])
        rows += 1
        zoneless += not has_zone
        empty += bits == 0 or cycles == 0
        late += at < latest
        latest = at
        yield Request(at, max(1, bits), max(1, cycles))
    if not columns:
        raise ScenarioError("the file is empty", file, 1, 1, remedy=f"the header is {','.join(REQUEST_COLUMNS)}")
    if late:
        say(f"{count(late, 'row')} earlier than the row before: sorted by time, as if no hour came twice")
    if 0 < zoneless < rows:
        say(f"{count(zoneless, 'timestamp')} without a zone, among others with one: taken as UTC")
    if empty:
        say(f"{count(empty, 'request')} with 0 tokens: given 1 bit or 1 cycle")


def _product(row: Line, at: int, name: str, factor: int) -> int:
    tokens = row.real(at, name)
    if tokens < 0:
        raise row.error(at, f'{name} "{row[at]}" is out of range', "must be at least 0")
    if tokens != int(tokens):
        raise row.error(at, f'{name} "{row[at]}" is not a whole number', "write a whole number below 2^53")
    product = int(tokens) * factor
    if product >= 2**53:
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
