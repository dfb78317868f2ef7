"""The testbed's own format of link traces: rows of ``duration_s,rate_bps``, repeating at their end."""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

from testbed.model.delay import NS_PER_S
from testbed.model.errors import ScenarioError
from testbed.scenario.schema import LinkTrace
from testbed.scenario.tables import Table

RATE_COLUMNS = ("duration_s", "rate_bps")
HIGHEST_BPS = 1e15


def parse(text: str, file: str) -> LinkTrace:
    """The trace of ``text``. Raises `ScenarioError` with file, line and column."""
    segments: list[tuple[int, float]] = []
    for row in Table(file, text, RATE_COLUMNS).rows():
        if row.real("duration_s", 0.0) >= 2**33:
            raise row.error("duration_s", f'duration_s "{row["duration_s"]}" is too large', "write seconds")
        duration = int((Decimal(row["duration_s"].strip()) * NS_PER_S).to_integral_value(ROUND_HALF_UP))
        if duration == 0:
            raise row.error("duration_s", "a segment of no duration", "write more than 0 seconds")
        segments.append((duration, row.real("rate_bps", 0.0)))
    return trace(segments, file)


def trace(segments: Iterable[tuple[int, float]], file: str) -> LinkTrace:
    """A trace of (ns, bit/s) segments, equal neighbours merged. Raises `ScenarioError` when it never moves a bit, and
    for a rate that no link has."""
    durations: list[int] = []
    rates: list[float] = []
    for duration, rate in segments:
        if rates and rates[-1] == rate:
            durations[-1] += duration
        else:
            durations.append(duration)
            rates.append(rate)
    if not any(rates):
        raise ScenarioError("the trace never moves a bit", file, remedy="give a trace with a rate above 0")
    if max(rates) > HIGHEST_BPS:
        why = f"a rate of {max(rates):.3g} bit/s, and {HIGHEST_BPS:g} bit/s are the most"
        raise ScenarioError(why, file, remedy="check the units")
    return LinkTrace(durations_ns=tuple(durations), rates_bps=tuple(rates))


def format_csv(link: LinkTrace) -> str:
    """The text of a trace in this format."""
    lines = [",".join(RATE_COLUMNS)]
    for duration, rate in zip(link.durations_ns, link.rates_bps, strict=True):
        lines.append(f"{duration // NS_PER_S}.{duration % NS_PER_S:09d},{rate!r}")
    return "\n".join(lines) + "\n"
