"""Alibaba's cluster trace of 2018, batch tasks: nine columns without a header, seconds since the trace's beginning.

Format: github.com/alibaba/clusterdata, ``batch_task.csv``: task, instances, job, type, status, start, end, CPU (100 is
a core), memory. The work of a task is its duration on the cores of all its instances.
"""

from collections.abc import Iterator

from testbed.scenario.requests import Request
from testbed.scenario.tables import cells
from testbed.trace.job import JobOptions, instant_ns, work
from testbed.trace.lines import Line, lines
from testbed.trace.notes import Say, count

INSTANCES, STATUS, START, _END, CPU = 1, 4, 5, 6, 7
COLUMNS_OF_A_TASK, A_CORE = 9, 100.0
TERMINATED = "Terminated"


def read(file: str, options: JobOptions, say: Say) -> Iterator[Request]:
    """The tasks of ``file`` that ran to their end, in its order. Raises `ScenarioError` with line and column."""
    unfinished = instantaneous = unknown = 0
    for line in lines(file, options.share):
        if not line.text.strip():
            continue
        row = Line(file, line.number, line.text, cells(line.text))
        if len(row) != COLUMNS_OF_A_TASK:
            raise row.error(len(row), f"{len(row)} columns where a task has {COLUMNS_OF_A_TASK}", "give batch_task.csv")
        if row[STATUS] != TERMINATED:
            unfinished += 1
            continue
        if not (row[START] and row[_END] and row[CPU] and row[INSTANCES]):
            unknown += 1
            continue
        start, end = row.real(START, "start"), row.real(_END, "end")
        cores = row.real(CPU, "CPU") / A_CORE * row.real(INSTANCES, "instances")
        if end <= start or cores <= 0.0 or start < 0.0:
            instantaneous += 1
            continue
        yield Request(instant_ns(row, START, start), 0, work(row, _END, (end - start) * cores, options))
    for number, what in (
        (unfinished, "that did not run to their end"),
        (unknown, "without an instant, a CPU or instances"),
        (instantaneous, "of no work, or from before the trace"),
    ):
        if number:
            say(f"{count(number, 'task')} {what} left out")
