"""The Standard Workload Format 2.2 of parallel machines: 18 columns apart by blanks, ``;`` comments, -1 for unknown.

Format: Chapin et al., JSSPP 1999; www.cs.huji.ac.il/labs/parallel/workload. The work of a job is its run time on as
many cores as it had, or had asked for where that is unknown.
"""

import re
from collections.abc import Iterator

import numpy as np

from testbed.model.delay import NS_PER_S
from testbed.scenario.decimals import Reals
from testbed.scenario.requests import RequestColumns
from testbed.trace.cells import words
from testbed.trace.job import LATEST_S, MOST_CYCLES, JobOptions, instant_ns, work
from testbed.trace.lines import Line, blocks, split, text_of
from testbed.trace.notes import Say, count

_SUBMIT, RUN, CORES, ASKED = 1, 3, 4, 7
COLUMNS_OF_A_JOB = 18
_NUMBERS = {_SUBMIT: "submit time", RUN: "run time", CORES: "processors", ASKED: "requested processors"}
_WORD = re.compile(r"\S+")


def read(file: str, options: JobOptions, say: Say) -> Iterator[RequestColumns]:
    """The jobs of ``file`` that ran, in its order, some at a time. Raises `ScenarioError` with line and column."""
    without = assumed = early = 0
    for first, block in blocks(file, options.share):
        at, run, cores, asked = _jobs(file, first, block)
        unknown = (cores <= 0.0) & (asked > 0.0) & (run > 0.0)
        cores = np.where(cores > 0.0, cores, asked)
        known = (run > 0.0) & (cores > 0.0)
        wanted = known & (at >= 0.0)
        without += int((~known).sum())
        assumed += int((unknown & wanted).sum())
        early += int((known & (at < 0.0)).sum())
        with np.errstate(over="ignore"):
            cycles = run * cores * options.hz
        for place in np.flatnonzero(wanted & ((cycles >= MOST_CYCLES) | (at >= LATEST_S)))[:1].tolist():
            line = _job_lines(file, first, block)[place]
            work(line, RUN, float(run[place] * cores[place]), options)
            instant_ns(line, _SUBMIT, float(at[place]))
        at_ns = np.rint(at[wanted] * NS_PER_S).astype(np.int64)
        yield RequestColumns(at_ns, np.zeros_like(at_ns), np.maximum(1, np.rint(cycles[wanted])).astype(np.int64))
    for number, what in (
        (without, "without a run time or processors left out"),
        (early, "without a submit time left out"),
        (assumed, "whose processors are unknown: taken as those requested"),
    ):
        if number:
            say(f"{count(number, 'job')} {what}")


def _jobs(file: str, first: int, block: bytes) -> Reals:
    """The `_NUMBERS` (4, n) of the lines of a block that are jobs. Raises `ScenarioError`."""
    cells = words(block, COLUMNS_OF_A_JOB)
    if cells is not None:
        columns = [cells.reals(at) for at in _NUMBERS]
        found = [column for column in columns if column is not None]
        if len(found) == len(_NUMBERS):
            return np.array(found)
    rows = [_numbers(line) for line in _job_lines(file, first, block)]
    numbers: Reals = np.array(rows, np.float64).reshape(-1, len(_NUMBERS))
    return numbers.T


def _job_lines(file: str, first: int, block: bytes) -> list[Line]:
    """The lines of a block that are jobs: not empty, and no comments."""
    found = (_line(file, number, raw) for number, raw in enumerate(split(block), start=first))
    return [line for line in found if line.text.strip() and not line.text.lstrip().startswith(";")]


def _numbers(line: Line) -> list[float]:
    """The `_NUMBERS` of a line. Raises `ScenarioError` for the first that is none."""
    if len(line) != COLUMNS_OF_A_JOB:
        raise line.error(len(line), f"{len(line)} columns where a job has {COLUMNS_OF_A_JOB}", "write -1 for unknown")
    return [line.real(column, name) for column, name in _NUMBERS.items()]


def _line(file: str, number: int, raw: bytes) -> Line:
    text = text_of(raw, file, number)
    return Line(file, number, text, [(word.start() + 1, word[0]) for word in _WORD.finditer(text)])
