"""Any table of tasks whose columns the user names, each in units of its own: CSV with a header, JSON lines, Parquet."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from testbed.model.delay import NS_PER_S
from testbed.model.errors import InvalidError, UsageError, did_you_mean
from testbed.scenario import units
from testbed.scenario.requests import Request
from testbed.trace.job import JobOptions, MappedColumn, instant_ns, work
from testbed.trace.lines import Line
from testbed.trace.named_columns import rows
from testbed.trace.notes import Say, count

TIME_KEY, INPUT, _CYCLES, DURATION, RATE_KEY = "time", "input", "cycles", "duration", "rate"
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


def read(file: str, options: JobOptions, say: Say) -> Iterator[Request]:
    """The rows of ``file`` as requests, in its order. Raises `ScenarioError` with line and column."""
    columns, idle, early = dict(options.columns), 0, 0
    place = {key: at for at, key in enumerate(columns)}
    names = [column.name for column in columns.values()]
    work_at = place[_CYCLES if _CYCLES in place else DURATION]
    for row in rows(file, names, options.share):
        value = {
            key: row.real(place[key], column.name) * column.size for key, column in columns.items() if key != TIME_KEY
        }
        core_s = value[_CYCLES] / options.hz if _CYCLES in value else value[DURATION] / NS_PER_S
        at = exact_ns(row, place[TIME_KEY], columns[TIME_KEY])
        if core_s <= 0.0 or value.get(INPUT, 1.0) <= 0.0:
            idle += 1
        elif at < 0:
            early += 1
        else:
            yield Request(at, max(1, round(value[INPUT])) if INPUT in value else 0, work(row, work_at, core_s, options))
    for number, what in ((idle, "without input or work"), (early, "from before instant 0")):
        if number:
            say(f"{count(number, 'row')} {what} left out")


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
