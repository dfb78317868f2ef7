"""A scenario's inputs with its trace files read: what a run starts from, whatever the formats."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from testbed.model.errors import ScenarioError, UsageError
from testbed.model.system import System
from testbed.model.task import Task
from testbed.scenario import ranges, table_text, window
from testbed.scenario import resolve as core
from testbed.scenario import workload as tables
from testbed.scenario.checks import with_link_traces
from testbed.scenario.kinds import DEMANDS
from testbed.scenario.reading import is_stream, read_text
from testbed.scenario.schema import LinkTrace, Profile, RadioSection, Scenario
from testbed.scenario.window import Played
from testbed.trace import cellular, imported, mahimahi, mapped, placed, rate_table, rate_text, rates, swf
from testbed.trace.job import MappedColumn
from testbed.trace.lines import Line, lines
from testbed.trace.notes import Say, quiet
from testbed.trace.spool import spooling


def resolve(scenario: Scenario, say: Say = quiet) -> core.Resolved:
    """As `testbed.scenario.resolve.resolve`, after reading the topology, rate traces and profile named there.

    ``say`` hears what the reader skipped, capped or assumed. Raises `ScenarioError`.
    """
    if scenario.topology is not None:
        scenario = placed.placed(scenario, scenario.topology, say)
    profile = scenario.workload.profile
    if profile is not None and profile.file:
        workload = msgspec.structs.replace(scenario.workload, profile=read_profile(profile))
        scenario = msgspec.structs.replace(scenario, workload=workload)
    known: dict[LinkTrace, LinkTrace] = {}

    def read(trace: LinkTrace, _: object) -> LinkTrace:
        if trace.file and trace not in known:
            known[trace] = _scaled_link(trace, scenario.radio, say)
        return known.get(trace, trace)

    return core.resolve(with_link_traces(scenario, read))


def _scaled_link(trace: LinkTrace, radio: RadioSection, say: Say) -> LinkTrace:
    """The trace of a file, its rates times its factor. Raises `ScenarioError`."""
    link = read_link(trace, radio, _named(trace.file, say))
    link = msgspec.structs.replace(link, rates_bps=tuple(rate * trace.scale for rate in link.rates_bps))
    if slow := ranges.slow_trace(link):
        raise ScenarioError(slow, trace.file, remedy="rates are in bit/s; for a file in Mbit/s, add scale: 1e6")
    if silent := ranges.silent_trace(link):
        raise ScenarioError(silent, trace.file, remedy="leave the silence out of the file, or shorten it")
    return link


def generate(scenario: Scenario, system: System, say: Say = quiet) -> Sequence[Task]:
    """As `testbed.scenario.workload.generate`, for workload traces of every format; ``say`` as in `resolve`.

    Raises `ScenarioError`.
    """
    return played(scenario, system, say).tasks


def played(scenario: Scenario, system: System, say: Say = quiet) -> Played:
    """As `generate`, with what is to be said of it. Raises `ScenarioError`, also if a trace has no task for the run."""
    workload = scenario.workload
    if not workload.trace:
        tasks = tables.generate(scenario, system)
        return Played(tasks, window.remarks(tasks, system))
    names = (workload.trace, *workload.parts)
    name = format_of(workload.trace) if workload.format == "auto" else workload.format
    if name == "csv":
        return window.played(tables.merged([tables.read_csv(file, system) for file in names]), workload, system)
    options = imported.options_of(
        workload, scenario.seed, columns_of(workload.columns, mapped.mapped, "workload.columns")
    )
    with spooling() as spool:
        gathered = imported.gather(name, names, options, _named(workload.trace, say) if len(names) == 1 else say, spool)
        tasks, before = imported.tasks_of(gathered, scenario, system, say)
    ranges.check_tasks(system, tasks)
    return window.cut(tasks, workload, system, before)


def read_profile(profile: Profile) -> Profile:
    """The profile whose factors are the numbers in its file, one a line. Raises `ScenarioError` with its place."""
    factors = []
    for line in lines(profile.file):
        if not line.text.strip():
            continue
        row = Line(profile.file, line.number, line.text, [(1, line.text.strip())])
        factor = row.real(0, "factor")
        if factor < 0.0:
            raise row.error(0, f'factor "{row[0]}" is out of range', "must be at least 0")
        factors.append(factor)
    if not any(factors):
        raise ScenarioError("a profile that lets no task come", profile.file, remedy="give a factor above 0")
    return msgspec.structs.replace(profile, file="", factors=tuple(factors))


def columns_of(
    arguments: Sequence[str], read: Callable[[Sequence[str]], dict[str, MappedColumn]], place: str
) -> dict[str, MappedColumn]:
    """The columns that a scenario names at ``place``. Raises `ScenarioError`."""
    try:
        return read(arguments) if arguments else {}
    except UsageError as error:
        raise ScenarioError(error.message.replace("--map", place), remedy=error.remedy) from None


def _named(file: str, say: Say) -> Say:
    """As ``say``, naming the file."""
    return lambda text: say(f"{Path(file).name}: {text}")


def read_link(link: LinkTrace, radio: RadioSection, say: Say = quiet) -> LinkTrace:
    """Read the link trace ``given.file`` as that says ("auto" looks at the file). Raises `ScenarioError`."""
    file = link.file
    if link.format == "table":
        return rate_table.read(file, columns_of(link.columns, mapped.mapped_rates, "radio.trace.columns"), link, say)
    text = read_text(file)
    name = link_format(text, file) if link.format == "auto" else link.format
    if name == "mahimahi":
        return mahimahi.parse(text, file, link.bin_ns, say)
    if name == "5g":
        return cellular.parse(text, file, radio.bandwidth_hz, link, radio.max_spectral_efficiency, say)
    return rate_text.parse(text, file, link, say) if name == "text" else rates.parse(text, file)


def format_of(file: str) -> str:
    """The format of a file, by its first line that holds something; a stream is kept for whoever reads it next."""
    if is_stream(file):
        read_text(file)
    for line in lines(file):
        if line.text.strip():
            return workload_format("\n" * (line.number - 1) + line.text, file)
    return workload_format("", file)


def workload_format(text: str, file: str) -> str:
    """The kind of a recording that can be told by its first line with content."""
    head = _head(text, file)
    if "contexttokens" in head.lower():
        return "azure"
    if "time_s" in head or "input_bits" in head:
        return "csv"
    if head.startswith("HashOwner,"):
        return "functions-2019"
    if "end_timestamp" in head:
        return "functions"
    if head.lstrip().startswith(";") or len(head.split()) == swf.COLUMNS_OF_A_JOB:
        return "swf"
    remedy = (
        f"say what it is: format: {', '.join(DEMANDS)}; a table of tasks begins {','.join(table_text.WORKLOAD_COLUMNS)}"
    )
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
