"""Rates as text without a header: an instant and a rate a line, apart by blanks or tabs, like sets of video traces.

Units cannot be told from the numbers, nor whether a rate holds before its instant (Pensieve, HSDPA, FCC) or after it
(Oboe): the reader is told. The first row, or the last one, then only says when the other intervals begin or end.
"""

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from itertools import pairwise

from testbed.model.errors import ScenarioError, text_error
from testbed.scenario.schema import LinkTrace
from testbed.trace import rates
from testbed.trace.notes import NS_PER_S, Say, count, quiet, seconds

TIME_UNITS = {"s": NS_PER_S, "ms": NS_PER_S // 1000}
RATE_UNITS = {"Mbit/s": 10**6, "kbit/s": 10**3, "bit/s": 1}
LAST_INSTANT_S = 2**33
BEFORE = "before"


def parse(text: str, file: str, how: LinkTrace | None = None, say: Say = quiet) -> LinkTrace:
    """The trace of ``text``. Raises `ScenarioError` with file, line and column."""
    how = how or LinkTrace()
    lines = enumerate(text.splitlines(), start=1)
    rows = [_row(text, file, number, line, how) for number, line in lines if line.strip()]
    if len(rows) < 2:
        raise ScenarioError("the trace has no duration", file, 1, 1, remedy="give two lines or more: INSTANT RATE")
    segments: list[tuple[int, float]] = []
    for (start, here, _), (end, there, line) in pairwise(rows):
        if end < start:
            message, remedy = f"{seconds(end)} comes after {seconds(start)}", "write instants in order"
            raise text_error(file, text, line, 1, message, remedy)
        if end > start:
            segments.append((end - start, there if how.span == BEFORE else here))
    if not segments:
        raise ScenarioError("the trace has no duration", file, rows[-1][2], 1, remedy="its instants must differ")
    _tell(rows, how, len(rows) - 1 - len(segments), say)
    return rates.trace(segments, file)


def _tell(rows: list[tuple[int, float, int]], how: LinkTrace, empty: int, say: Say) -> None:
    """Say what was assumed and what was skipped."""
    edge = "first row only begins" if how.span == BEFORE else "last row only ends"
    say(f"taken as {how.time_unit} and {how.rate_unit}, each rate holding {how.span} its instant: the {edge} the trace")
    if rows[0][0]:
        say(f"the trace begins at {seconds(rows[0][0])}: that is instant 0 here")
    if empty:
        say(f"{count(empty, 'interval')} of no length skipped")
    longest, line = max((end - start, line) for (start, _, _), (end, _, line) in pairwise(rows))
    if longest > how.hold_ns > 0:
        say(f"the longest interval is {seconds(longest)}, before line {line}")


def _row(text: str, file: str, number: int, line: str, how: LinkTrace) -> tuple[int, float, int]:
    """Instant in ns, rate in bit/s, and the line they stand in."""
    words = line.split()
    if len(words) != 2:
        message = f"{count(len(words), 'word')} where an instant and a rate are needed"
        raise text_error(file, text, number, 1, message, "write INSTANT RATE", len(line))
    try:
        at, rate = (Decimal(word) for word in words)
        if not (at.is_finite() and rate.is_finite() and at >= 0 and rate >= 0):
            raise InvalidOperation
    except InvalidOperation:
        message, remedy = f'"{line.strip()}" is not an instant and a rate', "write two numbers, neither below 0"
        raise text_error(file, text, number, 1, message, remedy, len(line)) from None
    instant, bps = at * TIME_UNITS[how.time_unit], rate * RATE_UNITS[how.rate_unit]
    if instant >= LAST_INSTANT_S * NS_PER_S or bps > rates.HIGHEST_BPS:
        raise text_error(file, text, number, 1, f'"{line.strip()}" is out of range', "check the units", len(line))
    return int(instant.to_integral_value(ROUND_HALF_UP)), float(bps), number
