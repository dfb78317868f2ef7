"""The summary of a run (pure): what `run --json` prints, from a run's last rows and its fidelity."""

import math

import msgspec

from testbed.analysis import incidents, per_server, recovery, threshold_checks
from testbed.analysis.attempts import Attempts, attempts
from testbed.analysis.audit import of_run
from testbed.analysis.decision_latency import DecisionLatency, latency_of
from testbed.analysis.grading import Fidelity, detail
from testbed.analysis.learning_progress import Learning, learning, unlearned
from testbed.analysis.per_server import EsSummary
from testbed.analysis.recovery import Recovery
from testbed.analysis.tally import Tally
from testbed.analysis.threshold_checks import ThresholdCheck
from testbed.model.delay import S_PER_NS
from testbed.model.ledger import Ledger
from testbed.protocol.rows import SlotRow, TaskRow
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
    recovery: list[Recovery]
    mttr_s: float
    attempts: Attempts | None
    problems: list[str]
    warnings: list[str]


def tally_of(run: RecordedRun) -> Tally:
    """What the summary of a run is made of, from its rows."""
    tally = Tally(run.resolved.system, run.resolved.scenario.agent.reward, run.absences)
    tally.add_slots(ColumnTable.of(SlotRow, run.record.slots))
    tally.add_tasks(ColumnTable.of(TaskRow, run.tasks))
    return tally


def summarise(run: RecordedRun, fidelity: Fidelity) -> Summary:
    """The summary of a run, finished or not."""
    return summed_up(run, fidelity, tally_of(run), of_run(run), recovery.recoveries(run))


def summed_up(run: RecordedRun, fidelity: Fidelity, tally: Tally, audit: Ledger, recovered: list[Recovery]) -> Summary:
    """As `summarise`, of a run whose rows of tasks and slots are in ``tally``, ``audit`` and ``recovered``, wherever
    they are."""
    system = run.resolved.system
    values = measures(tally, audit) | recovery.worst(recovered)
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
        energy_j=Amount(values["energy_mean"], tally.energy.total()),
        energy_measured_j=Amount(tally.done_measured.mean(), tally.measured.total()),
        energy_metered=_metered(run),
        overhead=MeanOnly(values["overhead_mean"]),
        reward_per_slot=tally.reward_per_slot(),
        deadline_hit_rate=values["deadline_hit_rate"],
        stable=tally.is_stable(),
        fairness=values["fairness"],
        es=per_server.summarise(run, tally.servers),
        where_time_went=tally.where_time_went(),
        thresholds=threshold_checks.checked(run.resolved.scenario.thresholds, values, fidelity.grade),
        decision_ms=latency_of(run),
        learning=learning(run),
        fidelity=fidelity,
        faults=incidents.disturbances(run.record.events),
        recovery=recovered,
        mttr_s=values["mttr"],
        attempts=attempts(run),
        problems=list(audit.problems[:20]),
        warnings=[*unknown_tables(run), *unlearned(run), *incidents.told(run, tally.decided, tally.fallbacks)],
    )


def unknown_tables(run: RecordedRun) -> list[str]:
    """What a record of an older version cannot tell, a line each."""
    missing = run.record.missing
    return (
        [f"made by an older version, which recorded no {', '.join(missing)}: they are unknown here"] if missing else []
    )


def measures(tally: Tally, audit: Ledger) -> dict[str, float]:
    """What thresholds may ask for besides recovery, by their names, in SI units."""
    p50, p95, p99 = tally.delay_percentiles(50, 95, 99)
    return {
        "delay_mean": tally.delay_mean(),
        "delay_p50": p50,
        "delay_p95": p95,
        "delay_p99": p99,
        "energy_mean": tally.done_energy.mean(),
        "overhead_mean": tally.overhead_mean(),
        "deadline_hit_rate": audit.completed / audit.generated if audit.generated else math.nan,
        "fairness": tally.fairness(),
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
