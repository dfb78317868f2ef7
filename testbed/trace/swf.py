"""The Standard Workload Format 2.2 of parallel machines: 18 columns apart by blanks, ``;`` comments, -1 for unknown.

Format: Chapin et al., JSSPP 1999; www.cs.huji.ac.il/labs/parallel/workload. The work of a job is its run time on as
many cores as it had, or had asked for where that is unknown.
"""

import re
from collections.abc import Iterator

import numpy as np

from testbed.model.delay import NS_PER_S
from testbed.scenario.requests import RequestColumns
from testbed.scenario.workload import Ints, Reals
from testbed.trace.job import LATEST_S, MOST_CYCLES, JobOptions, instant_ns, work
from testbed.trace.lines import Line, blocks, text_of
from testbed.trace.notes import Say, count

_SUBMIT, RUN, CORES, ASKED = 1, 3, 4, 7
COLUMNS_OF_A_JOB = 18
_NUMBERS = {_SUBMIT: "submit time", RUN: "run time", CORES: "processors", ASKED: "requested processors"}
_WORD = re.compile(r"\S+")


def read(file: str, options: JobOptions, say: Say) -> Iterator[RequestColumns]:
    """The jobs of ``file`` that ran, in its order, some at a time. Raises `ScenarioError` with line and column."""
    without = assumed = early = 0
    for first, block in blocks(file, options.share):
        places, values = _jobs(file, first, block)
        at, run, cores, asked = values
        unknown = (cores <= 0.0) & (asked > 0.0) & (run > 0.0)
        cores = np.where(cores > 0.0, cores, asked)
        known = (run > 0.0) & (cores > 0.0)
        wanted = known & (at >= 0.0)
        without += int((~known).sum())
        assumed += int((unknown & wanted).sum())
        early += int((known & (at < 0.0)).sum())
        cycles = run * cores * options.hz
        for place in np.flatnonzero(wanted & ((cycles >= MOST_CYCLES) | (at >= LATEST_S)))[:1].tolist():
            line = _line(file, first + places[place], block[places[place]])
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


def _jobs(file: str, first: int, block: list[bytes]) -> tuple[list[int], Reals]:
    """The places of the lines that are jobs, and a row for each of `_NUMBERS`. Raises `ScenarioError`."""
    places, jobs, joined = list(range(len(block))), block, b"\n".join(block)
    if b";" in joined:
        places = [place for place in places if not block[place].lstrip().startswith(b";")]
        jobs = [block[place] for place in places]
        joined = b"\n".join(jobs)
    if (_words(joined) == COLUMNS_OF_A_JOB).all():
        try:
            values = np.loadtxt(jobs, usecols=tuple(_NUMBERS), ndmin=2, comments=None, unpack=True)
            if np.isfinite(values).all():
                return places, values
        except ValueError:
            pass
    lines = ((place, _line(file, first + place, block[place])) for place in range(len(block)))
    known = [(place, line) for place, line in lines if line.text.strip() and not line.text.lstrip().startswith(";")]
    rows: Reals = np.array([_numbers(line) for _, line in known], np.float64).reshape(-1, len(_NUMBERS))
    return [place for place, _ in known], rows.T


def _words(joined: bytes) -> Ints:
    """How many words each line has."""
    letters = np.frombuffer(joined, np.uint8)
    if not len(letters):
        return np.zeros(0, np.int64)
    is_word = letters > ord(" ")
    begins = is_word.copy()
    begins[1:] &= ~is_word[:-1]
    firsts = np.concatenate([[0], np.flatnonzero(letters == ord("\n")) + 1])
    words = np.flatnonzero(begins)
    return np.diff(np.searchsorted(words, firsts), append=len(words))


def _numbers(line: Line) -> list[float]:
    """The `_NUMBERS` of a line. Raises `ScenarioError` for the first that is none."""
    if len(line) != COLUMNS_OF_A_JOB:
        raise line.error(len(line), f"{len(line)} columns where a job has {COLUMNS_OF_A_JOB}", "write -1 for unknown")
    return [line.real(column, name) for column, name in _NUMBERS.items()]


def _line(file: str, number: int, raw: bytes) -> Line:
    text = text_of(raw, file, number)
    return Line(file, number, text, [(word.start() + 1, word[0]) for word in _WORD.finditer(text)])
