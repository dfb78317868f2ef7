"""Recorded demands of every kind into tasks: for a scenario, or into a workload table as large as may be.

All files of one recording share one clock. Where that counts from anything, like Unix time or the boot of a machine,
the first task of all is at instant 0.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TextIO

import msgspec
import numpy as np

from testbed.model.delay import NS_PER_S
from testbed.model.errors import ScenarioError
from testbed.model.system import System
from testbed.model.task import TASK_COLUMNS, TaskTable
from testbed.scenario import table_text
from testbed.scenario import workload as tables
from testbed.scenario.ranges import check_tasks
from testbed.scenario.requests import Assigner, RequestColumns
from testbed.scenario.schema import Scenario, Workload
from testbed.trace import alibaba, azure, functions, functions_2019, google, mapped, swf
from testbed.trace.job import JobOptions, MappedColumn
from testbed.trace.notes import Say, count, seconds, workload_told
from testbed.trace.spool import Spool

ReadFile = Callable[[str, JobOptions, Say], Iterator[RequestColumns]]
ReadTogether = Callable[[Sequence[str], JobOptions, Say], Iterator[RequestColumns]]
Progress = Callable[[str, float | None], None]
PAUSE_NS = 3600 * NS_PER_S


READERS: dict[str, ReadFile] = {
    "azure": azure.read,
    "swf": swf.read,
    "functions": functions.read,
    "alibaba": alibaba.read,
    "google": google.read,
    "table": mapped.read,
}
_TOGETHER: dict[str, ReadTogether] = {"functions-2019": functions_2019.read}
DEMAND_KINDS = (*READERS, *_TOGETHER)
FROM_THE_FIRST = ("azure", "swf", "table")  # of which instants are counted from anything
DATED = "azure"  # whose instants are dates


class Gathered(msgspec.Struct, frozen=True):
    """Requests by instant, the instant of their recording that is 0, and whether that is a date."""

    spool: Spool
    begin_ns: int
    is_dated: bool


def options_of(workload: Workload, seed: int, columns: Mapping[str, MappedColumn]) -> JobOptions:
    """What the readers of a workload trace are told by a scenario."""
    bounded = workload.duration_ns >= 0 and workload.start_ns >= 0
    until_s = (workload.start_ns + workload.duration_ns * workload.rate) / NS_PER_S if bounded else math.inf
    return JobOptions(
        hz=workload.cpu_hz,
        columns=tuple(columns.items()),
        bits_per_token=workload.bits_per_token,
        cycles_per_token=workload.cycles_per_token,
        seed=seed,
        until_s=until_s,
    )


def gather(kind: str, names: Sequence[str], options: JobOptions, say: Say, spool: Spool) -> Gathered:
    """Read all files of ``kind`` into ``spool``. Raises `ScenarioError`, and `StartError` if there is no room."""
    firsts: dict[str, int] = {}
    for name, some in _parts(kind, names, options, say):
        if len(some.at_ns):
            first = int(some.at_ns.min())
            firsts[name] = min(firsts.get(name, first), first)
        spool.add(some)
    if not spool.count:
        raise ScenarioError(
            "there is no task in it", names[0], remedy="give a file with tasks that ran below its header"
        )
    begin = spool.first_ns if kind in FROM_THE_FIRST else 0
    if len(firsts) > 1:
        starts = ", ".join(f"{Path(name).name} at {seconds(first - begin)}" for name, first in firsts.items())
        say(f"the files are on one clock: {starts}")
    if begin and kind != DATED:
        say(f"the first task comes at {seconds(begin)}: that is instant 0 here")
    return Gathered(spool, begin, kind == DATED)


def _parts(kind: str, names: Sequence[str], options: JobOptions, say: Say) -> Iterator[tuple[str, RequestColumns]]:
    """What each file holds, some at a time; of files that need each other, all under the name of the first."""
    if kind in _TOGETHER:
        yield from ((names[0], some) for some in _TOGETHER[kind](names, options, say))
        return
    for name in names:
        say_of = say if len(names) == 1 else _named(name, say)
        yield from ((name, some) for some in READERS[kind](name, options, say_of))


def _named(name: str, say: Say) -> Say:
    return lambda text: say(f"{Path(name).name}: {text}")


def written(gathered: Gathered, out: TextIO, scenario: Scenario, system: System, say: Say, progress: Progress) -> str:
    """Write the tasks of ``gathered`` as a workload table by instant; returns what they are. Raises `ScenarioError`."""
    assigner, workload = Assigner(scenario, system), scenario.workload
    out.write(",".join(table_text.WORKLOAD_COLUMNS) + "\n")
    whole = late = last_ns = done = 0
    for some in _timed(gathered, workload, say):
        done += len(some.at_ns)
        inside = some if workload.duration_ns < 0 else some.taken(some.at_ns < workload.duration_ns)
        late += len(some.at_ns) - len(inside.at_ns)
        tasks = tables.table_of(assigner.tasks(inside))
        check_tasks(system, tasks)
        out.write(tables.format_csv(tasks, system).partition("\n")[2])
        whole, last_ns = whole + len(tasks), max(last_ns, int(inside.at_ns.max(initial=0)))
        progress(f"{whole:,} tasks written", done / gathered.spool.count)
    if late:
        say(f"{count(late, 'task')} later than workload.duration left out")
    return workload_told(whole, last_ns // system.slot_ns + 1, len(system.ues))


def tasks_of(gathered: Gathered, scenario: Scenario, system: System, say: Say) -> tuple[TaskTable, int]:
    """The tasks of ``gathered`` from ``workload.start`` on, and how many come before that."""
    assigner = Assigner(scenario, system)
    parts = [assigner.tasks(some) for some in _timed(gathered, scenario.workload, say)]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in TASK_COLUMNS}
    tasks = tables.ordered(tables.table_of(columns))
    return tasks, gathered.spool.count - len(tasks)


def _timed(gathered: Gathered, workload: Workload, say: Say) -> Iterator[RequestColumns]:
    """Requests at the instants of a run: counted from ``workload.start``, as fast as ``workload.rate``."""
    first = gathered.spool.first_ns
    begin = first if workload.start_ns < 0 else gathered.begin_ns + workload.start_ns
    pause, since, latest = 0, first, first
    for some in gathered.spool.by_instant():
        steps = np.diff(some.at_ns, prepend=latest)
        longest = int(steps.argmax())
        if steps[longest] > pause:
            pause = int(steps[longest])
            since = int(some.at_ns[longest]) - pause
        latest = int(some.at_ns[-1])
        later = some.taken(some.at_ns >= begin)
        at_ns = later.at_ns - begin
        if workload.rate != 1.0:
            at_ns = np.floor(at_ns / workload.rate + 0.5).astype(np.int64)
        yield later._replace(at_ns=at_ns)
    if gathered.is_dated and pause >= PAUSE_NS:
        say(
            f"the longest pause is {seconds(pause)}, {seconds(since - first)} after the first request: it is kept "
            "(workload.duration ends the trace before it)"
        )
