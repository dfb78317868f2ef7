"""Azure Functions 2021: an invocation a row, ``app,func,end_timestamp,duration``, seconds since the trace's beginning.

Format: github.com/Azure/AzurePublicDataset (Zhang et al., SOSP 2021). An invocation begins its duration before its end;
rows are in the order of no instant.
"""

from collections.abc import Iterator

from testbed.model.errors import ScenarioError
from testbed.scenario.requests import Request
from testbed.scenario.tables import cells
from testbed.trace.job import JobOptions, instant_ns, work
from testbed.trace.lines import Line, lines
from testbed.trace.named_columns import places
from testbed.trace.notes import Say, count

INVOCATION_COLUMNS = ("app", "func", "end_timestamp", "duration")


def read(file: str, options: JobOptions, say: Say) -> Iterator[Request]:
    """The invocations of ``file`` in its order. Raises `ScenarioError` with line and column."""
    columns: list[int] = []
    instantaneous = early = 0
    for line in lines(file, options.share):
        if not line.text.strip():
            continue
        row = Line(file, line.number, line.text, cells(line.text))
        if not columns:
            columns = places(row, INVOCATION_COLUMNS[2:])
            continue
        if len(row) <= max(columns):
            raise row.error(len(row), f"{len(row)} cells where the header has more", "write one cell for each column")
        end, duration = (row.real(at, name) for at, name in zip(columns, INVOCATION_COLUMNS[2:], strict=True))
        if duration <= 0.0:
            instantaneous += 1
            continue
        at = instant_ns(row, columns[0], end - duration)
        if at < 0:
            early += 1
            continue
        yield Request(at, 0, work(row, columns[1], duration, options))
    if not columns:
        raise ScenarioError("the file is empty", file, 1, 1, remedy=f"the header is {','.join(INVOCATION_COLUMNS)}")
    if instantaneous:
        say(f"{count(instantaneous, 'invocation')} of no duration left out")
    if early:
        say(f"{count(early, 'invocation')} that began before the trace left out")
