"""``testbed import KIND FILES -o OUT``: recorded links, topologies and tables into the testbed's own formats.

Demands (`testbed.trace.imported`) are read otherwise, for they may be larger than memory.

| kind | files | becomes |
|---|---|---|
| csv | workload tables | one workload table, merged, sorted and checked |
| mahimahi | link trace | ``duration_s,rate_bps`` |
| 5g | cellular measurements | ``duration_s,rate_bps`` |
| text | an instant and a rate a line | ``duration_s,rate_bps`` |
| rate-table | CSV, JSON lines or Parquet whose columns are named | ``duration_s,rate_bps`` |
| eua | a file of sites and one of users | a scenario's ``cells`` |
"""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from testbed.model.errors import ScenarioError, UsageError, did_you_mean
from testbed.scenario import workload as tables
from testbed.scenario.schema import LinkTrace, Scenario
from testbed.scenario.window import IDLE_SLOTS
from testbed.trace import eua, imported, inputs, rates
from testbed.trace.job import MappedColumn
from testbed.trace.notes import Say, count, quiet, seconds, workload_told

IMPORT_KINDS = ("mahimahi", "5g", "text", "rate-table", "eua", "csv")
LINK_FORMATS = {"rate-table": "table"}  # of a link, by the kind of its file
RADIUS_M = 2_000.0
TWIN_PREFIX, TWIN_MAGIC = "._", b"\x00\x05\x16\x07"


class ConversionOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a conversion may be told: a scenario for UEs, radio and factors, how to read a ``link``, how much of a
    topology to keep (0: all) and how far from every site its users may be, what the ``columns`` of a table are."""

    scenario: Scenario = Scenario()
    link: LinkTrace = LinkTrace()
    cells: int = 0
    ues_per_cell: int = 0
    radius_m: float = RADIUS_M
    columns: tuple[tuple[str, MappedColumn], ...] = ()


def convert(
    kind: str, files: Sequence[str | Path], options: ConversionOptions | None = None, say: Say = quiet
) -> tuple[str, str]:
    """Convert ``files`` of ``kind``: the text of the testbed's own file, and one line saying what it holds.

    ``say`` hears what was skipped, capped or assumed. Raises `ScenarioError` for a mistake in a file, and `UsageError`
    for a wrong kind or number of files.
    """
    if kind not in IMPORT_KINDS:
        raise UsageError(f'unknown kind "{kind}"', did_you_mean(kind, (*imported.DEMAND_KINDS, *IMPORT_KINDS)))
    names = wanted(files, say)
    chosen = options or ConversionOptions()
    if kind == "csv":
        return _merged(names, chosen, say)
    if kind == "eua":
        return _topology(names, chosen, say)
    return _link(kind, names, chosen, say)


def wanted(files: Sequence[str | Path], say: Say) -> list[str]:
    """The names of ``files`` less what archives of a Mac keep beside them. Raises `UsageError` if none is left."""
    names = [str(file) for file in files if not _skipped(str(file), say)]
    if not names:
        raise UsageError("there is no file left to read", "give the files themselves")
    return names


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


def _merged(names: list[str], options: ConversionOptions, say: Say) -> tuple[str, str]:
    """Workload tables as one."""
    workload = options.scenario.workload
    system = inputs.resolve(options.scenario).system
    tasks = tables.scaled(tables.merged([tables.read_csv(name, system) for name in names]), workload.rate)
    if not tasks:
        raise ScenarioError("there is no task in it", names[0], remedy="give a file with rows below its header")
    if workload.duration_ns >= 0:
        at = tables.columns_of(tasks)["generated_ns"]
        inside = tables.table_of(tables.columns_of(tasks), np.flatnonzero(at < workload.duration_ns))
        if len(inside) < len(tasks):
            say(f"{count(len(tasks) - len(inside), 'task')} later than workload.duration left out")
        tasks = inside
    begin = int(tables.columns_of(tasks)["generated_ns"].min())
    if begin >= IDLE_SLOTS * system.slot_ns:
        say(f"the first task comes at {seconds(begin)}: play it with workload.start: first")
    span = tables.slots_for(tasks, system.slot_ns)
    return tables.format_csv(tasks, system), workload_told(len(tasks), span, len(system.ues))


def _link(kind: str, names: list[str], options: ConversionOptions, say: Say) -> tuple[str, str]:
    durations: list[int] = []
    speeds: list[float] = []
    for name in names:
        recorded = msgspec.structs.replace(options.link, file=name, format=LINK_FORMATS.get(kind, kind))
        link = inputs.read_link(recorded, options.scenario.radio, _of(name, names, say))
        durations.extend(link.durations_ns)
        speeds.extend(link.rates_bps)
    joined = LinkTrace(durations_ns=tuple(durations), rates_bps=tuple(speeds))
    period = sum(durations) * 1e-9
    mean = sum(ns * bps for ns, bps in zip(durations, speeds, strict=True)) * 1e-9 / period
    return rates.format_csv(
        joined
    ), f"{count(len(durations), 'segment')} over {period:g} s, mean {mean / 1e6:.3g} Mbit/s"


def _topology(names: list[str], options: ConversionOptions, say: Say) -> tuple[str, str]:
    sites, users = eua.read(names, say)
    cells = eua.topology(sites, users, options.cells, options.ues_per_cell, options.radius_m, say)
    text = eua.format_yaml(cells, f"from {' and '.join(Path(name).name for name in names)}")
    return text, f"{count(len(cells), 'cell')}, {count(sum(len(ues) for _, ues in cells), 'UE')}"
