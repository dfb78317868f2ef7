"""The Standard Workload Format 2.2 of parallel machines: 18 columns apart by blanks, ``;`` comments, -1 for unknown.

Format: Chapin et al., JSSPP 1999; www.cs.huji.ac.il/labs/parallel/workload. The work of a job is its run time on as
many cores as it had, or had asked for where that is unknown.
"""

import re
from collections.abc import Iterator

from testbed.scenario.requests import Request
from testbed.trace.job import JobOptions, instant_ns, work
from testbed.trace.lines import Line, lines
from testbed.trace.notes import Say, count

SUBMIT, RUN, CORES, ASKED = 1, 3, 4, 7
COLUMNS_OF_A_JOB = 18
_WORD = re.compile(r"\S+")


def read(file: str, options: JobOptions, say: Say) -> Iterator[Request]:
    """The jobs of ``file`` that ran, in its order. Raises `ScenarioError` with line and column."""
    without = assumed = 0
    for line in lines(file):
        if not line.text.strip() or line.text.lstrip().startswith(";"):
            continue
        row = Line(file, line.number, line.text, [(m.start() + 1, m[0]) for m in _WORD.finditer(line.text)])
        if len(row) != COLUMNS_OF_A_JOB:
            raise row.error(len(row), f"{len(row)} columns where a job has {COLUMNS_OF_A_JOB}", "write -1 for unknown")
        run, cores = row.real(RUN, "run time"), row.real(CORES, "processors")
        if cores <= 0:
            cores = row.real(ASKED, "requested processors")
            assumed += cores > 0 and run > 0
        if run <= 0 or cores <= 0:
            without += 1
            continue
        at = instant_ns(row, SUBMIT, row.real(SUBMIT, "submit time"))
        yield Request(at, 0, work(row, RUN, run * cores, options))
    if without:
        say(f"{count(without, 'job')} without a run time or processors left out")
    if assumed:
        say(f"{count(assumed, 'job')} whose processors are unknown: taken as those requested")
