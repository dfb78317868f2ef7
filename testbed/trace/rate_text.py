"""Rates as text without a header: an instant and a rate a line, apart by blanks or tabs, like sets of video traces.

Units cannot be told from the numbers, nor whether a rate holds before its instant (Pensieve, HSDPA, FCC) or after it
(Oboe): the reader is told. The first row, or the last one, then only says when the other intervals begin or end.
"""

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from itertools import pairwise

from testbed.model.delay import NS_PER_S
from testbed.model.errors import ScenarioError
from testbed.scenario.schema import LinkTrace
from testbed.trace import rates
from testbed.trace.lines import Line
from testbed.trace.notes import Say, count, quiet, seconds
from testbed.trace.rates import HIGHEST_BPS

TIME_UNITS = {"s": NS_PER_S, "ms": NS_PER_S // 1000}
RATE_UNITS = {"Mbit/s": 10**6, "kbit/s": 10**3, "bit/s": 1}
LAST_INSTANT_S = 2**33
_BEFORE = "before"
Held = tuple[int, float, Line]


def parse(text: str, file: str, how: LinkTrace | None = None, say: Say = quiet) -> LinkTrace:
    """The trace of ``text``. Raises `ScenarioError` with file, line and column."""
    how = how or LinkTrace()
    numbered = (Line(file, number, line) for number, line in enumerate(text.splitlines(), start=1))
    rows = [_row(line, how) for line in numbered if line.text.strip()]
    say(f"taken as {how.time_unit} and {how.rate_unit}")
    return held(rows, file, how, say)


def held(rows: list[Held], file: str, how: LinkTrace, say: Say) -> LinkTrace:
    """The trace of instants with rates, each of which holds as ``how`` says. Raises `ScenarioError` with its place."""
    if len(rows) < 2:
        raise ScenarioError("the trace has no duration", file, 1, 1, remedy="give two lines or more: INSTANT RATE")
    segments: list[tuple[int, float]] = []
    for (start, here, _), (end, there, line) in pairwise(rows):
        if end < start:
            raise line.error(len(line), f"{seconds(end)} comes after {seconds(start)}", "write instants in order")
        if end > start:
            segments.append((end - start, there if how.span == _BEFORE else here))
    if not segments:
        raise rows[-1][2].error(len(rows[-1][2]), "the trace has no duration", "its instants must differ")
    _tell(rows, how, len(rows) - 1 - len(segments), say)
    return rates.trace(segments, file)


def _tell(rows: list[Held], how: LinkTrace, empty: int, say: Say) -> None:
    """Say what was assumed and what was skipped."""
    edge = "first row only begins" if how.span == _BEFORE else "last row only ends"
    say(f"each rate holds {how.span} its instant: the {edge} the trace")
    if rows[0][0]:
        say(f"the trace begins at {seconds(rows[0][0])}: that is instant 0 here")
    if empty:
        say(f"{count(empty, 'interval')} of no length skipped")
    longest, line = max((end - start, line.number) for (start, _, _), (end, _, line) in pairwise(rows))
    if longest > how.hold_ns > 0:
        say(f"the longest interval is {seconds(longest)}, before line {line}")


def _row(line: Line, how: LinkTrace) -> Held:
    """Instant in ns, rate in bit/s, and the line they stand in."""
    words = line.text.split()
    if len(words) != 2:
        message = f"{count(len(words), 'word')} where an instant and a rate are needed"
        raise line.error(0, message, "write INSTANT RATE")
    try:
        at, rate = (Decimal(word) for word in words)
        if not (at.is_finite() and rate.is_finite() and at >= 0 and rate >= 0):
            raise InvalidOperation
    except InvalidOperation:
        message, remedy = f'"{line.text.strip()}" is not an instant and a rate', "write two numbers, neither below 0"
        raise line.error(0, message, remedy) from None
    instant, bps = at * TIME_UNITS[how.time_unit], rate * RATE_UNITS[how.rate_unit]
    if instant >= LAST_INSTANT_S * NS_PER_S or bps > HIGHEST_BPS:
        raise line.error(0, f'"{line.text.strip()}" is out of range', "check the units")
    return int(instant.to_integral_value(ROUND_HALF_UP)), float(bps), line
