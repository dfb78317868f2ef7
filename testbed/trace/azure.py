"""Azure's LLM inference traces: one request a row, ``TIMESTAMP,ContextTokens,GeneratedTokens``.

Format: github.com/Azure/AzurePublicDataset (Patel et al., ISCA 2024). Context tokens become input bits and generated
tokens become cycles, by factors.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

from testbed.scenario.requests import Request
from testbed.scenario.tables import Table, TableRow
from testbed.trace.notes import NS_PER_S, Say, count, quiet, seconds

PAUSE_NS = 3600 * NS_PER_S
REQUEST_COLUMNS = ("timestamp", "contexttokens", "generatedtokens")
_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?\s*(?:(Z)|([+-])(\d\d):?(\d\d))?", re.ASCII
)


def parse(text: str, file: str, bits_per_token: int, cycles_per_token: int, say: Say = quiet) -> tuple[Request, ...]:
    """Requests of ``text`` in order of time, the first at instant 0; a request has at least 1 bit and 1 cycle.

    Raises `ScenarioError` with file, line and column.
    """
    return rebased(dated(text, file, bits_per_token, cycles_per_token, say), say)


def dated(text: str, file: str, bits_per_token: int, cycles_per_token: int, say: Say = quiet) -> list[Request]:
    """As `parse`, in the order of the file, at nanoseconds since 1970: files that share a clock can be put together."""
    found: list[Request] = []
    zoneless = empty = late = 0
    for row in Table(file, text, REQUEST_COLUMNS, fold=True).rows():
        bits = _product(row, "contexttokens", bits_per_token)
        cycles = _product(row, "generatedtokens", cycles_per_token)
        at, has_zone = _instant_ns(row)
        zoneless += not has_zone
        empty += bits == 0 or cycles == 0
        late += bool(found) and at < found[-1].at_ns
        found.append(Request(at, max(1, bits), max(1, cycles)))
    if late:
        say(f"{count(late, 'row')} earlier than the row before: sorted by time, as if no hour came twice")
    if 0 < zoneless < len(found):
        say(f"{count(zoneless, 'timestamp')} without a zone, among others with one: taken as UTC")
    if empty:
        say(f"{count(empty, 'request')} with 0 tokens: given 1 bit or 1 cycle")
    return found


def rebased(requests: Sequence[Request], say: Say = quiet) -> tuple[Request, ...]:
    """``requests`` in order of time, the first at instant 0; a pause that is no lull between requests is told."""
    ordered = sorted(requests, key=lambda request: request.at_ns)
    if not ordered:
        return ()
    first = ordered[0].at_ns
    pause, since = max(((b.at_ns - a.at_ns, a.at_ns) for a, b in pairwise(ordered)), default=(0, first))
    if pause >= PAUSE_NS:
        say(
            f"the longest pause is {seconds(pause)}, {seconds(since - first)} after the first request: it is kept "
            "(workload.duration ends the trace before it)"
        )
    return tuple(Request(each.at_ns - first, each.input_bits, each.cycles) for each in ordered)


def _product(row: TableRow, name: str, factor: int) -> int:
    product = row.whole(name) * factor
    if product >= 2**53:
        raise row.error(name, f'"{row[name]}" tokens make too large a task', "lower bits_per_token or cycles_per_token")
    return product


def _instant_ns(row: TableRow) -> tuple[int, bool]:
    """Nanoseconds since 1970 of the row's timestamp, and whether it has a zone; without one it is taken as UTC."""
    found = _INSTANT.fullmatch(row["timestamp"].strip())
    remedy = "write it like 2023-11-16 18:15:46.6805900"
    if found is None:
        raise row.error("timestamp", f'"{row["timestamp"]}" is not a timestamp', remedy)
    try:
        at = datetime.strptime(f"{found[1]} {found[2]}", "%Y-%m-%d %H:%M:%S")
    except ValueError:
        raise row.error("timestamp", f'"{row["timestamp"]}" is not a timestamp', remedy) from None
    zone: timezone = UTC
    if found[5]:
        offset = timedelta(hours=int(found[6]), minutes=int(found[7]))
        if offset >= timedelta(days=1):
            raise row.error("timestamp", f'"{row["timestamp"]}" has no such time zone', remedy)
        zone = timezone(offset if found[5] == "+" else -offset)
    whole = int(at.replace(tzinfo=zone).timestamp()) * NS_PER_S
    return whole + int((found[3] or "0").ljust(9, "0")), bool(found[4] or found[5])
