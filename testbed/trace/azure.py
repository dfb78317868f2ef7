"""Azure's LLM inference traces: one request a row, ``TIMESTAMP,ContextTokens,GeneratedTokens``.

Format: github.com/Azure/AzurePublicDataset (Patel et al., ISCA 2024). Context tokens become input bits and generated
tokens become cycles, by factors.
"""

import re
from datetime import UTC, datetime, timedelta, timezone

from testbed.model.table import Row, Table
from testbed.model.workload import Request

COLUMNS = ("timestamp", "contexttokens", "generatedtokens")
_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?\s*(?:(Z)|([+-])(\d\d):?(\d\d))?", re.ASCII
)


def parse(text: str, file: str, bits_per_token: int, cycles_per_token: int) -> tuple[Request, ...]:
    """Requests of ``text`` in order of time, the first at instant 0; a request has at least 1 bit and 1 cycle.

    Raises `ScenarioError` with file, line and column.
    """
    rows: list[tuple[int, int, int]] = []
    for row in Table(file, text, COLUMNS, fold=True).rows():
        bits = _product(row, "contexttokens", bits_per_token)
        rows.append((_instant_ns(row), bits, _product(row, "generatedtokens", cycles_per_token)))
    rows.sort(key=lambda row: row[0])
    first = rows[0][0] if rows else 0
    return tuple(Request(at - first, bits, cycles) for at, bits, cycles in rows)


def _product(row: Row, name: str, factor: int) -> int:
    product = row.whole(name) * factor
    if product >= 2**53:
        raise row.error(name, f'"{row[name]}" tokens make too large a task', "lower bits_per_token or cycles_per_token")
    return max(1, product)


def _instant_ns(row: Row) -> int:
    """Nanoseconds since 1970 of the row's timestamp; without a zone it is taken as UTC."""
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
    return int(at.replace(tzinfo=zone).timestamp()) * 1_000_000_000 + int((found[3] or "0").ljust(9, "0"))
