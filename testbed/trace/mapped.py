"""Any table of tasks whose columns the user names, each in units of its own: CSV with a header, JSON lines, Parquet."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from testbed.model.delay import NS_PER_S
from testbed.model.errors import InvalidError, UsageError, did_you_mean
from testbed.scenario import units
from testbed.scenario.decimals import Ints, Reals
from testbed.scenario.ranges import MOST_BITS
from testbed.scenario.requests import Request, RequestColumns
from testbed.trace.job import MOST_CYCLES, JobOptions, MappedColumn, instant_ns, work
from testbed.trace.lines import Line
from testbed.trace.named_columns import parts
from testbed.trace.notes import Say, count
from testbed.trace.table_part import Plain

TIME_KEY, INPUT, _CYCLES, DURATION, RATE_KEY = "time", "input", "cycles", "duration", "rate"
_IDLE, _EARLY = "without input or work", "from before instant 0"
DATE = "date"  # instead of a unit: instants are dates, of which a size of 0 stands
OF_TASKS = {TIME_KEY: "time", INPUT: "data", _CYCLES: "cycles", DURATION: "time"}
OF_RATES = {TIME_KEY: "time", DURATION: "time", RATE_KEY: "rate"}


def mapped(arguments: Sequence[str]) -> dict[str, MappedColumn]:
    """The columns of tasks that ``KEY=COLUMN:UNIT`` name. Raises `UsageError`."""
    columns = parsed(arguments, OF_TASKS)
    if TIME_KEY not in columns or (_CYCLES in columns) == (DURATION in columns):
        raise UsageError("a table needs --map of time, and of either cycles or duration", 'like "time=COLUMN:ms"')
    return columns


def mapped_rates(arguments: Sequence[str]) -> dict[str, MappedColumn]:
    """The columns of rates that ``KEY=COLUMN:UNIT`` name. Raises `UsageError`."""
    columns = parsed(arguments, OF_RATES)
    if RATE_KEY not in columns or (TIME_KEY in columns) == (DURATION in columns):
        raise UsageError(
            "a table of rates needs --map of rate, and of either time or duration", 'like "rate=COLUMN:kbit/s"'
        )
    return columns


def parsed(arguments: Sequence[str], dimension_of: Mapping[str, str]) -> dict[str, MappedColumn]:
    """What ``KEY=COLUMN:UNIT`` say, for the keys of ``dimension_of``. Raises `UsageError`."""
    columns = {}
    for text in arguments:
        key, _, rest = text.partition("=")
        name, _, unit = rest.rpartition(":")
        if key not in dimension_of or not name:
            hint = did_you_mean(key, dimension_of)
            raise UsageError(f'--map "{text}"', hint if hint.startswith("did") else 'write it like "time=COLUMN:ms"')
        if key == TIME_KEY and unit == DATE:
            columns[key] = MappedColumn(name, 0.0)
            continue
        try:
            size = units.parse(unit if unit[:1].isdigit() else f"1 {unit}", dimension_of[key])
        except InvalidError as error:
            raise UsageError(f'--map "{text}": {error.message}', error.remedy) from None
        columns[key] = MappedColumn(name, size)
    return columns


def read(file: str, options: JobOptions, say: Say) -> Iterator[RequestColumns]:
    """The rows of ``file`` as requests, in its order, some at a time. Raises `ScenarioError` with line and column."""
    left_out: Counter[str] = Counter()
    for part in parts(file, [column.name for _, column in options.columns], options.share):
        plain = part.plain()
        requests = None if plain is None else _plain(plain, options, left_out)
        yield requests if requests is not None else _by_row(part.rows(), options, left_out)
    for what in (_IDLE, _EARLY):
        if left_out[what]:
            say(f"{count(left_out[what], 'row')} {what} left out")


@np.errstate(over="ignore", invalid="ignore")
def _plain(part: Plain, options: JobOptions, left_out: Counter[str]) -> RequestColumns | None:
    """The requests of rows that hold nothing wrong; None otherwise."""
    value: dict[str, Reals] = {}
    at_ns: Ints | None = None
    for place, (key, column) in enumerate(options.columns):
        if key == TIME_KEY:
            at_ns = part.instants_ns(place, column.size)
        elif (reals := part.reals(place)) is not None:
            value[key] = reals * column.size
    if at_ns is None or len(value) < len(options.columns) - 1:
        return None
    core_s = value[_CYCLES] / options.hz if _CYCLES in value else value[DURATION] / NS_PER_S
    bits = value.get(INPUT, np.zeros_like(core_s))
    busy = (core_s > 0.0) & ((bits > 0.0) | (INPUT not in value))
    wanted, cycles = busy & (at_ns >= 0), core_s * options.hz
    if (wanted & ((cycles >= MOST_CYCLES) | (bits >= MOST_BITS))).any():
        return None
    left_out.update({_IDLE: int((~busy).sum()), _EARLY: int((busy & ~wanted).sum())})
    least = 1 if INPUT in value else 0
    whole = [np.rint(some[wanted]).astype(np.int64) for some in (bits, cycles)]
    return RequestColumns(at_ns[wanted], np.maximum(least, whole[0]), np.maximum(1, whole[1]))


def _by_row(rows: Iterator[Line], options: JobOptions, left_out: Counter[str]) -> RequestColumns:
    """As `_plain`, of rows written in any way. Raises `ScenarioError` for the first that holds something wrong."""
    requests, columns = [], dict(options.columns)
    place = {key: at for at, key in enumerate(columns)}
    work_at = place[_CYCLES if _CYCLES in place else DURATION]
    for row in rows:
        value = {
            key: row.real(place[key], column.name) * column.size for key, column in columns.items() if key != TIME_KEY
        }
        core_s = value[_CYCLES] / options.hz if _CYCLES in value else value[DURATION] / NS_PER_S
        at = exact_ns(row, place[TIME_KEY], columns[TIME_KEY])
        if core_s <= 0.0 or value.get(INPUT, 1.0) <= 0.0:
            left_out[_IDLE] += 1
        elif at < 0:
            left_out[_EARLY] += 1
        elif value.get(INPUT, 1.0) >= MOST_BITS:
            raise row.error(place[INPUT], f'"{row[place[INPUT]]}" is too much input', "check the unit of the column")
        else:
            bits = max(1, round(value[INPUT])) if INPUT in value else 0
            requests.append(Request(at, bits, work(row, work_at, core_s, options)))
    return RequestColumns.of(requests)


def exact_ns(row: Line, at: int, column: MappedColumn) -> int:
    """The instant in cell ``at``, in ns: of a whole number exactly, also of one as large as Unix time in ns."""
    text = row[at].strip()
    if column.size == 0.0:
        return _date_ns(row, at)
    if text.isascii() and text.isdigit() and len(text) < 20 and column.size == int(column.size):
        ns = int(text) * int(column.size)
        instant_ns(row, at, ns / NS_PER_S)
        return ns
    return instant_ns(row, at, row.real(at, column.name) * column.size / NS_PER_S)


def _date_ns(row: Line, at: int) -> int:
    """Nanoseconds since 1970 of a date; one without a zone is taken as UTC."""
    try:
        date = datetime.fromisoformat(row[at].strip())
    except ValueError:
        raise row.error(at, f'"{row[at]}" is not a date', "write it like 2023-11-16 18:15:46.68") from None
    since = date.replace(tzinfo=date.tzinfo or UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    ns = (since.days * 86_400 + since.seconds) * NS_PER_S + since.microseconds * 1000
    instant_ns(row, at, ns / NS_PER_S)
    return ns
