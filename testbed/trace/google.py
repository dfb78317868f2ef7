"""Google's cluster traces: task events of 2011 (CSV without a header) and instance events of 2019 (JSON lines).

Formats: github.com/google/cluster-data. Instants are microseconds; 0 and 2^63 − 1 are before and after the trace. A
task comes when it is submitted; its work is the time from its last start until it finished, on the share of a machine
that it asked for.
"""

from collections.abc import Iterator

import msgspec

from testbed.model.errors import ScenarioError
from testbed.scenario.requests import Request
from testbed.scenario.tables import cells
from testbed.trace.job import JobOptions, instant_ns, work
from testbed.trace.lines import Line, lines
from testbed.trace.notes import Say, count

TIME_AT, JOB_AT, INDEX_AT, EVENT_AT, CPU_AT, COLUMNS_OF_AN_EVENT = 0, 2, 3, 5, 9, 13
_SUBMIT, SCHEDULE, FINISH = "SUBMIT", "SCHEDULE", "FINISH"
EVENTS_2011 = {"0": _SUBMIT, "1": SCHEDULE, "2": "EVICT", "3": "FAIL", "4": FINISH, "5": "KILL", "6": "LOST"}
EVENTS_2019 = {"0": _SUBMIT, "3": SCHEDULE, "4": "EVICT", "5": "FAIL", "6": FINISH, "7": "KILL", "8": "LOST"}
_GIVEN_UP = frozenset({"FAIL", "KILL", "LOST"})
US_PER_S, AFTER = 1e6, 2.0**62


class _Open(msgspec.Struct):
    """A task under way: when it was submitted and last started, in s (-1: unknown), and its share of a machine."""

    submitted: float = -1.0
    started: float = -1.0
    share: float = 0.0


class _Event(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a task; ``share`` -1 where it does not say."""

    line: Line
    task: tuple[str, str]
    kind: str
    at_s: float
    share: float
    work_at: int


def read(file: str, options: JobOptions, say: Say) -> Iterator[Request]:
    """The tasks of ``file`` that finished, in that order. Raises `ScenarioError` with line and column."""
    under_way: dict[tuple[str, str], _Open] = {}
    given_up = unknown = 0
    for event in _events(file, options):
        if event.kind in _GIVEN_UP:
            given_up += under_way.pop(event.task, None) is not None
        elif event.kind == FINISH:
            task = under_way.pop(event.task, _Open())
            core_s = (event.at_s - task.started) * task.share
            if task.submitted < 0.0 or task.started < 0.0 or core_s <= 0.0:
                unknown += 1
                continue
            cycles = work(event.line, event.work_at, core_s, options)
            yield Request(instant_ns(event.line, TIME_AT, task.submitted), 0, cycles)
        else:
            task = under_way.setdefault(event.task, _Open())
            known = 0.0 < event.at_s < AFTER
            if event.kind == _SUBMIT and task.submitted < 0.0 and known:
                task.submitted = event.at_s
            elif event.kind == SCHEDULE and known:
                task.started = event.at_s
            task.share = event.share if event.share >= 0.0 else task.share
    for number, what in (
        (given_up, "that did not finish"),
        (unknown, "of which the submission, the start or the CPU is unknown"),
        (len(under_way), "under way at the end of the trace"),
    ):
        if number:
            say(f"{count(number, 'task')} {what} left out")


def _events(file: str, options: JobOptions) -> Iterator[_Event]:
    for line in lines(file, options.share):
        if line.text.lstrip().startswith("{"):
            yield _of_2019(line)
        elif line.text.strip():
            yield _of_2011(Line(file, line.number, line.text, cells(line.text)))


def _of_2011(row: Line) -> _Event:
    if len(row) != COLUMNS_OF_AN_EVENT:
        raise row.error(len(row), f"{len(row)} columns where an event has {COLUMNS_OF_AN_EVENT}", "give task_events")
    return _Event(
        line=row,
        task=(row[JOB_AT], row[INDEX_AT]),
        kind=EVENTS_2011.get(row[EVENT_AT], ""),
        at_s=row.real(TIME_AT, "time") / US_PER_S,
        share=row.real(CPU_AT, "CPU request") if row[CPU_AT] else -1.0,
        work_at=CPU_AT,
    )


class _Resources(msgspec.Struct, frozen=True):
    cpus: float | None = None


class _Instance(msgspec.Struct, frozen=True, kw_only=True):
    time: int
    type: int | str
    collection_id: int | str
    instance_index: int | str
    resource_request: _Resources | None = None


def _of_2019(line: Line) -> _Event:
    try:
        instance = msgspec.json.decode(line.text, type=_Instance, strict=False)
    except msgspec.MsgspecError as error:
        raise ScenarioError(
            f"this is no event of an instance: {error}", line.file, line.number, 1, line.text, remedy="one a line"
        ) from None
    asked = instance.resource_request.cpus if instance.resource_request is not None else None
    kind = str(instance.type)
    return _Event(
        line=Line(line.file, line.number, line.text, [(1, str(instance.time))]),
        task=(str(instance.collection_id), str(instance.instance_index)),
        kind=EVENTS_2019.get(kind, kind),
        at_s=instance.time / US_PER_S,
        share=-1.0 if asked is None else asked,
        work_at=0,
    )
