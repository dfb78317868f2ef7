"""The bench of all checks: small systems that are put on real processes, and how a check is evaluated."""

from collections.abc import Sequence

import msgspec

from testbed.live.launch import launch
from testbed.model.delay import NEVER, NS_PER_MS, NS_PER_S
from testbed.model.errors import InterruptedRunError
from testbed.model.statistics import percentile
from testbed.model.system import EPOCH_ARRIVAL, Backhaul, Emulation, Es, Plan, Radio, System, Ue
from testbed.model.task import INTERRUPTED, Task
from testbed.protocol.endings import close_rows
from testbed.protocol.rows import EventRow, TaskRow, rows_by_task
from testbed.record import directory, reader
from testbed.record.files import scratch

ES_HZ = NS_PER_S
EXECUTION_NS = 20 * NS_PER_MS
TOLERANCE_NS = 300_000


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was asked for, the median of what was measured, their relative difference and its limit."""

    kind: str
    what: str
    asked: float
    measured: float
    unit: str
    error: float
    limit: float
    samples: int
    ok: bool


def evaluated(kind: str, what: str, asked: float, measured: Sequence[float], unit: str, limit: float) -> Check:
    """The check of the median of ``measured`` against ``asked``."""
    middle = percentile(list(measured), 50) if measured else float("nan")
    error = abs(middle - asked) / asked if asked else abs(middle)
    return Check(
        kind=kind,
        what=what,
        asked=asked,
        measured=middle,
        unit=unit,
        error=error,
        limit=limit,
        samples=len(measured),
        ok=bool(error <= limit),
    )


def compared(kind: str, what: str, pairs: Sequence[tuple[float, float]], unit: str, limit: float) -> Check:
    """As `evaluated`, for (asked, measured) pairs that differ: the median error, at the pairs' medians."""
    error = percentile([abs(got - asked) / asked for asked, got in pairs], 50) if pairs else float("nan")
    asked, got = (percentile([pair[i] for pair in pairs], 50) if pairs else float("nan") for i in (0, 1))
    return Check(
        kind=kind,
        what=what,
        asked=asked,
        measured=got,
        unit=unit,
        error=error,
        limit=limit,
        samples=len(pairs),
        ok=bool(error <= limit),
    )


def room(limit: float, asked_ns: float) -> float:
    """``limit``, or what a timer's own lateness is of a time so short."""
    return max(limit, TOLERANCE_NS / asked_ns)


class BenchRun(msgspec.Struct, frozen=True):
    """What a run of a bench system left."""

    tasks: list[TaskRow]
    events: Sequence[EventRow]


def system(rates_bps: Sequence[float], seconds: float, radio: Radio, ue_hz: int = NS_PER_S) -> System:
    """One cell with a UE a rate, all deciding as their tasks arrive, and an ES with a core for each."""
    ues = tuple(
        Ue(
            name=f"ue-1-{n + 1}",
            index=n,
            cell=0,
            cpu_hz=ue_hz,
            rate_bps=rate,
            tx_power_w=0.2,
            kappa=1e-27,
            weight_delay=0.5,
            distance_m=100.0,
        )
        for n, rate in enumerate(rates_bps)
    )
    return System(
        name="verify",
        seed=1,
        hardware_seed=1,
        slots=max(1, round(seconds)),
        slot_ns=NS_PER_S,
        threshold_ns=NS_PER_S,
        detection_ns=100 * NS_PER_MS,
        epoch=EPOCH_ARRIVAL,
        radio=radio,
        backhaul=Backhaul(),
        ues=ues,
        edge_servers=(Es(name="es-1", index=0, cpu_hz=ES_HZ, cores=max(1, len(ues))),),
    )


def task(ue: int, number: int, at_ns: int, input_bits: int, execution_ns: int = EXECUTION_NS) -> Task:
    """A task that executes for ``execution_ns`` at the bench's ES (and at a UE of 1 GHz)."""
    return Task(
        ue=ue,
        number=number,
        generated_ns=at_ns,
        input_bits=input_bits,
        cycles=execution_ns * ES_HZ // NS_PER_S,
        deadline_ns=NS_PER_S,
    )


def run(bench: System, tasks: Sequence[Task], policy: str = "offload", emulation: Emulation | None = None) -> BenchRun:
    """Put it on real processes; raises `StartError`, and `InterruptedRunError` after Ctrl-C."""
    workload = tuple(sorted(tasks, key=lambda one: (one.generated_ns, one.ue, one.number)))
    emulation = emulation or Emulation(speed=1.0, burn=0.0, drain_limit_ns=60 * NS_PER_S)
    plan = Plan(system=bench, workload=workload, policy=policy, second_offload=False, emulation=emulation)
    with scratch() as folder:
        if launch(plan, folder).reason == INTERRUPTED:
            raise InterruptedRunError("verification was interrupted")
        record = reader.read_record(folder / directory.RECORD)
    rows = close_rows(bench, workload, rows_by_task(record.tasks), {}, NEVER, "")
    return BenchRun([row for row in rows if row.finished_ns >= 0], record.events)


def link_ns(row: TaskRow) -> int:
    """What the link took: from the decision to the result in hand, less the execution."""
    return row.measured_ns - row.slot_wait_ns - row.decision_ns - row.es_wait_ns - row.execution_ns
