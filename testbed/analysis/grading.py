"""The fidelity block of a run: what its events tell of timers and CPUs, and its delays against the simulation's."""

import json
import math
from collections.abc import Container, Iterable, Sequence
from typing import Any

import msgspec

from testbed.analysis import incidents, reference
from testbed.analysis.incidents import NAMED
from testbed.model import fidelity, histogram
from testbed.model.delay import MS_PER_NS, S_PER_NS
from testbed.node.lateness import HELD
from testbed.protocol.placement import processes_of
from testbed.protocol.rows import CLOCK, CPU_LIMITS, EventRow
from testbed.record.reader import STILL_RUNNING, RecordedRun

BURN = "burn"
NOBODY_TOLD = fidelity.Lateness(math.nan, math.nan, math.nan), fidelity.Cpu(math.nan, math.nan)
_ARRIVALS = ("Boundary", "Arises")  # at which a UE takes up what was generated
RELEASES = ("Result", "LocalEnd", "Arrived", "Ended", "Forward")


class HostClock(msgspec.Struct, frozen=True, kw_only=True):
    """The clock of another ``host`` in a run: by how many wall ms it may have been wrong, how fast it drifts, give or
    take, and how often it was set meanwhile."""

    host: str
    uncertainty_ms: float
    drift_ppm: float
    drift_error_ppm: float
    steps: int


class Fidelity(msgspec.Struct, frozen=True, kw_only=True):
    """What a summary says of a run's honesty; ``burn`` and ``steal`` are fractions, lateness wall ms.

    ``lateness_by_kind_ms``: of each kind of event, by the name of its struct. ``arrival_jitter_ms``: how late UEs took
    up what was generated. ``grade`` is ``exact`` for a simulation or the twin, and None where processes did not tell of
    their timers and CPUs; what nobody told is None or NaN.
    """

    grade: str | None
    burn: float
    payload: str
    lateness_ms: fidelity.Lateness
    delay_error: fidelity.DelayError
    slipped: int | None
    steal: float | None
    cpu: fidelity.Cpu
    host_cpu: float | None = None
    worst: str = ""
    remedy: str = ""
    lateness_by_kind_ms: dict[str, fidelity.Lateness] = {}
    throttled: fidelity.Throttled | None = None
    clock_uncertainty_ms: float = 0.0
    clocks: tuple[HostClock, ...] = ()
    arrival_jitter_ms: fidelity.Lateness = fidelity.Lateness()


def graded(run: RecordedRun) -> Fidelity:
    """The fidelity of a run; a simulated one is the model itself: it has no grade, it is exact."""
    if not run.live:
        return Fidelity(
            grade=fidelity.EXACT,
            burn=0.0,
            payload="declared",
            lateness_ms=fidelity.Lateness(),
            delay_error=fidelity.DelayError(),
            slipped=0,
            steal=0.0,
            cpu=fidelity.Cpu(),
        )
    events = run.record.events
    asked = run.resolved.emulation
    host, speed = _host(events), float(run.meta.get("speed", asked.speed))
    pairs, doubt_ns = reference.delay_pairs(run), clock_doubt_ns(events) * speed
    measured = fidelity.Measured(
        error=fidelity.delay_error(pairs, doubt_ns),
        doubt=fidelity.delay_error([(ideal, ideal) for _, ideal in pairs], doubt_ns),
        tasks=len(run.tasks),
        slipped=round(counted((event.source, event.value) for event in events if event.kind == "slipped")),
        cpu=burnt(events),
        burn=float(run.meta.get("burn", asked.burn)),
        asked_burn=asked.burn,
        payload=str(run.meta.get("payload", asked.payload)),
        asked_payload=asked.payload,
        steal=host.get("steal", 0.0),
        host_cpu=host.get("cpu", 0.0),
        lateness=lateness(events),
        speed=speed,
        advised_speed=float(run.meta.get("advised_speed", 0.0)),
        guard_ms=asked.guard_ns * MS_PER_NS,
        held=round(counted((event.source, event.value) for event in events if event.kind == HELD)),
        ues=len(run.resolved.system.ues),
        ues_per_process=asked.ues_per_process,
        throttled=throttled(events),
    )
    grade, worst, remedy = _grade(run, measured)
    reported = any(event.kind == BURN for event in events)
    late, cpu = (measured.lateness, measured.cpu) if reported else NOBODY_TOLD
    return Fidelity(
        grade=grade,
        burn=measured.burn,
        payload=measured.payload,
        lateness_ms=late,
        delay_error=measured.error,
        slipped=measured.slipped if reported else None,
        steal=host.get("steal"),
        cpu=cpu,
        host_cpu=host.get("cpu"),
        worst=worst,
        remedy=remedy,
        arrival_jitter_ms=arrival_jitter(run) if reported else NOBODY_TOLD[0],
        lateness_by_kind_ms={kind: _lateness(bins) for kind, bins in sorted(histograms(events).items())},
        throttled=measured.throttled,
        clock_uncertainty_ms=clock_doubt_ns(events) * MS_PER_NS,
        clocks=host_clocks(events),
    )


def _grade(run: RecordedRun, measured: fidelity.Measured) -> tuple[str | None, str, str]:
    """The grade, what kept it from a better one, and a remedy; no grade where processes did not tell of themselves."""
    missing = untold(run)
    if run.reason == STILL_RUNNING and missing:
        return None, "the run goes on", "its processes tell of their timers and CPUs when they end"
    if missing:
        names = ", ".join(missing[:NAMED]) + (f" and {len(missing) - NAMED} more" if len(missing) > NAMED else "")
        why = f"{names} told nothing of timers and CPUs"
        return None, why, "processes do when they end: interrupt a run (Ctrl-C) instead of killing it"
    verdict = fidelity.grade(measured)
    busy = measured.host_cpu > fidelity.BUSY_LIMIT
    culprit = incidents.culprit(run.record.events, host_busy=busy) if verdict.worst else ""
    if culprit and not fidelity.is_held_back(measured.throttled):
        return verdict.grade, f"{verdict.worst}, and {culprit}", "find out what held that process up; the host did not"
    return verdict.grade, verdict.worst, verdict.remedy


def untold(run: RecordedRun) -> list[str]:
    """The processes that told nothing of their timers and CPUs although no death of theirs is on record."""
    plan = run.resolved.plan(run.workload, run.policy, second_offload=False, live=True)
    reporting = {event.source for event in run.record.events if event.kind == BURN}
    dead = {name for name, absences in run.absences.items() if any(back < 0 for _, back in absences)}
    processes = processes_of(plan)
    return [name for name, (_, cores) in processes.items() if name not in reporting and not dead.issuperset(cores)]


def detail(event: EventRow) -> dict[str, Any]:
    """The JSON object of an event's detail; empty if it is none."""
    try:
        value = json.loads(event.detail)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def arrival_jitter(run: RecordedRun) -> fidelity.Lateness:
    """How late the UEs of a live run took up what was generated, at slot boundaries or, by ``epoch``, at once."""
    plan = run.resolved.plan(run.workload, run.policy, second_offload=False, live=True)
    ues = {ue.name for ue in plan.system.ues}
    theirs = {name for name, (_, cores) in processes_of(plan).items() if not ues.isdisjoint(cores)}
    return lateness([event for event in run.record.events if event.source in theirs], _ARRIVALS)


def lateness(events: Iterable[EventRow], kinds: Container[str] | None = None) -> fidelity.Lateness:
    """How late the timers of all processes fired: of the given ``kinds`` of events, or of all."""
    by_kind = histograms(events)
    return _lateness([one for kind, bins in by_kind.items() if kinds is None or kind in kinds for one in bins])


def histograms(events: Iterable[EventRow]) -> dict[str, list[dict[str, Any]]]:
    """By kind of event: the last histogram of lateness that each process told."""
    last: dict[str, dict[str, dict[str, Any]]] = {}
    for event in events:
        histogram = detail(event) if event.kind == "lateness" else {}
        if isinstance(histogram.get("bins"), dict):
            last.setdefault(str(histogram.get("kind")), {})[event.source] = histogram
    return {kind: list(by_source.values()) for kind, by_source in last.items()}


def _lateness(plain: Iterable[dict[str, Any]]) -> fidelity.Lateness:
    merged = histogram.merge(plain)
    return fidelity.Lateness(
        merged.quantile_ns(0.5) * MS_PER_NS, merged.quantile_ns(0.99) * MS_PER_NS, merged.maximum * MS_PER_NS
    )


def burnt(events: Sequence[EventRow]) -> fidelity.Cpu:
    """CPU seconds that all processes were asked to burn, and did."""
    burns = [event for event in events if event.kind == BURN]
    asked = counted((event.source, event.value) for event in burns)
    achieved = counted((event.source, _float_or_zero(event.detail)) for event in burns)
    return fidelity.Cpu(asked, achieved)


def counted(readings: Iterable[tuple[str, float]]) -> float:
    """The sum over sources of counters read now and then; one that falls was reset by a restart."""
    total, last = 0.0, dict[str, float]()
    for source, value in readings:
        before = last.get(source, 0.0)
        total += value - before if value >= before else value
        last[source] = value
    return total


def throttled(events: Iterable[EventRow]) -> fidelity.Throttled | None:
    """The process that its CPU quota held back most; None if none was held back."""
    held = [event for event in events if event.kind == CPU_LIMITS and event.value > 0.0]
    worst = max(held, key=lambda event: event.value, default=None)
    return None if worst is None else fidelity.Throttled(worst.source, float(detail(worst)["cores"]), worst.value)


def clock_doubt_ns(events: Iterable[EventRow]) -> float:
    """By how much the clocks of two hosts may disagree, the least certain two, in wall ns."""
    worst = {event.source: event.value / S_PER_NS for event in events if event.kind == CLOCK}
    return sum(sorted(worst.values())[-2:])


def host_clocks(events: Iterable[EventRow]) -> tuple[HostClock, ...]:
    """What was told last of each host's clock that is not the launcher's."""
    last = {event.source: event for event in events if event.kind == CLOCK and event.value > 0.0}
    told = {host: (event.value, detail(event)) for host, event in sorted(last.items())}
    return tuple(
        HostClock(
            host=host,
            uncertainty_ms=1e3 * uncertainty_s,
            drift_ppm=float(more.get("drift_ppm", 0.0)),
            drift_error_ppm=float(more.get("drift_error_ppm", 0.0)),
            steps=int(more.get("steps", 0)),
        )
        for host, (uncertainty_s, more) in told.items()
    )


def _float_or_zero(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _host(events: Iterable[EventRow]) -> dict[str, float]:
    """Steal and load of the host over the run, as fractions: the mean of its samples."""
    samples = [detail(event) for event in events if event.kind == "host"]
    shares = {}
    for key in ("steal", "cpu"):
        values = [float(sample[key]) for sample in samples if isinstance(sample.get(key), (int, float))]
        if values:
            shares[key] = sum(values) / len(values)
    return shares
