"""A scenario's inputs with its trace files read: what a run starts from, whatever the formats."""

import math
from collections.abc import Sequence
from pathlib import Path

import msgspec

from testbed.model.errors import ScenarioError
from testbed.model.system import System
from testbed.model.task import Task
from testbed.scenario import ranges, window
from testbed.scenario import resolve as core
from testbed.scenario import workload as tables
from testbed.scenario.reading import read_text
from testbed.scenario.requests import Request, assign
from testbed.scenario.schema import LinkTrace, RadioSection, Scenario
from testbed.scenario.window import Played
from testbed.trace import azure, cellular, mahimahi, rate_text, rates
from testbed.trace.notes import Say, quiet


def resolve(scenario: Scenario, say: Say = quiet) -> core.Resolved:
    """As `testbed.scenario.resolve.resolve`, after reading the rate trace named there.

    ``say`` hears what the reader skipped, capped or assumed. Raises `ScenarioError`.
    """
    trace = scenario.radio.trace
    if trace is None or not trace.file:
        return core.resolve(scenario)
    link = read_link(trace, scenario.radio, _named(trace.file, say))
    link = msgspec.structs.replace(link, rates_bps=tuple(rate * trace.scale for rate in link.rates_bps))
    if slow := ranges.slow_trace(link):
        raise ScenarioError(slow, trace.file, remedy="rates are in bit/s; for a file in Mbit/s, add scale: 1e6")
    if silent := ranges.silent_trace(link):
        raise ScenarioError(silent, trace.file, remedy="leave the silence out of the file, or shorten it")
    radio = msgspec.structs.replace(scenario.radio, trace=link)
    return core.resolve(msgspec.structs.replace(scenario, radio=radio))


def generate(scenario: Scenario, system: System, say: Say = quiet) -> Sequence[Task]:
    """As `testbed.scenario.workload.generate`, for workload traces of every format; ``say`` as in `resolve`.

    Raises `ScenarioError`.
    """
    return played(scenario, system, say).tasks


def played(scenario: Scenario, system: System, say: Say = quiet) -> Played:
    """As `generate`, with what is to be said of it. Raises `ScenarioError`, also if a trace has no task for the run."""
    given = scenario.workload
    if not given.trace:
        tasks = tables.generate(scenario, system)
        return Played(tasks, window.remarks(tasks, system))
    text = read_text(given.trace)
    name = workload_format(text, given.trace) if given.format == "auto" else given.format
    if name == "csv":
        return window.played(tables.parse_csv(text, given.trace, system), given, system)
    requests = azure.parse(text, given.trace, given.bits_per_token, given.cycles_per_token, _named(given.trace, say))
    begin = tables.begin_ns([request.at_ns for request in requests], given)
    kept = [msgspec.structs.replace(r, at_ns=r.at_ns - begin) for r in requests if r.at_ns >= begin]
    tasks = assign(compressed(tuple(kept), given.rate), scenario, system)
    ranges.check_tasks(system, tasks)
    return window.cut(tasks, given, system, len(requests) - len(kept))


def _named(file: str, say: Say) -> Say:
    """As ``say``, naming the file."""
    return lambda text: say(f"{Path(file).name}: {text}")


def compressed(requests: tuple[Request, ...], rate: float) -> tuple[Request, ...]:
    """Requests that come ``rate`` times as fast."""
    return tuple(msgspec.structs.replace(r, at_ns=int(math.floor(r.at_ns / rate + 0.5))) for r in requests)


def read_link(given: LinkTrace, radio: RadioSection, say: Say = quiet) -> LinkTrace:
    """Read the link trace ``given.file`` as that says ("auto" looks at the file). Raises `ScenarioError`."""
    text, file = read_text(given.file), given.file
    name = link_format(text, file) if given.format == "auto" else given.format
    if name == "mahimahi":
        return mahimahi.parse(text, file, given.bin_ns, say)
    if name == "5g":
        return cellular.parse(text, file, radio.bandwidth_hz, given, radio.max_spectral_efficiency, say)
    return rate_text.parse(text, file, given, say) if name == "text" else rates.parse(text, file)


def workload_format(text: str, file: str) -> str:
    """``csv`` or ``azure``, by the header."""
    head = _head(text, file)
    if "contexttokens" in head.lower():
        return "azure"
    if "time_s" in head or "input_bits" in head:
        return "csv"
    remedy = f"the header is {','.join(tables.WORKLOAD_COLUMNS)} or TIMESTAMP,ContextTokens,GeneratedTokens"
    raise ScenarioError("this is no workload that the testbed knows", file, _line(text), 1, head, len(head), remedy)


def link_format(text: str, file: str) -> str:
    """``rates``, ``mahimahi`` or ``5g``, by the first line that holds something."""
    head, line = _head(text, file), _line(text)
    if head.strip().isdigit():
        return "mahimahi"
    if "SNR" in head or "UL_bitrate" in head:
        return "5g"
    if "duration_s" in head or "rate_bps" in head:
        return "rates"
    remedy = "give a mahimahi trace, a 5G CSV with Timestamp and SNR, or duration_s,rate_bps"
    if len(words := head.split()) == 2 and all(_is_number(word) for word in words):
        remedy = "say what the two numbers are: format: text with time_unit, rate_unit and span"
    raise ScenarioError("this is no link trace that the testbed knows", file, line, 1, head, len(head), remedy)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _line(text: str) -> int:
    """The number of the first line that holds something."""
    return next(number for number, line in enumerate(text.splitlines(), start=1) if line.strip())


def _head(text: str, file: str) -> str:
    """The first line that holds something."""
    if not text.strip():
        raise ScenarioError("the file is empty", file, 1, 1, remedy=f"{Path(file).name} should hold a trace")
    return text.splitlines()[_line(text) - 1]
