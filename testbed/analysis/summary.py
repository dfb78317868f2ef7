"""The summary of a run (pure): what `run --json` prints, from a run's last rows and its fidelity."""

import math

import msgspec

from testbed.analysis import figures, incidents, per_server, run_reward, threshold_checks
from testbed.analysis.audit import of_run
from testbed.analysis.decision_latency import DecisionLatency, latency_of
from testbed.analysis.grading import Fidelity, detail
from testbed.analysis.learning_progress import Learning, learning, unlearned
from testbed.analysis.per_server import EsSummary
from testbed.analysis.threshold_checks import ThresholdCheck
from testbed.model.delay import S_PER_NS
from testbed.model.ledger import Ledger
from testbed.protocol.rows import TaskRow
from testbed.protocol.table import ColumnTable
from testbed.record.reader import RecordedRun


class Delay(msgspec.Struct, frozen=True):
    """Delays of finished tasks, emulated seconds."""

    mean: float
    p50: float
    p95: float
    p99: float


class Amount(msgspec.Struct, frozen=True):
    """Mean over finished tasks and total over all."""

    mean: float
    total: float


class MeanOnly(msgspec.Struct, frozen=True):
    """A mean over finished tasks."""

    mean: float


class Metered(msgspec.Struct, frozen=True):
    """Energy of the host's CPU packages during a live run, everything that ran there included; None, and why."""

    package_j: float | None = None
    unmetered: str = "simulated"


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a run has to say; NaN (null in JSON) where no task finished.

    ``energy_j`` and ``energy_measured_j`` are UEs' energy, modelled: from the model's quantities, and from achieved
    times. So is each ES's. ``energy_metered`` alone comes from a meter.
    """

    run: str
    scenario: str
    policy: str
    seed: int
    speed: float
    slots: int
    backend: str
    second_offload: bool
    ended: str
    end_s: float
    tasks: dict[str, int]
    failures: dict[str, int]
    delay_s: Delay
    energy_j: Amount
    energy_measured_j: Amount
    energy_metered: Metered
    overhead: MeanOnly
    reward_per_slot: float
    deadline_hit_rate: float
    stable: bool
    fairness: float
    es: dict[str, EsSummary]
    where_time_went: dict[str, float]
    thresholds: list[ThresholdCheck]
    decision_ms: DecisionLatency
    learning: Learning | None
    fidelity: Fidelity
    faults: list[str]
    problems: list[str]
    warnings: list[str]


def summarise(run: RecordedRun, fidelity: Fidelity) -> Summary:
    """The summary of a run, finished or not."""
    system, rows = run.resolved.system, ColumnTable.of(TaskRow, run.tasks)
    audit = of_run(run)
    done = figures.finished(rows)
    values = measures(done, audit)
    return Summary(
        run=run.name,
        scenario=system.name,
        policy=run.policy,
        seed=system.seed,
        speed=float(run.meta.get("speed", run.resolved.emulation.speed)),
        slots=system.slots,
        backend=run.backend,
        second_offload=bool(run.meta.get("second_offload", False)),
        ended=run.reason or "drained",
        end_s=max(0, run.end_ns) * S_PER_NS,
        tasks=audit.counts(),
        failures=audit.reasons,
        delay_s=Delay(*(values[f"delay_{name}"] for name in ("mean", "p50", "p95", "p99"))),
        energy_j=Amount(values["energy_mean"], figures.total(rows.reals("energy_j"))),
        energy_measured_j=Amount(
            figures.mean(done.reals("energy_measured_j")), figures.total(rows.reals("energy_measured_j"))
        ),
        energy_metered=_metered(run),
        overhead=MeanOnly(values["overhead_mean"]),
        reward_per_slot=run_reward.per_slot(rows, system, run.resolved.scenario.agent.reward),
        deadline_hit_rate=values["deadline_hit_rate"],
        stable=figures.is_stable(rows, system),
        fairness=values["fairness"],
        es=per_server.summarise(run),
        where_time_went=figures.where_time_went(done),
        thresholds=threshold_checks.checked(run.resolved.scenario.thresholds, values, fidelity.grade),
        decision_ms=latency_of(run),
        learning=learning(run),
        fidelity=fidelity,
        faults=incidents.disturbances(run.record.events),
        problems=list(audit.problems[:20]),
        warnings=[*unknown_tables(run), *unlearned(run), *incidents.told(run)],
    )


def unknown_tables(run: RecordedRun) -> list[str]:
    """What a record of an older version cannot tell, a line each."""
    missing = run.record.missing
    return (
        [f"made by an older version, which recorded no {', '.join(missing)}: they are unknown here"] if missing else []
    )


def measures(done: ColumnTable[TaskRow], audit: Ledger) -> dict[str, float]:
    """What thresholds may ask for, by their names, in SI units."""
    delays = figures.seconds(done.ints("measured_ns"))
    p50, p95, p99 = figures.percentiles(delays, 50, 95, 99)
    return {
        "delay_mean": figures.mean(delays),
        "delay_p50": p50,
        "delay_p95": p95,
        "delay_p99": p99,
        "energy_mean": figures.mean(done.reals("energy_j")),
        "overhead_mean": figures.mean(done.reals("overhead")),
        "deadline_hit_rate": audit.completed / audit.generated if audit.generated else math.nan,
        "fairness": figures.fairness(done),
        "failed": float(audit.failed),
    }


def _metered(run: RecordedRun) -> Metered:
    if not run.live:
        return Metered()
    readings = [detail(event) for event in run.record.events if event.kind == "host"]
    if not readings:
        return Metered(unmetered="the run was broken off")
    joules = readings[-1].get("package_j")
    return Metered(float(joules), "") if joules is not None else Metered(None, str(readings[-1].get("unmetered", "")))
