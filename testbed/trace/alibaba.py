"""Alibaba's cluster trace of 2018, batch tasks: nine columns without a header, seconds since the trace's beginning.

Format: github.com/alibaba/clusterdata, ``batch_task.csv``: task, instances, job, type, status, start, end, CPU (100 is
a core), memory. The work of a task is its duration on the cores of all its instances.
"""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from testbed.model.delay import NS_PER_S
from testbed.scenario.requests import Request, RequestColumns
from testbed.scenario.tables import cells
from testbed.trace.cells import are, separated
from testbed.trace.job import LATEST_S, MOST_CYCLES, JobOptions, instant_ns, work
from testbed.trace.lines import Line, block_lines, blocks
from testbed.trace.notes import Say, count

INSTANCES, STATUS, START, _END, CPU = 1, 4, 5, 6, 7
COLUMNS_OF_A_TASK, A_CORE = 9, 100.0
TERMINATED = "Terminated"
NOT_TO_THE_END = "that did not run to their end"
INCOMPLETE = "without an instant, a CPU or instances"
INSTANTANEOUS = "of no work, or from before the trace"


def read(file: str, options: JobOptions, say: Say) -> Iterator[RequestColumns]:
    """The tasks of ``file`` that ran to their end, in its order, some at a time.

    Raises `ScenarioError` with line and column.
    """
    left_out: Counter[str] = Counter()
    for first, block in blocks(file, options.share):
        found = _plain(block, options, left_out)
        yield found if found is not None else _by_row(file, first, block, options, left_out)
    for what in (NOT_TO_THE_END, INCOMPLETE, INSTANTANEOUS):
        if left_out[what]:
            say(f"{count(left_out[what], 'task')} {what} left out")


@np.errstate(over="ignore", invalid="ignore")
def _plain(block: bytes, options: JobOptions, left_out: Counter[str]) -> RequestColumns | None:
    """The tasks of a block whose lines are written plainly and hold nothing wrong; None otherwise."""
    found = separated(block, COLUMNS_OF_A_TASK)
    if found is None:
        return None
    letters, begin, end = found
    ran = are(letters, begin[STATUS], end[STATUS], TERMINATED.encode())
    told = ran & np.logical_and.reduce([end[at] > begin[at] for at in (INSTANCES, START, _END, CPU)])
    numbers = [found.reals(at, told) for at in (START, _END, CPU, INSTANCES)]
    columns = [number for number in numbers if number is not None]
    if len(columns) < len(numbers):
        return None
    start, finish, cpu, instances = columns
    cores = cpu / A_CORE * instances
    busy = (finish > start) & (cores > 0.0) & (start >= 0.0)
    cycles = (finish - start) * cores * options.hz
    if (busy & ((cycles >= MOST_CYCLES) | (start >= LATEST_S))).any():
        return None
    left_out.update({NOT_TO_THE_END: int((~ran).sum()), INCOMPLETE: int((ran & ~told).sum())})
    left_out[INSTANTANEOUS] += int((~busy).sum())
    at_ns = np.rint(start[busy] * NS_PER_S).astype(np.int64)
    return RequestColumns(at_ns, np.zeros_like(at_ns), np.maximum(1, np.rint(cycles[busy])).astype(np.int64))


def _by_row(file: str, first: int, block: bytes, options: JobOptions, left_out: Counter[str]) -> RequestColumns:
    """As `_plain`, of lines written in any way. Raises `ScenarioError` for the first that holds something wrong."""
    found = []
    for line in block_lines(file, first, block):
        if not line.text.strip():
            continue
        row = Line(file, line.number, line.text, cells(line.text))
        if len(row) != COLUMNS_OF_A_TASK:
            raise row.error(len(row), f"{len(row)} columns where a task has {COLUMNS_OF_A_TASK}", "give batch_task.csv")
        if row[STATUS] != TERMINATED:
            left_out[NOT_TO_THE_END] += 1
            continue
        if not (row[START] and row[_END] and row[CPU] and row[INSTANCES]):
            left_out[INCOMPLETE] += 1
            continue
        start, end = row.real(START, "start"), row.real(_END, "end")
        cores = row.real(CPU, "CPU") / A_CORE * row.real(INSTANCES, "instances")
        if end <= start or cores <= 0.0 or start < 0.0:
            left_out[INSTANTANEOUS] += 1
            continue
        found.append(Request(instant_ns(row, START, start), 0, work(row, _END, (end - start) * cores, options)))
    return RequestColumns.of(found)
