"""The workload: every task of a run, known before the run, generated from keyed draws or read from a table.

The table is ``workload.csv``, header ``time_s,ue,input_bits,cycles,deadline_s``: generation instant and deadline in
emulated seconds with nine decimals, the UE by name. It is what a replay needs and the format to bring your own.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import msgspec

from testbed.model import random
from testbed.model.delay import whole_ns
from testbed.model.errors import ScenarioError, did_you_mean
from testbed.model.system import System
from testbed.model.task import Task
from testbed.scenario.ranges import TaskLimits
from testbed.scenario.reading import read_text
from testbed.scenario.schema import Scenario, TaskSection, Workload
from testbed.scenario.tables import Table, TableRow

WORKLOAD_COLUMNS = ("time_s", "ue", "input_bits", "cycles", "deadline_s")
FIELD_PRESENT, FIELD_ASSIGNMENT = 0, 1
NS_PER_S = 1_000_000_000
_Row = tuple[int, int, int, int, int]
# What `format_csv` writes: whole seconds that fit, nine decimals, a name without quotes, numbers of at most 15 digits.
_PLAIN = re.compile(
    r"^(\d{1,9})\.(\d{9}),([^,\"\s]+),(\d{1,15}),(\d{1,15}),(\d{1,9})\.(\d{9})$", re.MULTILINE | re.ASCII
)


class Request(msgspec.Struct, frozen=True):
    """A recorded demand without a UE: instant in ns, input in bits, work in cycles."""

    at_ns: int
    input_bits: int
    cycles: int


def generate(scenario: Scenario, system: System) -> tuple[Task, ...]:
    """All tasks of a run, sorted by (instant, UE, number), from keyed draws.

    A workload trace in the format of `read_csv` is read too; for other formats `testbed.trace.inputs.generate` is the
    door. Raises `ScenarioError`.
    """
    workload = scenario.workload
    if workload.trace:
        if workload.format == "azure":
            raise ScenarioError(f"{workload.trace} is not a workload table", remedy="use testbed.trace.inputs.generate")
        read = read_csv(workload.trace, system)
        kept = shifted(read, begin_ns([task.generated_ns for task in read], workload))
        return limited(scaled(kept, workload.rate), system, workload.duration_ns)
    instants = _poisson if workload.arrivals == "poisson" else _bernoulli
    tasks: list[Task] = []
    for ue in system.ues:
        rate = scenario.density * scenario.cells[ue.cell].density_factor
        mine = random.subjects_hash(scenario.seed, random.VALUES, ue.index)
        for number, at in enumerate(instants(system, ue.index, rate)):
            tasks.append(_task(scenario.task, random.mix(mine ^ number), ue.index, number, at))
    return ordered(tasks)


def _bernoulli(system: System, ue: int, rate: float) -> list[int]:
    """Slot boundaries at which the UE generates a task: each with probability min(1, rate)."""
    mix, unit, probability = random.mix, random.unit, min(1.0, rate)
    slots = random.subjects_hash(system.seed, random.ARRIVALS, ue)
    return [
        slot * system.slot_ns
        for slot in range(system.slots)
        if unit(mix(mix(slots ^ slot) ^ FIELD_PRESENT)) < probability
    ]


def _poisson(system: System, ue: int, rate: float) -> list[int]:
    """Instants of a Poisson process of ``rate`` a slot until generation ends."""
    instants: list[int] = []
    at = 0.0
    while rate > 0.0:
        u = random.uniform(system.seed, random.ARRIVALS, ue, len(instants), FIELD_PRESENT)
        at += random.exponential(u) / rate
        instant = whole_ns(at * system.slot_ns)
        if instant >= system.end_ns:
            break
        instants.append(instant)
    return instants


def _task(section: TaskSection, subject: int, ue: int, number: int, at_ns: int) -> Task:
    """Task ``number`` of ``ue`` with its values drawn; ``subject`` is the `random.subject_hash` of its values."""
    bits = section.input_bits.whole(random.unit(random.mix(subject ^ random.FIELD_BITS)))
    if section.cycles.kind == "per_bit":
        cycles = max(1, int(math.floor(section.cycles.values[0] * bits + 0.5)))
    else:
        cycles = section.cycles.whole(random.unit(random.mix(subject ^ random.FIELD_CYCLES)))
    return Task(
        ue=ue,
        number=number,
        generated_ns=at_ns,
        input_bits=bits,
        cycles=cycles,
        deadline_ns=section.deadline_ns.whole(random.unit(random.mix(subject ^ random.FIELD_DEADLINE))),
    )


def deadline_ns(section: TaskSection, seed: int, ue: int, number: int) -> int:
    """The tolerable delay of task ``number`` of ``ue``, in ns."""
    return section.deadline_ns.whole(random.uniform(seed, random.VALUES, ue, number, random.FIELD_DEADLINE))


def assign(requests: Iterable[Request], scenario: Scenario, system: System) -> tuple[Task, ...]:
    """Give each request to a UE by the scenario's ``assignment`` and draw its deadline; sorted as in `generate`."""
    rule = scenario.workload.assignment
    weights = [scenario.cells[ue.cell].density_factor if rule == "density" else 1.0 for ue in system.ues]
    total = math.fsum(weights)
    counts = [0] * len(weights)
    tasks: list[Task] = []
    for row, request in enumerate(sorted(requests, key=lambda request: request.at_ns)):
        if rule == "round_robin":
            ue = row % len(weights)
        else:
            u = random.uniform(scenario.seed, random.ARRIVALS, row, 0, FIELD_ASSIGNMENT)
            ue = _weighted(u * total, weights)
        deadline = deadline_ns(scenario.task, scenario.seed, ue, counts[ue])
        tasks.append(
            Task(
                ue=ue,
                number=counts[ue],
                generated_ns=request.at_ns,
                input_bits=request.input_bits,
                cycles=request.cycles,
                deadline_ns=deadline,
            )
        )
        counts[ue] += 1
    return ordered(tasks)


def _weighted(mark: float, weights: Sequence[float]) -> int:
    """Index of the weight within whose share of the cumulated sum ``mark`` lies."""
    last = 0
    for i, weight in enumerate(weights):
        if weight > 0.0:
            last = i
            if mark < weight:
                return i
            mark -= weight
    return last


def ordered(tasks: Iterable[Task]) -> tuple[Task, ...]:
    """Tasks by (instant, UE, number)."""
    return tuple(sorted(tasks, key=lambda task: (task.generated_ns, task.ue, task.number)))


def begin_ns(instants: Sequence[int], given: Workload) -> int:
    """The instant of a trace that becomes 0."""
    return min(instants, default=0) if given.start_ns < 0 else given.start_ns


def shifted(tasks: Sequence[Task], start_ns: int) -> tuple[Task, ...]:
    """Tasks counted from ``start_ns`` on; those before it are left out, and each UE's numbers begin at 0 again."""
    if start_ns == 0:
        return tuple(tasks)
    kept = [task for task in tasks if task.generated_ns >= start_ns]
    first = {task.ue: task.number for task in sorted(kept, key=lambda task: -task.number)}
    return tuple(
        msgspec.structs.replace(task, generated_ns=task.generated_ns - start_ns, number=task.number - first[task.ue])
        for task in kept
    )


def scaled(tasks: Sequence[Task], rate: float) -> tuple[Task, ...]:
    """Tasks whose generation is compressed in time by ``rate``."""
    if rate == 1.0:
        return tuple(tasks)
    at = [int(math.floor(task.generated_ns / rate + 0.5)) for task in tasks]
    return tuple(msgspec.structs.replace(task, generated_ns=ns) for task, ns in zip(tasks, at, strict=True))


def limited(tasks: Sequence[Task], system: System, duration_ns: int = -1) -> tuple[Task, ...]:
    """The tasks generated before the last slot ends and, when it is not negative, before ``duration_ns``."""
    end_ns = system.end_ns if duration_ns < 0 else min(system.end_ns, duration_ns)
    return ordered(task for task in tasks if task.generated_ns < end_ns)


def slots_for(tasks: Sequence[Task], slot_ns: int) -> int:
    """The number of slots that holds every task, at least 1."""
    return max((task.generated_ns // slot_ns + 1 for task in tasks), default=1)


def write_csv(path: str | Path, tasks: Iterable[Task], system: System) -> None:
    """Write a workload table."""
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(format_csv(tasks, system))


def format_csv(tasks: Iterable[Task], system: System) -> str:
    """The text of a workload table."""
    lines = [",".join(WORKLOAD_COLUMNS)]
    for task in tasks:
        name = system.ues[task.ue].name
        at, deadline = _seconds(task.generated_ns), _seconds(task.deadline_ns)
        lines.append(f"{at},{name},{task.input_bits},{task.cycles},{deadline}")
    return "\n".join(lines) + "\n"


def read_csv(path: str | Path, system: System) -> tuple[Task, ...]:
    """Read a workload table; rows may be in any order. Raises `ScenarioError` with file, line and column."""
    return parse_csv(read_text(str(path)), str(path), system)


def parse_csv(text: str, file: str, system: System) -> tuple[Task, ...]:
    """As `read_csv`, from text."""
    index, limits = {ue.name: ue.index for ue in system.ues}, TaskLimits(system)
    rows = _plain_rows(text, index, limits)
    if rows is None:
        rows = _table_rows(Table(file, text, WORKLOAD_COLUMNS), index, limits)
    counts = [0] * len(system.ues)
    tasks: list[Task] = []
    for at, ue, bits, cycles, deadline in sorted(rows, key=lambda row: row[:2]):
        tasks.append(
            Task(ue=ue, number=counts[ue], generated_ns=at, input_bits=bits, cycles=cycles, deadline_ns=deadline)
        )
        counts[ue] += 1
    return ordered(tasks)


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


def _seconds(ns: int) -> str:
    return f"{ns // NS_PER_S}.{ns % NS_PER_S:09d}"
