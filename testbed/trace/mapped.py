"""Any table of tasks whose columns the user names, each in units of its own: CSV with a header, or JSON lines."""

from collections.abc import Iterator, Sequence

import msgspec

from testbed.model.delay import NS_PER_S
from testbed.model.errors import InvalidError, ScenarioError, UsageError, did_you_mean
from testbed.scenario import units
from testbed.scenario.requests import Request
from testbed.scenario.tables import cells
from testbed.trace.job import JobOptions, MappedColumn, instant_ns, work
from testbed.trace.lines import Line, lines
from testbed.trace.notes import Say, count

TIME, INPUT, CYCLES, DURATION = "time", "input", "cycles", "duration"
DIMENSION_OF = {TIME: "time", INPUT: "data", CYCLES: "cycles", DURATION: "time"}


def mapped(given: Sequence[str]) -> dict[str, MappedColumn]:
    """The columns that ``KEY=COLUMN:UNIT`` name. Raises `UsageError`."""
    found = {}
    for text in given:
        key, _, rest = text.partition("=")
        name, _, unit = rest.rpartition(":")
        if key not in DIMENSION_OF or not name:
            hint = did_you_mean(key, DIMENSION_OF)
            raise UsageError(f'--map "{text}"', hint if hint.startswith("did") else 'write it like "time=COLUMN:ms"')
        try:
            size = units.parse(unit if unit[:1].isdigit() else f"1 {unit}", DIMENSION_OF[key])
        except InvalidError as error:
            raise UsageError(f'--map "{text}": {error.message}', error.remedy) from None
        found[key] = MappedColumn(name, size)
    if TIME not in found or (CYCLES in found) == (DURATION in found):
        raise UsageError("a table needs --map of time, and of either cycles or duration", 'like "time=COLUMN:ms"')
    return found


def read(file: str, options: JobOptions, say: Say) -> Iterator[Request]:
    """The rows of ``file`` as requests, in its order. Raises `ScenarioError` with line and column."""
    columns, idle, early = dict(options.columns), 0, 0
    place = {key: at for at, key in enumerate(columns)}
    for row in _rows(file, [column.name for column in columns.values()]):
        value = {key: row.real(place[key], column.name) * column.size for key, column in columns.items()}
        core_s = value[CYCLES] / options.hz if CYCLES in value else value[DURATION] / NS_PER_S
        at = instant_ns(row, place[TIME], value[TIME] / NS_PER_S)
        if core_s <= 0.0 or value.get(INPUT, 1.0) <= 0.0:
            idle += 1
        elif at < 0:
            early += 1
        else:
            cycles = work(row, place[CYCLES if CYCLES in value else DURATION], core_s, options)
            yield Request(at, max(1, round(value[INPUT])) if INPUT in value else 0, cycles)
    for number, what in ((idle, "without input or work"), (early, "from before instant 0")):
        if number:
            say(f"{count(number, 'row')} {what} left out")


def _rows(file: str, names: Sequence[str]) -> Iterator[Line]:
    """Each row, with the cells of the columns ``names`` alone."""
    places: list[int] = []
    for line in lines(file):
        if not line.text.strip():
            continue
        if line.text.lstrip().startswith("{"):
            yield _of_json(line, names)
            continue
        row = Line(file, line.number, line.text, cells(line.text))
        if not places:
            header = [text for _, text in row.cells]
            missing = [name for name in names if name not in header]
            if missing:
                raise row.error(len(row), f'there is no column "{missing[0]}"', did_you_mean(missing[0], header))
            places = [header.index(name) for name in names]
        elif len(row) <= max(places):
            raise row.error(len(row), f"{len(row)} cells where the header has more", "write one cell for each column")
        else:
            yield Line(file, line.number, line.text, [row.cells[at] for at in places])


def _of_json(line: Line, names: Sequence[str]) -> Line:
    """A line that is a JSON object; its values stand where they are first written so."""
    try:
        value = msgspec.json.decode(line.text, type=dict[str, object])
    except msgspec.MsgspecError as error:
        raise ScenarioError(
            f"this is no JSON object: {error}", line.file, line.number, 1, line.text, remedy="write one a line"
        ) from None
    missing = [name for name in names if name not in value]
    if missing:
        raise line.error(0, f'there is no "{missing[0]}"', did_you_mean(missing[0], list(value)))
    found = [(line.text.find(f'"{name}"') + 1, str(value[name])) for name in names]
    return Line(line.file, line.number, line.text, found)
