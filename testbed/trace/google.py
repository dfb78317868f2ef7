"""Google's cluster traces: task events of 2011 (CSV without a header) and instance events of 2019 (JSON lines).

Formats: github.com/google/cluster-data. Instants are microseconds; 0 and 2^63 − 1 are before and after the trace. A
task comes when it is submitted; its work is the time from its last start until it finished, on the share of a machine
that it cpus for.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

import msgspec
import numpy as np

from testbed.model.delay import NS_PER_S
from testbed.model.errors import ScenarioError
from testbed.scenario.requests import Request, RequestColumns
from testbed.scenario.tables import cells
from testbed.trace import json_lines
from testbed.trace.cells import separated
from testbed.trace.job import LATEST_S, MOST_CYCLES, JobOptions, instant_ns, work
from testbed.trace.lines import Line, block_lines, blocks, split
from testbed.trace.notes import Say, count

TIME_AT, JOB_AT, INDEX_AT, EVENT_AT, CPU_AT, COLUMNS_OF_AN_EVENT = 0, 2, 3, 5, 9, 13
_SUBMIT, SCHEDULE, FINISH = "SUBMIT", "SCHEDULE", "FINISH"
EVENTS_2011 = {"0": _SUBMIT, "1": SCHEDULE, "2": "EVICT", "3": "FAIL", "4": FINISH, "5": "KILL", "6": "LOST"}
EVENTS_2019 = {"0": _SUBMIT, "3": SCHEDULE, "4": "EVICT", "5": "FAIL", "6": FINISH, "7": "KILL", "8": "LOST"}
_ENDS = frozenset({"FAIL", "KILL", "LOST", FINISH})
_GIVEN_UP = "that did not finish"
_UNKNOWN = "of which the submission, the start or the CPU is unknown"
_OPEN = "under way at the end of the trace"
US_PER_S, AFTER = 1e6, 2.0**62
_NAME = "{},{}"


class _Open(msgspec.Struct):
    """A task under way: when it was submitted and last started, in s (-1: unknown), and its share of a machine."""

    submitted: float = -1.0
    started: float = -1.0
    share: float = 0.0


class _Event(NamedTuple):
    """An event of a task, whose job and index are one text; ``share`` -1 where it does not say."""

    task: str
    kind: str
    at_s: float
    share: float


class _Events(NamedTuple):
    """Events in the order of the file; ``line`` gives the line of one, and the cell that tells its work."""

    events: Iterable[_Event]
    line: Callable[[int], tuple[Line, int]]


def read(file: str, options: JobOptions, say: Say) -> Iterator[RequestColumns]:
    """The tasks of ``file`` that finished, in that order. Raises `ScenarioError` with line and column."""
    under_way: dict[str, _Open] = {}
    left_out: Counter[str] = Counter()
    for first, block in blocks(file, options.share):
        plain = _plain_2019(block) if json_lines.is_one(block) else _plain_2011(block)
        events = _by_row(file, first, block) if plain is None else _Events(plain, partial(_line, file, first, block))
        yield RequestColumns.of(_finished(events, under_way, options, left_out))
    left_out[_OPEN] = len(under_way)
    for what in (_GIVEN_UP, _UNKNOWN, _OPEN):
        if left_out[what]:
            say(f"{count(left_out[what], 'task')} {what} left out")


def _finished(
    events: _Events, under_way: dict[str, _Open], options: JobOptions, left_out: Counter[str]
) -> Iterator[Request]:
    """The tasks that finish in ``events``; ``under_way`` are those that have begun before, and then."""
    for place, (name, kind, at_s, share) in enumerate(events.events):
        if kind in _ENDS:
            task = under_way.pop(name, None)
            if kind != FINISH:
                left_out[_GIVEN_UP] += task is not None
                continue
            core_s = 0.0 if task is None or task.submitted < 0.0 or task.started < 0.0 else at_s - task.started
            if task is None or (core_s := core_s * task.share) <= 0.0:
                left_out[_UNKNOWN] += 1
                continue
            cycles = core_s * options.hz
            if cycles >= MOST_CYCLES or task.submitted >= LATEST_S:
                line, work_at = events.line(place)
                work(line, work_at, core_s, options)
                instant_ns(line, TIME_AT, task.submitted)
            yield Request(round(task.submitted * NS_PER_S), 0, max(1, round(cycles)))
            continue
        task = under_way.get(name)
        if task is None:
            task = under_way[name] = _Open()
        known = 0.0 < at_s < AFTER
        if kind == _SUBMIT and task.submitted < 0.0 and known:
            task.submitted = at_s
        elif kind == SCHEDULE and known:
            task.started = at_s
        if share >= 0.0:
            task.share = share


def _plain_2011(block: bytes) -> Iterator[_Event] | None:
    """The events of a block whose lines are written plainly and hold nothing wrong; None otherwise."""
    columns = separated(block, COLUMNS_OF_AN_EVENT)
    if columns is None:
        return None
    has_share = columns.end[CPU_AT] > columns.begin[CPU_AT]
    at, cpus = columns.reals(TIME_AT), columns.reals(CPU_AT, has_share)
    if at is None or cpus is None:
        return None
    shares = np.full(len(at), -1.0)
    shares[has_share] = cpus
    names = map(_NAME.format, columns.texts(JOB_AT), columns.texts(INDEX_AT))
    kinds = [EVENTS_2011.get(code, "") for code in columns.texts(EVENT_AT)]
    return map(_Event, names, kinds, (at / US_PER_S).tolist(), shares.tolist())


def _plain_2019(block: bytes) -> Iterator[_Event] | None:
    """As `_plain_2011`, of JSON lines."""
    columns = json_lines.objects(block, _INSTANCES)
    return None if columns is None else map(_of_instance, columns)


def _by_row(file: str, first: int, block: bytes) -> _Events:
    """The events of lines written in any way. Raises `ScenarioError` for the first that is none."""
    read_lines: list[tuple[Line, int]] = []

    def events() -> Iterator[_Event]:
        for line in block_lines(file, first, block):
            if json_lines.is_one(line.text.encode()):
                event, at = _of_2019(line)
                read_lines.append(at)
                yield event
            elif line.text.strip():
                row = Line(file, line.number, line.text, cells(line.text))
                read_lines.append((row, CPU_AT))
                yield _of_2011(row)

    return _Events(events(), read_lines.__getitem__)


def _line(file: str, first: int, block: bytes, place: int) -> tuple[Line, int]:
    """The line of a plain event, and which of its cells tells its work."""
    one = Line(file, first + place, split(block)[place].decode())
    if json_lines.is_one(one.text.encode()):
        return _of_2019(one)[1]
    return Line(file, one.number, one.text, cells(one.text)), CPU_AT


def _of_2011(row: Line) -> _Event:
    if len(row) != COLUMNS_OF_AN_EVENT:
        raise row.error(len(row), f"{len(row)} columns where an event has {COLUMNS_OF_AN_EVENT}", "give task_events")
    return _Event(
        _NAME.format(row[JOB_AT], row[INDEX_AT]),
        EVENTS_2011.get(row[EVENT_AT], ""),
        row.real(TIME_AT, "time") / US_PER_S,
        row.real(CPU_AT, "CPU request") if row[CPU_AT] else -1.0,
    )


class _Resources(msgspec.Struct, frozen=True):
    cpus: float | None = None


class _Instance(msgspec.Struct, frozen=True, kw_only=True):
    time: int
    type: int | str
    collection_id: int | str
    instance_index: int | str
    resource_request: _Resources | None = None


_INSTANCES = msgspec.json.Decoder(_Instance, strict=False)


def _of_2019(line: Line) -> tuple[_Event, tuple[Line, int]]:
    """The event of a line, and its line, with the cell that its errors underline."""
    try:
        instance = _INSTANCES.decode(line.text)
    except msgspec.MsgspecError as error:
        raise ScenarioError(
            f"this is no event of an instance: {error}", line.file, line.number, 1, line.text, remedy="one a line"
        ) from None
    return _of_instance(instance), (Line(line.file, line.number, line.text, [(1, str(instance.time))]), 0)


def _of_instance(instance: _Instance) -> _Event:
    cpus = instance.resource_request.cpus if instance.resource_request is not None else None
    kind = str(instance.type)
    return _Event(
        _NAME.format(instance.collection_id, instance.instance_index),
        EVENTS_2019.get(kind, kind),
        instance.time / US_PER_S,
        -1.0 if cpus is None else cpus,
    )
