"""Rates of a table whose columns the user names: CSV with a header, JSON lines or Parquet.

Either a row has an instant, before or after which its rate holds, or it has a duration.
"""

from collections.abc import Mapping

from testbed.model.delay import NS_PER_S
from testbed.model.errors import ScenarioError
from testbed.scenario.schema import LinkTrace
from testbed.trace import rates
from testbed.trace.job import MappedColumn, instant_ns
from testbed.trace.lines import Line
from testbed.trace.mapped import DURATION, RATE_KEY, TIME_KEY, exact_ns
from testbed.trace.named_columns import rows
from testbed.trace.notes import Say, count
from testbed.trace.rate_text import held
from testbed.trace.rates import HIGHEST_BPS


def read(file: str, columns: Mapping[str, MappedColumn], how: LinkTrace, say: Say) -> LinkTrace:
    """The trace of ``file``, from its columns of rates and of times or durations. Raises `ScenarioError`."""
    when = TIME_KEY if TIME_KEY in columns else DURATION
    samples = [
        (_when_ns(row, columns[when], when), _bps(row, columns[RATE_KEY]), row)
        for row in rows(file, [columns[when].name, columns[RATE_KEY].name])
    ]
    if when == TIME_KEY:
        return held(samples, file, how, say)
    if empty := sum(duration == 0 for duration, _, _ in samples):
        say(f"{count(empty, 'interval')} of no length skipped")
    segments = [(duration, bps) for duration, bps, _ in samples if duration]
    if not segments:
        raise ScenarioError("the trace has no duration", file, 1, 1, remedy="give a row below the header")
    return rates.trace(segments, file)


def _when_ns(row: Line, column: MappedColumn, key: str) -> int:
    if key == TIME_KEY:
        return exact_ns(row, 0, column)
    duration = row.real(0, column.name) * column.size
    if duration < 0.0:
        raise row.error(0, f'{column.name} "{row[0]}" is out of range', "must be at least 0")
    return instant_ns(row, 0, duration / NS_PER_S)


def _bps(row: Line, column: MappedColumn) -> float:
    bps = row.real(1, column.name) * column.size
    if not 0.0 <= bps <= HIGHEST_BPS:
        raise row.error(1, f'{column.name} "{row[1]}" is out of range', "check the unit of the column")
    return bps
