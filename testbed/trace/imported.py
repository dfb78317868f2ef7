"""Recorded jobs into a workload table as they are read: a file may be larger than memory."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from testbed.model.errors import ScenarioError
from testbed.scenario import workload as tables
from testbed.scenario.ranges import check_tasks
from testbed.scenario.requests import Assigner, Request
from testbed.scenario.schema import Scenario
from testbed.trace import alibaba, functions, google, inputs, mapped, swf
from testbed.trace.convert import told
from testbed.trace.job import JobOptions
from testbed.trace.notes import Say, count, seconds

Reader = Callable[[str, JobOptions, Say], Iterator[Request]]
READERS: dict[str, Reader] = {
    "swf": swf.read,
    "functions": functions.read,
    "alibaba": alibaba.read,
    "google": google.read,
    "table": mapped.read,
}
FROM_THE_FIRST = ("swf", "table")  # of which instants are counted from anything
READ_AT_ONCE = 4096


def write(
    kind: str,
    names: Sequence[str],
    out: TextIO,
    scenario: Scenario,
    options: JobOptions,
    say: Say,
    progress: Callable[[str], None],
) -> str:
    """Write the jobs of files of ``kind`` to ``out``, given to UEs in the order of the files, and say what they are.

    ``say`` hears what was left out, shifted and assumed, ``progress`` how far it is. Raises `ScenarioError`.
    """
    system = inputs.resolve(scenario).system
    assigner = Assigner(scenario, system)
    out.write(",".join(tables.WORKLOAD_COLUMNS) + "\n")
    whole = last_ns = 0
    requests = _all(kind, names, options, say)
    for some in _chunks(_from_the_first(requests, say) if kind in FROM_THE_FIRST else requests):
        tasks = [assigner.task(request) for request in some]
        check_tasks(system, tasks)
        out.write(tables.format_csv(tasks, system).partition("\n")[2])
        whole, last_ns = whole + len(tasks), max(last_ns, max(task.generated_ns for task in tasks))
        progress(f"{whole:,} tasks so far")
    if not whole:
        raise ScenarioError("there is no task in it", names[0], remedy="give a file with jobs that ran")
    return told(whole, last_ns // system.slot_ns + 1, system)


def _all(kind: str, names: Sequence[str], options: JobOptions, say: Say) -> Iterator[Request]:
    """The jobs of all files, one after another, on one clock."""
    for name in names:
        yield from READERS[kind](name, options, say if len(names) == 1 else _named(name, say))


def _from_the_first(requests: Iterator[Request], say: Say) -> Iterator[Request]:
    """``requests`` counted from the instant of the first, less those from before it."""
    first, early = -1, 0
    for request in requests:
        if first < 0:
            first = max(0, request.at_ns)
            if first:
                say(f"the first task comes at {seconds(first)}: that is instant 0 here")
        if request.at_ns >= first:
            yield Request(request.at_ns - first, request.input_bits, request.cycles)
        else:
            early += 1
    if early:
        say(f"{count(early, 'task')} from before the first one's instant left out")


def _chunks(requests: Iterator[Request]) -> Iterator[list[Request]]:
    chunk: list[Request] = []
    for request in requests:
        chunk.append(request)
        if len(chunk) == READ_AT_ONCE:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _named(name: str, say: Say) -> Say:
    return lambda text: say(f"{Path(name).name}: {text}")
