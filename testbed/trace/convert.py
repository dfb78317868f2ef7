"""``testbed import KIND FILES -o OUT``: recorded files into the testbed's own formats.

| kind | files | becomes |
|---|---|---|
| azure | LLM inference trace | workload table, requests assigned to the UEs of a scenario |
| csv | workload tables | one workload table, merged, sorted and checked |
| mahimahi | link trace | ``duration_s,rate_bps`` |
| 5g | cellular measurements | ``duration_s,rate_bps`` |
| text | an instant and a rate a line | ``duration_s,rate_bps`` |
| eua | a file of sites and one of users | a scenario's ``cells`` |
"""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from testbed.model.errors import ScenarioError, UsageError, did_you_mean
from testbed.model.system import System
from testbed.model.task import TaskTable
from testbed.scenario import workload as tables
from testbed.scenario.ranges import check_tasks
from testbed.scenario.reading import read_text
from testbed.scenario.requests import Request, assign
from testbed.scenario.schema import LinkTrace, Scenario
from testbed.scenario.window import IDLE_SLOTS
from testbed.trace import azure, eua, inputs, rates
from testbed.trace.job import JobOptions
from testbed.trace.notes import Say, count, quiet, seconds

IMPORT_KINDS = ("azure", "mahimahi", "5g", "text", "eua", "csv")
RADIUS_M = 2_000.0
TWIN_PREFIX, TWIN_MAGIC = "._", b"\x00\x05\x16\x07"


class ConversionOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a conversion may be told: a scenario for UEs, radio and factors, how to read a ``link``, how much of a
    topology to keep (0: all) and how far from every site its users may be, what recorded ``jobs`` are taken for."""

    scenario: Scenario = Scenario()
    link: LinkTrace = LinkTrace()
    cells: int = 0
    ues_per_cell: int = 0
    radius_m: float = RADIUS_M
    jobs: JobOptions = JobOptions()


def convert(
    kind: str, files: Sequence[str | Path], options: ConversionOptions | None = None, say: Say = quiet
) -> tuple[str, str]:
    """Convert ``files`` of ``kind``: the text of the testbed's own file, and one line saying what it holds.

    ``say`` hears what was skipped, capped or assumed. Raises `ScenarioError` for a mistake in a file, and `UsageError`
    for a wrong kind or number of files.
    """
    if kind not in IMPORT_KINDS:
        raise UsageError(f'unknown kind "{kind}"', did_you_mean(kind, IMPORT_KINDS))
    names = [str(file) for file in files]
    names = [name for name in names if not _skipped(name, say)]
    if not names:
        raise UsageError("there is no file left to read", "give the files themselves")
    chosen = options or ConversionOptions()
    if kind in ("azure", "csv"):
        return _workload(kind, names, chosen, say)
    if kind == "eua":
        return _topology(names, chosen, say)
    return _link(kind, names, chosen, say)


def _skipped(name: str, say: Say) -> bool:
    """Whether a file is what archives of a Mac keep beside the real one."""
    path = Path(name)
    if not path.name.startswith(TWIN_PREFIX) or not path.is_file():
        return False
    with contextlib.suppress(OSError), path.open("rb") as file:
        if file.read(len(TWIN_MAGIC)) == TWIN_MAGIC:
            say(f"{path.name} skipped: a macOS archive's companion of the real file")
            return True
    return False


def _of(name: str, names: list[str], say: Say) -> Say:
    """As ``say``, naming the file where there are several."""
    return say if len(names) == 1 else lambda text: say(f"{Path(name).name}: {text}")


def _workload(kind: str, names: list[str], options: ConversionOptions, say: Say) -> tuple[str, str]:
    given = options.scenario.workload
    system = inputs.resolve(options.scenario).system
    tasks: TaskTable
    if kind == "csv":
        lines = [tables.format_csv(tables.read_csv(name, system), system).split("\n", 1)[1] for name in names]
        merged = ",".join(tables.WORKLOAD_COLUMNS) + "\n" + "".join(lines)
        tasks = tables.scaled(tables.parse_csv(merged, names[0], system), given.rate)
    else:
        dated = [
            azure.dated(read_text(name), name, given.bits_per_token, given.cycles_per_token, _of(name, names, say))
            for name in names
        ]
        _tell_starts(names, dated, say)
        requests = azure.rebased([request for some in dated for request in some], say)
        tasks = assign(inputs.compressed(requests, given.rate), options.scenario, system)
        check_tasks(system, tasks)
    if not tasks:
        raise ScenarioError("there is no task in it", names[0], remedy="give a file with rows below its header")
    if given.duration_ns >= 0:
        at = tables.columns_of(tasks)["generated_ns"]
        kept = tables.table_of(tables.columns_of(tasks), np.flatnonzero(at < given.duration_ns))
        if len(kept) < len(tasks):
            say(f"{count(len(tasks) - len(kept), 'task')} later than workload.duration left out")
        tasks = kept
    begin = min(task.generated_ns for task in tasks)
    if begin >= IDLE_SLOTS * system.slot_ns:
        say(f"the first task comes at {seconds(begin)}: play it with workload.start: first")
    return tables.format_csv(tasks, system), told(len(tasks), tables.slots_for(tasks, system.slot_ns), system)


def told(tasks: int, slots: int, system: System) -> str:
    """What a workload holds, in a line."""
    parts = ((tasks, "task"), (slots, "slot"), (len(system.ues), "UE"))
    whole, length, ues = (f"{number} {one if number == 1 else one + 's'}" for number, one in parts)
    return f"{whole} in {length} for {ues}"


def _tell_starts(names: list[str], dated: list[list[Request]], say: Say) -> None:
    """Several files have one clock: say when each of them begins on it."""
    firsts = {name: min(one.at_ns for one in some) for name, some in zip(names, dated, strict=True) if some}
    begin = min(firsts.values(), default=0)
    if len(firsts) > 1:
        starts = ", ".join(f"{Path(name).name} at {seconds(first - begin)}" for name, first in firsts.items())
        say(f"the files are on one clock: {starts}")


def _link(kind: str, names: list[str], options: ConversionOptions, say: Say) -> tuple[str, str]:
    durations: list[int] = []
    speeds: list[float] = []
    for name in names:
        given = msgspec.structs.replace(options.link, file=name, format=kind)
        link = inputs.read_link(given, options.scenario.radio, _of(name, names, say))
        durations.extend(link.durations_ns)
        speeds.extend(link.rates_bps)
    joined = LinkTrace(durations_ns=tuple(durations), rates_bps=tuple(speeds))
    period = sum(durations) * 1e-9
    mean = sum(ns * bps for ns, bps in zip(durations, speeds, strict=True)) * 1e-9 / period
    return rates.format_csv(
        joined
    ), f"{count(len(durations), 'segment')} over {period:g} s, mean {mean / 1e6:.3g} Mbit/s"


def _topology(names: list[str], options: ConversionOptions, say: Say) -> tuple[str, str]:
    found: dict[bool, tuple[eua.Position, ...]] = {True: (), False: ()}
    parsed = [eua.parse(read_text(name), name, _of(name, names, say)) for name in names]
    by_site_id = any(sites for sites, _ in parsed)
    for sites, positions in parsed:
        found[sites or (not by_site_id and bool(positions[0].name))] += positions
    if not found[True] or not found[False]:
        missing = "sites (with SITE_ID)" if not found[True] else "users"
        raise UsageError(f"no file of {missing} was given", "give both: sites.csv users.csv")
    cells = eua.topology(found[True], found[False], options.cells, options.ues_per_cell, options.radius_m, say)
    if not cells:
        raise UsageError(
            f"no user is within {options.radius_m:g} m of a site", "give a larger --radius, or other sites"
        )
    text = eua.format_yaml(cells, f"from {' and '.join(Path(name).name for name in names)}")
    return text, f"{count(len(cells), 'cell')}, {count(sum(len(ues) for _, ues in cells), 'UE')}"
