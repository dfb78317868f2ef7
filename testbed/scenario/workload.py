"""The workload: every task of a run, known before the run, generated from keyed draws or read from a table.

The table is ``workload.csv``, header ``time_s,ue,input_bits,cycles,deadline_s``: generation instant and deadline in
emulated seconds with nine decimals, the UE by name. It is what a replay needs and the format to bring your own.
"""

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
from testbed.model.task import TASK_COLUMNS, PartedTasks, Task, TaskTable, parts_of
from testbed.scenario import table_text
from testbed.scenario.decimals import Ints, Reals
from testbed.scenario.fields import Draw
from testbed.scenario.overload import factors_by_cell
from testbed.scenario.profile import totals
from testbed.scenario.ranges import TaskLimits
from testbed.scenario.reading import read_text
from testbed.scenario.schema import Scenario, Workload
from testbed.scenario.tables import Table, TableRow
from testbed.scenario.task_classes import classes_of, sections_of, shares_of
from testbed.scenario.task_schema import TaskSection

FIELD_PRESENT = 0
SLOTS_AT_ONCE, WRITTEN_AT_ONCE = 1 << 20, 1 << 14
Hashes = NDArray[np.uint64]
_Row = tuple[int, int, int, int, int]


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
        later = shifted(read, begin_ns([task.generated_ns for task in read], workload))
        return limited(scaled(later, workload.rate), system, workload.duration_ns)
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
    parts = [np.zeros(0, np.int64)]
    for first in range(0, system.slots, SLOTS_AT_ONCE):
        slots = np.arange(first, min(first + SLOTS_AT_ONCE, system.slots), dtype=np.uint64)
        present = (
            unit(mixed(mixed(subjects ^ slots) ^ np.uint64(FIELD_PRESENT))) < likely[slots % np.uint64(len(likely))]
        )
        parts.append(slots[present].astype(np.int64))
    return np.concatenate(parts) * system.slot_ns


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
        of_class = drawn_class == place
        bits[of_class], cycles[of_class], deadlines[of_class] = _values(one, subjects[of_class])
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


def begin_ns(instants: Sequence[int], workload: Workload) -> int:
    """The instant of a trace that becomes 0."""
    return min(instants, default=0) if workload.start_ns < 0 else workload.start_ns


def shifted(tasks: Sequence[Task], start_ns: int) -> Sequence[Task]:
    """Tasks counted from ``start_ns`` on; those before it are left out, and each UE's numbers begin at 0 again."""
    if start_ns == 0:
        return tasks
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


def limited(tasks: Sequence[Task], system: System, duration_ns: int = -1) -> Sequence[Task]:
    """The tasks generated before the last slot ends and, when it is not negative, before ``duration_ns``."""
    end_ns = system.end_ns if duration_ns < 0 else min(system.end_ns, duration_ns)
    if isinstance(tasks, PartedTasks) and tasks.last_ns < end_ns:
        return tasks
    columns = columns_of(tasks)
    inside = columns["generated_ns"] < end_ns
    return ordered(tasks if inside.all() else table_of(columns, np.flatnonzero(inside)))


def slots_for(tasks: Sequence[Task], slot_ns: int) -> int:
    """The number of slots that holds every task, at least 1."""
    if isinstance(tasks, PartedTasks):
        return tasks.last_ns // slot_ns + 1
    return int((columns_of(tasks)["generated_ns"] // slot_ns + 1).max(initial=1))


def write_csv(path: str | Path, tasks: Sequence[Task], system: System) -> None:
    """Write a workload table."""
    with open(path, "wb") as file:
        file.writelines(_lines(tasks, system))


def format_csv(tasks: Sequence[Task], system: System) -> str:
    """The text of a workload table."""
    return b"".join(_lines(tasks, system)).decode()


def _lines(tasks: Sequence[Task], system: System) -> Iterator[bytes]:
    """A workload table as pieces of text."""
    yield table_text.HEADER_LINE
    names = table_text.Names([ue.name for ue in system.ues])
    for part in parts_of(tasks, WRITTEN_AT_ONCE):
        yield table_text.lines(columns_of(part), names)


def read_csv(path: str | Path, system: System) -> Sequence[Task]:
    """Read a workload table; rows may be in any order. Raises `ScenarioError` with file, line and column."""
    return parse_csv(read_text(str(path)), str(path), system)


def parse_csv(text: str, file: str, system: System) -> Sequence[Task]:
    """As `read_csv`, from text."""
    limits, encoded = TaskLimits(system), text.encode()
    columns = table_text.PlainReader(system, limits).columns(encoded)
    if columns is None:
        columns = columns_by_cell(text, file, system, limits)
    return numbered(columns)


def columns_by_cell(text: str, file: str, system: System, limits: TaskLimits) -> dict[str, Ints]:
    """The columns, but ``number``, of a table written in any way. Raises `ScenarioError` with the place of what is
    wrong."""
    index = {ue.name: ue.index for ue in system.ues}
    rows = _table_rows(Table(file, text, table_text.WORKLOAD_COLUMNS), index, limits)
    at, ue, bits, cycles, deadline = np.array(rows, np.int64).reshape(-1, 5).T
    return {"ue": ue, "generated_ns": at, "input_bits": bits, "cycles": cycles, "deadline_ns": deadline}


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
