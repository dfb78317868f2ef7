"""The workload: every task of a run, known before the run, generated from keyed draws or read from a table.

The table is ``workload.csv``, header ``time_s,ue,input_bits,cycles,deadline_s``: generation instant and deadline in
emulated seconds with nine decimals, the UE by name. It is what a replay needs and the format to bring your own.
"""

import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from testbed.model import random
from testbed.model.arrivals import stretched
from testbed.model.delay import NS_PER_S, whole_ns
from testbed.model.errors import ScenarioError, did_you_mean
from testbed.model.system import System
from testbed.model.task import TASK_COLUMNS, Task, TaskTable
from testbed.scenario.fields import Draw
from testbed.scenario.overload import factors_by_cell
from testbed.scenario.profile import totals
from testbed.scenario.ranges import TaskLimits
from testbed.scenario.reading import read_text
from testbed.scenario.schema import Scenario, Workload
from testbed.scenario.tables import Table, TableRow
from testbed.scenario.task_classes import classes_of, sections_of, shares_of
from testbed.scenario.task_schema import TaskSection

WORKLOAD_COLUMNS = ("time_s", "ue", "input_bits", "cycles", "deadline_s")
FIELD_PRESENT = 0
SLOTS_AT_ONCE, WRITTEN_AT_ONCE = 1 << 20, 1 << 14
Hashes = NDArray[np.uint64]
Ints = NDArray[np.int64]
Reals = NDArray[np.float64]
_Row = tuple[int, int, int, int, int]
# What `format_csv` writes: whole seconds that fit, nine decimals, a name without quotes, numbers of at most 15 digits.
_PLAIN = re.compile(
    r"^(\d{1,9})\.(\d{9}),([^,\"\s]+),(\d{1,15}),(\d{1,15}),(\d{1,9})\.(\d{9})$", re.MULTILINE | re.ASCII
)


def generate(scenario: Scenario, system: System) -> Sequence[Task]:
    """All tasks of a run, sorted by (instant, UE, number), from keyed draws.

    A workload trace in the format of `read_csv` is read too; for other formats `testbed.trace.inputs.generate` is the
    door. Raises `ScenarioError`.
    """
    workload = scenario.workload
    if workload.trace:
        if workload.format not in ("auto", "csv"):
            raise ScenarioError(f"{workload.trace} is not a workload table", remedy="use testbed.trace.inputs.generate")
        read = read_csv(workload.trace, system)
        kept = shifted(read, begin_ns([task.generated_ns for task in read], workload))
        return limited(scaled(kept, workload.rate), system, workload.duration_ns)
    instants = _poisson if workload.arrivals == "poisson" else _bernoulli
    factors = factors_by_cell(scenario)
    parts = []
    for ue, section in zip(system.ues, sections_of(scenario), strict=True):
        rate = scenario.density * scenario.cells[ue.cell].density_factor
        at = instants(system, ue.index, rate, factors[ue.cell])
        subjects = np.uint64(random.subjects_hash(scenario.seed, random.VALUES, ue.index))
        parts.append(_drawn(section, mixed(subjects ^ np.arange(len(at), dtype=np.uint64)), ue.index, at))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    named = dict(zip(TASK_COLUMNS, columns, strict=True))
    return table_of(named, np.argsort(named["generated_ns"], kind="stable"))


def mixed(x: Hashes) -> Hashes:
    """`random.mix` of each."""
    return cast(Hashes, random.mix(cast(int, x)))


def unit(h: Hashes) -> Reals:
    """`random.unit` of each."""
    return cast(Reals, random.unit(cast(int, h)))


def _bernoulli(system: System, ue: int, rate: float, factors: tuple[float, ...]) -> Ints:
    """Slot boundaries at which the UE generates a task: each with probability ``rate`` times its slot's factor."""
    subjects, likely = np.uint64(random.subjects_hash(system.seed, random.ARRIVALS, ue)), rate * np.array(factors)
    found = [np.zeros(0, np.int64)]
    for first in range(0, system.slots, SLOTS_AT_ONCE):
        slots = np.arange(first, min(first + SLOTS_AT_ONCE, system.slots), dtype=np.uint64)
        present = (
            unit(mixed(mixed(subjects ^ slots) ^ np.uint64(FIELD_PRESENT))) < likely[slots % np.uint64(len(likely))]
        )
        found.append(slots[present].astype(np.int64))
    return np.concatenate(found) * system.slot_ns


def _poisson(system: System, ue: int, rate: float, factors: tuple[float, ...]) -> Ints:
    """Instants of a Poisson process of ``rate`` times the factor a slot until generation ends."""
    instants: list[int] = []
    at, cumulated = 0.0, totals(factors)
    while rate > 0.0 and cumulated[-1] > 0.0:
        u = random.uniform(system.seed, random.ARRIVALS, ue, len(instants), FIELD_PRESENT)
        at += random.exponential(u) / rate
        instant = whole_ns((at if len(factors) == 1 else stretched(at, cumulated)) * system.slot_ns)
        if instant >= system.end_ns:
            break
        instants.append(instant)
    return np.array(instants, np.int64)


def _drawn(section: TaskSection, subjects: Hashes, ue: int, at_ns: Ints) -> tuple[Ints, ...]:
    """The columns of the tasks of ``ue`` at these instants, their values drawn; ``subjects`` are the
    `random.subject_hash` of theirs."""
    number = np.arange(len(at_ns))
    bits, cycles, deadlines = np.zeros((3, len(at_ns)), np.int64)
    drawn_class = np.zeros(len(at_ns), np.int64)
    if section.classes:
        marks = unit(mixed(subjects ^ np.uint64(random.FIELD_CLASS)))
        drawn_class = np.searchsorted(np.array(shares_of(section)), marks, side="right")
    for place, one in enumerate(classes_of(section)):
        mine = drawn_class == place
        bits[mine], cycles[mine], deadlines[mine] = _values(one, subjects[mine])
    return np.full(len(at_ns), ue), number, at_ns, bits, cycles, deadlines


def _values(section: TaskSection, subjects: Hashes) -> tuple[Ints, Ints, Ints]:
    """Input, work and deadline of each subject, of one class."""
    bits = drawn_whole(section.input_bits, subjects, random.FIELD_BITS)
    if section.cycles.kind == "per_bit":
        cycles = np.maximum(1, np.floor(section.cycles.values[0] * bits + 0.5).astype(np.int64))
    else:
        cycles = drawn_whole(section.cycles, subjects, random.FIELD_CYCLES)
    return bits, cycles, drawn_whole(section.deadline_ns, subjects, random.FIELD_DEADLINE)


def drawn_whole(draw: Draw, subjects: Hashes, field: int) -> Ints:
    """`Draw.whole` of each subject's ``field``."""
    if draw.kind not in ("uniform", "choice", "quantiles"):
        return np.full(len(subjects), draw.whole(0.0))
    u = unit(mixed(subjects ^ np.uint64(field)))
    if draw.kind == "choice":
        chosen = np.array([draw.whole(place / len(draw.values)) for place in range(len(draw.values))], np.int64)
        return chosen[(u * len(draw.values)).astype(np.int64)]
    if draw.kind == "quantiles":
        values = np.array(draw.values, np.float64)
        place = u * (len(values) - 1)
        below = place.astype(np.int64)
        return np.floor(values[below] + (place - below) * (values[below + 1] - values[below]) + 0.5).astype(np.int64)
    low, high = draw.values
    return np.floor(low + u * (high - low) + 0.5).astype(np.int64)


def columns_of(tasks: Sequence[Task]) -> dict[str, Ints]:
    """The columns of ``tasks`` by name, as arrays."""
    return {name: np.frombuffer(column, np.int64) for name, column in TaskTable.of(tasks).columns.items()}


def table_of(columns: Mapping[str, Ints], order: Ints | slice = slice(None)) -> TaskTable:
    """The table of the tasks in ``columns``, in this ``order`` of their places."""
    return TaskTable([array("q", columns[name][order].tobytes()) for name in TASK_COLUMNS])


def ordered(tasks: Sequence[Task]) -> TaskTable:
    """Tasks by (instant, UE, number)."""
    columns = columns_of(tasks)
    return table_of(columns, np.lexsort((columns["number"], columns["ue"], columns["generated_ns"])))


def numbered(columns: Mapping[str, Ints]) -> TaskTable:
    """The tasks in ``columns`` by (instant, UE), otherwise in their order, each UE's numbered from 0."""
    order = np.lexsort((columns["ue"], columns["generated_ns"]))
    ue = columns["ue"][order]
    by_ue = np.argsort(ue, kind="stable")
    firsts = np.flatnonzero(np.diff(ue[by_ue], prepend=-1))
    number = np.empty(len(ue), np.int64)
    number[by_ue] = np.arange(len(ue)) - np.repeat(firsts, np.diff(firsts, append=len(ue)))
    return table_of({name: column[order] for name, column in columns.items()} | {"number": number})


def merged(some: Sequence[Sequence[Task]]) -> TaskTable:
    """The tasks of several tables as one."""
    tables = [columns_of(tasks) for tasks in some]
    return numbered({name: np.concatenate([table[name] for table in tables]) for name in TASK_COLUMNS})


def begin_ns(instants: Sequence[int], given: Workload) -> int:
    """The instant of a trace that becomes 0."""
    return min(instants, default=0) if given.start_ns < 0 else given.start_ns


def shifted(tasks: Sequence[Task], start_ns: int) -> TaskTable:
    """Tasks counted from ``start_ns`` on; those before it are left out, and each UE's numbers begin at 0 again."""
    if start_ns == 0:
        return TaskTable.of(tasks)
    columns = columns_of(tasks)
    columns = {name: column[columns["generated_ns"] >= start_ns] for name, column in columns.items()}
    first = np.full(int(columns["ue"].max(initial=0)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, columns["ue"], columns["number"])
    columns["number"] = columns["number"] - first[columns["ue"]]
    columns["generated_ns"] = columns["generated_ns"] - start_ns
    return table_of(columns)


def scaled(tasks: Sequence[Task], rate: float) -> TaskTable:
    """Tasks whose generation is compressed in time by ``rate``."""
    if rate == 1.0:
        return TaskTable.of(tasks)
    columns = columns_of(tasks)
    return table_of(columns | {"generated_ns": np.floor(columns["generated_ns"] / rate + 0.5).astype(np.int64)})


def limited(tasks: Sequence[Task], system: System, duration_ns: int = -1) -> TaskTable:
    """The tasks generated before the last slot ends and, when it is not negative, before ``duration_ns``."""
    end_ns = system.end_ns if duration_ns < 0 else min(system.end_ns, duration_ns)
    columns = columns_of(tasks)
    kept = columns["generated_ns"] < end_ns
    return ordered(tasks if kept.all() else table_of(columns, np.flatnonzero(kept)))


def slots_for(tasks: Sequence[Task], slot_ns: int) -> int:
    """The number of slots that holds every task, at least 1."""
    return int((columns_of(tasks)["generated_ns"] // slot_ns + 1).max(initial=1))


def write_csv(path: str | Path, tasks: Sequence[Task], system: System) -> None:
    """Write a workload table."""
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(_lines(tasks, system))


def format_csv(tasks: Sequence[Task], system: System) -> str:
    """The text of a workload table."""
    return "".join(_lines(tasks, system))


def _lines(tasks: Sequence[Task], system: System) -> Iterator[str]:
    """A workload table as pieces of text."""
    yield ",".join(WORKLOAD_COLUMNS) + "\n"
    names, line = [ue.name for ue in system.ues], "%d.%09d,%s,%d,%d,%d.%09d\n".__mod__
    table = columns_of(tasks)
    for first in range(0, len(tasks), WRITTEN_AT_ONCE):
        part = {name: column[first : first + WRITTEN_AT_ONCE] for name, column in table.items()}
        columns = (
            *_seconds(part["generated_ns"]),
            [names[ue] for ue in part["ue"].tolist()],
            part["input_bits"].tolist(),
            part["cycles"].tolist(),
            *_seconds(part["deadline_ns"]),
        )
        yield "".join(map(line, zip(*columns, strict=True)))


def read_csv(path: str | Path, system: System) -> Sequence[Task]:
    """Read a workload table; rows may be in any order. Raises `ScenarioError` with file, line and column."""
    return parse_csv(read_text(str(path)), str(path), system)


def parse_csv(text: str, file: str, system: System) -> Sequence[Task]:
    """As `read_csv`, from text."""
    index, limits = {ue.name: ue.index for ue in system.ues}, TaskLimits(system)
    rows = _plain_rows(text, index, limits)
    if rows is None:
        rows = _table_rows(Table(file, text, WORKLOAD_COLUMNS), index, limits)
    at, ue, bits, cycles, deadline = np.array(rows, np.int64).reshape(-1, 5).T
    columns = {"ue": ue, "generated_ns": at, "input_bits": bits, "cycles": cycles, "deadline_ns": deadline}
    return numbered(columns)


def _plain_rows(text: str, index: Mapping[str, int], limits: TaskLimits) -> list[_Row] | None:
    """The rows of a table as `format_csv` writes it, quickly; None if it is written otherwise or wrong anywhere."""
    head, _, body = text.partition("\n")
    if head != ",".join(WORKLOAD_COLUMNS) or not body.endswith("\n"):
        return None
    rows, known = [], {name: (ue, *limits.most(ue)) for name, ue in index.items()}
    for match in _PLAIN.finditer(body):
        s, ns, name, bits, cycles, deadline_s, deadline_ns = match.groups()
        if name not in known:
            return None
        ue, most_bits, most_cycles = known[name]
        row = int(s + ns), ue, int(bits), int(cycles), int(deadline_s + deadline_ns)
        if not (1 <= row[2] <= most_bits and 1 <= row[3] <= most_cycles and row[4]):
            return None
        rows.append(row)
    return rows if len(rows) == body.count("\n") else None


def _table_rows(table: Table, index: Mapping[str, int], limits: TaskLimits) -> list[_Row]:
    """The rows of a table written in any way. Raises `ScenarioError` with the place of what is wrong."""
    rows: list[_Row] = []
    for row in table.rows():
        name = row["ue"]
        if name not in index:
            raise row.error("ue", f'unknown UE "{name}"', did_you_mean(name, index))
        deadline = _ns(row, "deadline_s")
        if deadline == 0:
            raise row.error("deadline_s", "the deadline must be more than 0", "write seconds counted from generation")
        bits, cycles = row.whole("input_bits", 1), row.whole("cycles", 1)
        column, why = limits.wrong(index[name], bits, cycles)
        if column:
            raise row.error(column, why, "give a smaller task, or raise rates and cpu")
        rows.append((_ns(row, "time_s"), index[name], bits, cycles, deadline))
    return rows


def _ns(row: TableRow, name: str) -> int:
    """Seconds as integer nanoseconds, decimally exact."""
    if row.real(name, 0.0) >= 2**33:
        raise row.error(name, f'{name} "{row[name]}" is too large', "write seconds")
    return int((Decimal(row[name].strip()) * NS_PER_S).to_integral_value(ROUND_HALF_UP))


def _seconds(ns: Ints) -> tuple[list[int], list[int]]:
    """Whole seconds, and the nanoseconds that are left."""
    return (ns // NS_PER_S).tolist(), (ns % NS_PER_S).tolist()
