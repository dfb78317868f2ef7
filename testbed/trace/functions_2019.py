"""Azure Functions 2019: how often each function was invoked in each minute of a day, and percentiles of its durations.

Format: github.com/Azure/AzurePublicDataset (Shahrad et al., ATC 2020). ``invocations_per_function_md.anon.dNN.csv`` has
a row a function, three hashes, its trigger and 1,440 counts; ``function_durations_percentiles.anon.dNN.csv`` has the
same hashes and durations in ms. Instants within a minute and durations between percentiles are drawn, keyed by day and
row, so that the same files make the same tasks.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from testbed.model import random
from testbed.model.errors import ScenarioError, UsageError
from testbed.model.human import DAY_S, MINUTE_S
from testbed.scenario.decimals import Ints
from testbed.scenario.requests import RequestColumns
from testbed.scenario.tables import cells
from testbed.scenario.workload import mixed, unit
from testbed.trace.job import MOST_CYCLES, JobOptions
from testbed.trace.lines import Line, lines
from testbed.trace.named_columns import places
from testbed.trace.notes import Say, count

HASHES = ("HashOwner", "HashApp", "HashFunction")
SHARES = (0.0, 0.01, 0.25, 0.5, 0.75, 0.99, 1.0)
PERCENTILES = tuple(f"percentile_Average_{share * 100:g}" for share in SHARES)
MINUTES, MS_PER_S = 1440, 1000.0
DRAWN_AT_ONCE = 1 << 16
FIELD_INSTANT, FIELD_DURATION = 0, 1
NS_PER_MINUTE = MINUTE_S * 10**9
_DAY = re.compile(r"\.d(\d\d)\b")
Function = tuple[str, ...]
Durations = dict[Function, tuple[float, ...]]


def read(files: Sequence[str], options: JobOptions, say: Say) -> Iterator[RequestColumns]:
    """The invocations of all days among ``files``, a function after another. Raises `ScenarioError`."""
    durations: dict[int, Durations] = {}
    counts: list[str] = []
    for file in files:
        if _has_durations(file):
            durations.setdefault(_day(file), {}).update(_durations(file))
        else:
            counts.append(file)
    if not counts or not durations:
        missing = "durations (with percentile_Average_50)" if counts else "invocations (with counts of 1440 minutes)"
        raise UsageError(f"no file of {missing} was given", "give both: invocations_per_function… function_durations…")
    say("only counts a minute were recorded: instants within their minute are drawn, evenly")
    say("durations are drawn between the recorded percentiles of their function's averages")
    for file in sorted(counts, key=_day):
        day = _day(file)
        if day not in durations and len(durations) > 1:
            raise UsageError(f"{Path(file).name} is of day {day}, and no file of durations is", "give that day's too")
        yield from _invocations(file, day, durations.get(day) or next(iter(durations.values())), options, say)


def _day(file: str) -> int:
    """The day that the name of a file tells, from 1."""
    match = _DAY.search(Path(file).name)
    return max(1, int(match[1])) if match else 1


def _has_durations(file: str) -> bool:
    for line in lines(file):
        if line.text.strip():
            return "percentile_Average" in line.text
    raise ScenarioError("the file is empty", file, 1, 1, remedy=f"the header begins with {','.join(HASHES)}")


def _durations(file: str) -> Durations:
    """The percentiles of each function's durations, in s."""
    durations: Durations = {}
    columns: list[int] = []
    for row in _rows(file):
        if not columns:
            columns = places(row, (*HASHES, *PERCENTILES))
            continue
        _whole(row, columns)
        values = [row.real(at, name) / MS_PER_S for at, name in zip(columns[3:], PERCENTILES, strict=True)]
        durations[tuple(row[at] for at in columns[:3])] = tuple(np.maximum.accumulate(values).tolist())
    return durations


def _invocations(file: str, day: int, durations: Durations, options: JobOptions, say: Say) -> Iterator[RequestColumns]:
    columns: list[int] = []
    unknown = instantaneous = functions = 0
    minutes = max(
        0,
        min(
            MINUTES, int(-(-(options.until_s - (day - 1) * DAY_S) // MINUTE_S)) if options.until_s < 2**33 else MINUTES
        ),
    )
    for row in _rows(file, options):
        if not columns:
            columns = places(row, (*HASHES, *(str(minute) for minute in range(1, MINUTES + 1))))
            continue
        _whole(row, columns)
        per_minute = _counts(row, columns[3:][:minutes])
        total = int(per_minute.sum())
        known = durations.get(tuple(row[at] for at in columns[:3]))
        if known is None:
            functions, unknown = functions + 1, unknown + total
        elif known[-1] <= 0.0:
            instantaneous += total
        elif total:
            yield from _drawn(row, day, per_minute, known, options)
    if unknown:
        say(f"{count(unknown, 'invocation')} of {count(functions, 'function')} without durations left out")
    if instantaneous:
        say(f"{count(instantaneous, 'invocation')} of no duration left out")


def _rows(file: str, options: JobOptions | None = None) -> Iterator[Line]:
    for line in lines(file, (options or JobOptions()).share):
        if line.text.strip():
            yield Line(file, line.number, line.text, cells(line.text))


def _whole(row: Line, columns: Sequence[int]) -> None:
    if len(row) <= max(columns):
        raise row.error(len(row), f"{len(row)} cells where the header has more", "write one cell for each column")


def _counts(row: Line, columns: Sequence[int]) -> Ints:
    """Invocations in each minute."""
    try:
        counts = np.array([int(row[at]) for at in columns], np.int64)
    except (ValueError, OverflowError):
        counts = np.array([-1], np.int64)
    if (counts < 0).any():
        for at in columns:
            if not row[at].isdigit():
                raise row.error(at, f'"{row[at]}" is not a count', "write a whole number of invocations")
    return counts


def _drawn(
    row: Line, day: int, per_minute: Ints, percentiles: tuple[float, ...], options: JobOptions
) -> Iterator[RequestColumns]:
    """The invocations of one function on one day, by minute."""
    minute = np.repeat(np.arange(len(per_minute)), per_minute)
    function = np.uint64(random.subjects_hash(random.mix(options.seed) ^ day, random.VALUES, row.number))
    for begin in range(0, len(minute), DRAWN_AT_ONCE):
        some = minute[begin : begin + DRAWN_AT_ONCE]
        subjects = mixed(function ^ np.arange(begin, begin + len(some), dtype=np.uint64))
        within = np.floor(unit(mixed(subjects ^ np.uint64(FIELD_INSTANT))) * NS_PER_MINUTE).astype(np.int64)
        seconds = np.interp(unit(mixed(subjects ^ np.uint64(FIELD_DURATION))), SHARES, percentiles)
        cycles = np.clip(np.rint(seconds * options.hz), 1, MOST_CYCLES - 1).astype(np.int64)
        at_ns = ((day - 1) * MINUTES + some) * NS_PER_MINUTE + within
        yield RequestColumns(at_ns, np.zeros_like(at_ns), cycles)
