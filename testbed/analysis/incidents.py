"""What happened to a run that nobody planned, in sentences (pure): deaths, silence, lost frames, absent decisions."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from testbed.analysis.fault_spans import happened
from testbed.model.delay import NEVER, S_PER_NS
from testbed.model.learning import LEARNER, is_learner
from testbed.model.statistics import percentile
from testbed.model.system import CONTROLLER, System
from testbed.model.task import FAILED, UE_DIED
from testbed.protocol.rows import (
    DEAD_ALREADY,
    DIED,
    DROPPED_FRAME,
    FAULT_BEGAN,
    FAULT_OVER,
    FELL_BACK,
    GIVEN_UP,
    HEARD,
    KILL,
    PAUSED,
    PLANNED,
    POLICY_ERROR,
    RESUMED,
    SILENT,
    SUSPENDED,
    UNSENT,
    EventRow,
)
from testbed.record.reader import RecordedRun

NAMED = 3
LATE_WALL_S = 0.05
STALL_MS, STALL_TIMES = 200.0, 5.0
WHY = {"killed": "was killed", "crashed": "crashed"}


def told(run: RecordedRun, decided: int, fallbacks: Counter[str]) -> list[str]:
    """A sentence for everything that a user should know of a run that ended well all the same.

    ``decided`` is how many tasks were; ``fallbacks`` counts those that the fallback policy decided, by its reason.
    """
    events, system = run.record.events, run.resolved.system
    speed = float(run.meta.get("speed", run.resolved.emulation.speed))
    return [
        *_policy_failures(events, system.fallback),
        *_deaths(run, system),
        *_learners(events),
        *_plans(events, LATE_WALL_S * speed),
        *(f"{name} stood still on request{when}" for name, _, when in pauses(events)),
        *(f"{name} was silent for {seconds:.1f} s of wall time{until}" for name, seconds, until in silences(events)),
        *_suspensions(events),
        *_counted(events, UNSENT, "could not send {n} message{s}"),
        *_counted(events, DROPPED_FRAME, "dropped {n} frame{s}"),
        *_fallbacks(decided, fallbacks, system.fallback),
    ]


def _suspensions(events: Iterable[EventRow]) -> list[str]:
    """Every time that the host was suspended: clocks of other hosts went on meanwhile."""
    return [
        f"the host was suspended for {event.value:.1f} s of wall time at {event.at_ns * S_PER_NS:.1f} s: "
        "the run stood still, but for what of it is on other hosts"
        for event in events
        if event.kind == SUSPENDED
    ]


def pauses(events: Iterable[EventRow]) -> list[tuple[str, float, str]]:
    """Every pause that is no part of the model: whose, how long it was in emulated seconds (inf: to the end), and when.

    One that is belongs to the planned faults (`disturbances`), and is as it should be.
    """
    begun: dict[str, int] = {}
    intervals: list[tuple[str, float, str]] = []
    for event in happened(events):
        if event.kind == PAUSED:
            begun[event.source] = event.at_ns
        elif event.kind in (RESUMED, DIED) and event.source in begun:
            begin, end = begun.pop(event.source) * S_PER_NS, event.at_ns * S_PER_NS
            intervals.append((event.source, end - begin, f" from {begin:.1f} to {end:.1f} s"))
    return intervals + [(name, math.inf, f" from {at_ns * S_PER_NS:.1f} s on") for name, at_ns in begun.items()]


def disturbances(events: Iterable[EventRow]) -> list[str]:
    """Every planned fault that killed nobody and has begun: what it was, and when."""
    rows = sorted(events, key=lambda event: event.at_ns)
    found = []
    for n, event in enumerate(rows):
        if event.kind == FAULT_BEGAN:
            ends = (
                row.at_ns
                for row in rows[n + 1 :]
                if row.kind == FAULT_OVER and (row.source, row.detail) == (event.source, event.detail)
            )
            over_ns, begin = next(ends, None), event.at_ns * S_PER_NS
            when = f"from {begin:.1f} s on" if over_ns is None else f"from {begin:.1f} to {over_ns * S_PER_NS:.1f} s"
            found.append(f"{event.detail} {when}")
    return found


def silences(events: Iterable[EventRow]) -> list[tuple[str, float, str]]:
    """Every silence of a process: its name, how long it was in seconds of wall time, and how it ended.

    One that stands still because somebody asked for it is not silent.
    """
    intervals: list[tuple[str, float, str]] = []
    still: set[str] = set()
    for event in sorted(events, key=lambda event: event.at_ns):
        if event.kind == PAUSED:
            still.add(event.source)
        elif event.kind in (RESUMED, DIED):
            still.discard(event.source)
        if event.kind == SILENT and event.source not in still:
            intervals.append((event.source, event.value, ", to the end of the run"))
        for n, (name, seconds, _) in enumerate(intervals):
            if name != event.source or event.kind not in (HEARD, DIED) or not intervals[n][2].startswith(", to"):
                continue
            heard = event.kind == HEARD
            until = (
                f", until {event.at_ns * S_PER_NS:.1f} s"
                if heard
                else f", until its death at {event.at_ns * S_PER_NS:.1f} s"
            )
            intervals[n] = name, event.value if heard else seconds, until
    return intervals


def culprit(events: Sequence[EventRow], *, host_busy: bool = False) -> str:
    """The process that was silent, or stood still while the others went on, with what it did; "" if none did.

    Delays that are wrong because of it say nothing of the host. One that was busy all along (``host_busy``) may itself
    have let a process stand still.
    """
    paused = pauses(events)
    if paused:
        name, _, when = max(paused, key=lambda one: one[1])
        return f"{name} stood still on request{when}"
    silent = silences(events)
    if silent:
        name, seconds, _ = max(silent, key=lambda one: one[1])
        return f"{name} was silent for {seconds:.1f} s"
    latest = {} if host_busy else _latest_ms(events)
    if len(latest) < 2:
        return ""
    name = max(latest, key=lambda source: latest[source])
    others = percentile([ms for source, ms in latest.items() if source != name], 50.0)
    if latest[name] < STALL_MS or latest[name] < STALL_TIMES * others:
        return ""
    return f"{name} stood still for {latest[name] * 1e-3:.1f} s while the others did not"


def _latest_ms(events: Iterable[EventRow]) -> dict[str, float]:
    """How late each process was at its latest slot boundary, in wall ms: of what others send it may be told late."""
    latest: dict[str, float] = {}
    for event in events:
        if event.kind == "lateness":
            try:
                report = json.loads(event.detail)
                kind, most = report["kind"], float(report["max"]) * 1e-6
            except (ValueError, KeyError, TypeError):
                continue
            if kind == "Boundary":
                latest[event.source] = max(latest.get(event.source, 0.0), most)
    return latest


def _policy_failures(events: Sequence[EventRow], fallback: str) -> Iterator[str]:
    failed = [event for event in events if event.kind == POLICY_ERROR]
    if failed:
        first = " ".join(failed[0].detail.split())
        yield f'the policy failed {_times(len(failed))} and "{fallback}" decided instead; first in {first}'


def _deaths(run: RecordedRun, system: System) -> Iterator[str]:
    """Deaths that nobody planned; UEs that died together in one sentence."""
    together: dict[tuple[int, str, bool], list[str]] = {}
    ues = {ue.name for ue in system.ues}
    for event in run.record.events:
        if event.kind == DIED and event.detail in WHY and not is_learner(event.source):
            together.setdefault((event.at_ns, event.detail, event.source in ues), []).append(event.source)
    for (at_ns, why, of_ues), names in sorted(together.items()):
        for some in [names] if of_ues else [[name] for name in names]:
            verb = WHY[why] if len(some) == 1 else WHY[why].replace("was", "were")
            where = f" (see logs/{some[0]}.log)" if why == "crashed" else ""
            outcome = _consequence(run, some, at_ns)
            yield f"{_named(some)} {verb} at {at_ns * S_PER_NS:.1f} s, not planned: {outcome}{where}"


def _consequence(run: RecordedRun, names: Sequence[str], at_ns: int) -> str:
    """What became of tasks by the death of ``names``: UEs, or one other."""
    name = names[0]
    back = min((back for died, back in run.absences.get(name, ()) if died == at_ns and back >= 0), default=NEVER)
    if name == CONTROLLER:
        rows = [row for row in run.tasks if row.fallback == "controller lost" and row.ready_ns >= at_ns]
        return f"{_tasks(sum(row.asked_ns < back for row in rows))} decided by the fallback"
    if any(ue.name == name for ue in run.resolved.system.ues):
        rows = [row for row in run.tasks if row.ue in names and row.state == FAILED and row.reason == UE_DIED]
        return f"{_tasks(len(rows))} failed"
    cell = next(es.index for es in run.resolved.system.edge_servers if es.name == name) + 1
    later = min((died for died, _ in run.absences.get(name, ()) if died > at_ns), default=NEVER)
    rows = [row for row in run.tasks if row.recovered and at_ns <= row.reentry_ns < later]
    return f"{_tasks(sum(row.es == name or (not row.es and row.cell == cell) for row in rows))} recovered"


def _learners(events: Sequence[EventRow]) -> Iterator[str]:
    died: dict[str, list[EventRow]] = {}
    for event in events:
        if event.kind == DIED and is_learner(event.source) and event.detail in WHY:
            died.setdefault(event.source, []).append(event)
    for name, deaths in sorted(died.items()):
        last, times = deaths[-1], _times(len(deaths))
        yield f"{_learner(name)} {WHY[last.detail]} {times}, not planned, last at {last.at_ns * S_PER_NS:.1f} s"
    for event in events:
        if event.kind == FELL_BACK:
            at, rise = event.at_ns * S_PER_NS, event.value - 1.0
            yield f"learning fell back to earlier parameters at {at:.1f} s: overhead had risen by {rise:.0%}"
        if event.kind == GIVEN_UP:
            since = "nothing was learned" if event.source == LEARNER else "it learned nothing"
            yield (
                f"{_learner(event.source)} was not started again after {event.value:.0f} deaths; "
                f"{since} since: {event.detail}"
            )


def _learner(name: str) -> str:
    return f"the {name}" if name == LEARNER else name


def _plans(events: Iterable[EventRow], late_s: float) -> Iterator[str]:
    for event in events:
        if event.kind != PLANNED:
            continue
        at = event.at_ns * S_PER_NS
        if event.detail == DEAD_ALREADY:
            yield f"{event.source} was to be killed at {at:.1f} s, but was dead already"
        elif event.value > late_s:
            done = "was killed" if event.detail == KILL else "was back"
            yield f"{event.source} {done} at {at + event.value:.2f} s instead of {at:.2f} s as planned"


def _counted(events: Iterable[EventRow], kind: str, what: str) -> Iterator[str]:
    last = {event.source: event for event in events if event.kind == kind}
    for source, event in sorted(last.items()):
        n = round(event.value)
        yield f"{source} {what.format(n=n, s='s' if n > 1 else '')}: {event.detail}"


def _fallbacks(count: int, reasons: Counter[str], fallback: str) -> Iterator[str]:
    """Decisions that came too late, and runs that the policy had no part in."""
    every = reasons.total() == count
    if reasons and (every or reasons["timeout"]):
        shown = dict(reasons.most_common()) if every else {"timeout": reasons["timeout"]}
        why = ", ".join(f"{reason} {count}" for reason, count in shown.items())
        share = f"all {count}" if every else f"{sum(shown.values())} of {count}"
        yield f'"{fallback}", not the policy, decided {share} tasks: {why}'


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _tasks(count: int) -> str:
    return f"{count} task{'' if count == 1 else 's'}"


def _times(count: int) -> str:
    return f"{count} time{'s' if count > 1 else ''}"
