"""``testbed import KIND FILES -o OUT``: recorded files into the testbed's own formats.

| kind | files | becomes |
|---|---|---|
| azure | LLM inference trace | workload table, requests assigned to the UEs of a scenario |
| csv | workload tables | one workload table, merged, sorted and checked |
| mahimahi | link trace | ``duration_s,rate_bps`` |
| 5g | cellular measurements | ``duration_s,rate_bps`` |
| eua | a file of sites and one of users | a scenario's ``cells`` |
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from testbed.model import workload as tables
from testbed.model.errors import ScenarioError, StartError, UsageError, did_you_mean
from testbed.model.reading import read_text
from testbed.model.schema import LinkTrace, Scenario
from testbed.node.files import replacing
from testbed.trace import azure, eua, inputs, rates

KINDS = ("azure", "mahimahi", "5g", "eua", "csv")


class Options(msgspec.Struct, frozen=True):
    """What a conversion may be told: a scenario for UEs and factors, bins, how much of a topology to keep (0: all)."""

    scenario: Scenario = Scenario()
    bin_ns: int = 100_000_000
    cells: int = 0
    ues_per_cell: int = 0


def convert(kind: str, files: Sequence[str | Path], out: str | Path, options: Options | None = None) -> str:
    """Convert ``files`` of ``kind`` into ``out``; returns one line saying what was written.

    Raises `ScenarioError` for a mistake in a file, `UsageError` for a wrong kind or number of files, and `StartError`
    when ``out`` cannot be written; what was there before is then left as it was.
    """
    if kind not in KINDS:
        raise UsageError(f'unknown kind "{kind}"', did_you_mean(kind, KINDS))
    names = [str(file) for file in files]
    if Path(out).resolve() in {Path(name).resolve() for name in names}:
        raise UsageError(f"{out} is one of the files to read", "give another file after -o")
    chosen = options or Options()
    if kind in ("azure", "csv"):
        text, said = _workload(kind, names, chosen)
    elif kind == "eua":
        text, said = _topology(names, chosen)
    else:
        text, said = _link(kind, names, chosen)
    try:
        with replacing(Path(out)) as file:
            file.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise StartError(f"{out} cannot be written: {error.strerror}", "give another file after -o") from None
    return f"{out}: {said}"


def _workload(kind: str, names: list[str], options: Options) -> tuple[str, str]:
    given = options.scenario.workload
    system = inputs.resolve(options.scenario).system
    if kind == "csv":
        lines = [tables.format_csv(tables.read_csv(name, system), system).split("\n", 1)[1] for name in names]
        merged = ",".join(tables.COLUMNS) + "\n" + "".join(lines)
        tasks = tables.parse_csv(merged, names[0], system)
    else:
        requests = [
            request
            for name in names
            for request in azure.parse(read_text(name), name, given.bits_per_token, given.cycles_per_token)
        ]
        tasks = tables.assign(inputs.compressed(tuple(requests), given.rate), options.scenario, system)
    if given.duration_ns >= 0:
        tasks = tuple(task for task in tasks if task.generated_ns < given.duration_ns)
    if not tasks:
        raise ScenarioError("there is no task", names[0], remedy="give a file with rows below its header")
    span = tables.slots_for(tasks, system.slot_ns)
    return tables.format_csv(tasks, system), f"{len(tasks)} tasks in {span} slots for {len(system.ues)} UEs"


def _link(kind: str, names: list[str], options: Options) -> tuple[str, str]:
    durations: list[int] = []
    speeds: list[float] = []
    for name in names:
        link = inputs.read_link(name, kind, options.scenario.radio.bandwidth_hz, options.bin_ns)
        durations.extend(link.durations_ns)
        speeds.extend(link.rates_bps)
    joined = LinkTrace(durations_ns=tuple(durations), rates_bps=tuple(speeds))
    period = sum(durations) * 1e-9
    mean = sum(ns * bps for ns, bps in zip(durations, speeds, strict=True)) * 1e-9 / period
    return rates.format_csv(joined), f"{len(durations)} segments over {period:g} s, mean {mean / 1e6:.3g} Mbit/s"


def _topology(names: list[str], options: Options) -> tuple[str, str]:
    found: dict[bool, tuple[eua.Position, ...]] = {True: (), False: ()}
    for name in names:
        sites, positions = eua.parse(read_text(name), name)
        found[sites] += positions
    if not found[True] or not found[False]:
        missing = "sites (with SITE_ID)" if not found[True] else "users"
        raise UsageError(f"no file of {missing} was given", "give both: sites.csv users.csv")
    cells = eua.topology(found[True], found[False], options.cells, options.ues_per_cell)
    text = eua.format_yaml(cells, f"from {' and '.join(Path(name).name for name in names)}")
    return text, f"{len(cells)} cells, {sum(len(ues) for _, ues in cells)} UEs"
