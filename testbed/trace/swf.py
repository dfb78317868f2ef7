"""The Standard Workload Format 2.2 of parallel machines: 18 columns apart by blanks, ``;`` comments, -1 for unknown.

Format: Chapin et al., JSSPP 1999; www.cs.huji.ac.il/labs/parallel/workload. The work of a job is its run time on as
many cores as it had, or had asked for where that is unknown.
"""

import re
from collections.abc import Iterator

import numpy as np

from testbed.scenario.requests import RequestColumns
from testbed.trace.job import LATEST_S, MOST_CYCLES, JobOptions, instant_ns, work
from testbed.trace.lines import Line, blocks, text_of
from testbed.trace.notes import NS_PER_S, Say, count

SUBMIT, RUN, CORES, ASKED = 1, 3, 4, 7
COLUMNS_OF_A_JOB = 18
NUMBERS = {SUBMIT: "submit time", RUN: "run time", CORES: "processors", ASKED: "requested processors"}
_WORD = re.compile(r"\S+")
_Job = tuple[float, float, float, float]


def read(file: str, options: JobOptions, say: Say) -> Iterator[RequestColumns]:
    """The jobs of ``file`` that ran, in its order, some at a time. Raises `ScenarioError` with line and column."""
    without = assumed = early = 0
    for first, block in blocks(file, options.share):
        jobs = [(number, job) for number, raw in enumerate(block, first) if (job := _job(file, number, raw))]
        if not jobs:
            continue
        at, run, cores, asked = np.array([job for _, job in jobs]).T
        unknown = (cores <= 0.0) & (asked > 0.0) & (run > 0.0)
        cores = np.where(cores > 0.0, cores, asked)
        known = (run > 0.0) & (cores > 0.0)
        wanted = known & (at >= 0.0)
        without += int((~known).sum())
        assumed += int((unknown & wanted).sum())
        early += int((known & (at < 0.0)).sum())
        cycles = run * cores * options.hz
        for place in np.flatnonzero(wanted & ((cycles >= MOST_CYCLES) | (at >= LATEST_S)))[:1].tolist():
            number = jobs[place][0]
            line = _line(file, number, block[number - first])
            work(line, RUN, float(run[place] * cores[place]), options)
            instant_ns(line, SUBMIT, float(at[place]))
        at_ns = np.rint(at[wanted] * NS_PER_S).astype(np.int64)
        yield RequestColumns(at_ns, np.zeros_like(at_ns), np.maximum(1, np.rint(cycles[wanted])).astype(np.int64))
    for number, what in (
        (without, "without a run time or processors left out"),
        (early, "without a submit time left out"),
        (assumed, "whose processors are unknown: taken as those requested"),
    ):
        if number:
            say(f"{count(number, 'job')} {what}")


def _job(file: str, number: int, raw: bytes) -> _Job | None:
    """Submit time, run time, processors, and those asked for; None for a comment or an empty line."""
    words = raw.split()
    if not words or words[0][:1] == b";":
        return None
    if len(words) == COLUMNS_OF_A_JOB:
        try:
            job = float(words[SUBMIT]), float(words[RUN]), float(words[CORES]), float(words[ASKED])
        except ValueError:
            pass
        else:
            if all(abs(value) < float("inf") for value in job):
                return job
    line = _line(file, number, raw)
    if not line.text.strip() or line.text.lstrip().startswith(";"):
        return None
    if len(line) != COLUMNS_OF_A_JOB:
        raise line.error(len(line), f"{len(line)} columns where a job has {COLUMNS_OF_A_JOB}", "write -1 for unknown")
    return (
        line.real(SUBMIT, NUMBERS[SUBMIT]),
        line.real(RUN, NUMBERS[RUN]),
        line.real(CORES, NUMBERS[CORES]),
        line.real(ASKED, NUMBERS[ASKED]),
    )


def _line(file: str, number: int, raw: bytes) -> Line:
    text = text_of(raw, file, number)
    return Line(file, number, text, [(word.start() + 1, word[0]) for word in _WORD.finditer(text)])
