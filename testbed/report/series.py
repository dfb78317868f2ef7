"""What a report draws of a run: distributions, lines over time, shares, events (pure, from the run's last rows).

Instants and durations are emulated seconds, energies joules.
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from testbed.analysis import per_server, run_reward
from testbed.model.delay import S_PER_NS
from testbed.model.energy import transmit_energy_j
from testbed.protocol.rows import (
    DIED,
    FAULT_BEGAN,
    FAULT_OVER,
    GIVEN_UP,
    HEARD,
    PAUSED,
    POLICY_ERROR,
    RESTARTED,
    RESUMED,
    SILENT,
    SlotRow,
    TaskRow,
    ended_ns,
)
from testbed.record.reader import RecordedRun
from testbed.report.reported import Reported

MOST_POINTS, ALL_POINTS, LEAST_POINTS = 240, 6000, 16
SLOWEST_TASKS = 12
TOLD_EVENTS = (DIED, RESTARTED, FAULT_BEGAN, FAULT_OVER, PAUSED, RESUMED, SILENT, HEARD, GIVEN_UP, POLICY_ERROR)
TASKS_WAITING, BUSY = "waiting", "busy"
LEARNT = {"loss": "loss", "entropy": "entropy, nats", "rate": "updates a second", "lag": "policy lag, versions"}


class Series(msgspec.Struct, frozen=True):
    """A line: ``x`` and ``y`` of equal length, broken where ``y`` is NaN; ``group`` numbers its colour (-1: own)."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    group: int = -1


class Marker(msgspec.Struct, frozen=True):
    """An event on the time axis: what happened (``kind``) to which process (``source``)."""

    at_s: float
    source: str
    kind: str
    detail: str

    @property
    def text(self) -> str:
        """The event in words."""
        return f"{self.source} {self.kind.replace('_', ' ')}"


class UeFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one UE's tasks; means over those that finished are NaN if none did."""

    ue: str
    cell: int
    tasks: int
    offloaded: float
    delay_s: float
    kept: float
    energy_j: float
    overhead: float


def cdf(name: str, values: Iterable[float], points: int = MOST_POINTS, group: int = -1) -> Series:
    """The cumulative distribution of ``values`` at about ``points`` of them, the least and the greatest among these."""
    ranked = sorted(values)
    if not ranked:
        return Series(name, (), (), group)
    picks = sorted({round(n * (len(ranked) - 1) / points) for n in range(points + 1)})
    return Series(name, tuple(ranked[n] for n in picks), tuple((n + 1) / len(ranked) for n in picks), group)


def delay_cdf(one: Reported) -> Series:
    """The distribution of a run's delays."""
    return cdf(one.label, (row.measured_ns * S_PER_NS for row in one.done))


def delay_cdfs_by_ue(one: Reported) -> list[Series]:
    """The distribution of each UE's delays, of UEs that have any, grouped by cell; the more UEs, the fewer points."""
    delays: defaultdict[str, list[float]] = defaultdict(list)
    for row in one.done:
        delays[row.ue].append(row.measured_ns * S_PER_NS)
    points = max(LEAST_POINTS, min(MOST_POINTS, ALL_POINTS // max(1, len(delays))))
    ues = one.run.resolved.system.ues
    return [cdf(ue.name, delays[ue.name], points, ue.cell) for ue in ues if ue.name in delays]


def server_series(run: RecordedRun, what: str) -> list[Series]:
    """Of each ES over time: the tasks `TASKS_WAITING`, or the share of its core time `BUSY` since the boundary before.

    The line is broken where the ES was dead at a boundary. A boundary at which it lived has no row if it was idle.
    """
    rows: defaultdict[str, list[SlotRow]] = defaultdict(list)
    for row in run.record.slots:
        rows[row.es].append(row)
    slot_ns = run.resolved.system.slot_ns
    return [
        _over_boundaries(es.name, _values(rows[es.name], es.cores * slot_ns, what), run, from_one=what == BUSY)
        for es in run.resolved.system.edge_servers
    ]


def _values(rows: Sequence[SlotRow], core_ns: int, what: str) -> dict[int, float]:
    """What the rows of an ES, whose cores have ``core_ns`` in a slot, say by slot; boundary 0 ends no slot."""
    if what == BUSY:
        return {row.slot: min(1.0, row.busy_ns / core_ns) for row in rows if row.slot}
    return {row.slot: float(row.waiting) for row in rows}


def _over_boundaries(name: str, values: Mapping[int, float], run: RecordedRun, *, from_one: bool) -> Series:
    """Of an ES at each boundary up to the last: its value, 0 where it was idle, NaN where it was dead.

    There are at most `MOST_POINTS` points, each the mean of the neighbours that it stands for.
    """
    if not values:
        return Series(name, (), ())
    slot_ns, gaps = run.resolved.system.slot_ns, run.absences.get(name, ())
    first, last = int(from_one), max(run.end_ns // slot_ns, *values)
    points = []
    for begin, end, value in _means(values, first, last):
        lived = per_server.boundaries_seen(gaps, (end - 1) * slot_ns, slot_ns)
        lived -= per_server.boundaries_seen(gaps, (begin - 1) * slot_ns, slot_ns)
        y = value if lived == end - begin else math.nan
        points.append(((begin + end - 1) / 2.0 * slot_ns * S_PER_NS, y))
    return Series(name, tuple(x for x, _ in points), tuple(y for _, y in points))


def _means(values: Mapping[int, float], first: int, last: int) -> list[tuple[int, int, float]]:
    """At most `MOST_POINTS` equal parts [begin, end) of the slots from ``first`` to ``last``, each with the mean of
    ``values``, 0 in a slot that has none.
    """
    step = max(1, math.ceil((last + 1 - first) / MOST_POINTS))
    parts: defaultdict[int, list[float]] = defaultdict(list)
    for slot, value in values.items():
        parts[(slot - first) // step].append(value)
    edges = [*range(first, last + 1, step), last + 1]
    return [
        (begin, end, math.fsum(parts[n]) / (end - begin)) for n, (begin, end) in enumerate(itertools.pairwise(edges))
    ]


def overhead_series(one: Reported) -> Series:
    """Mean overhead of the tasks that ended in each slot."""
    slot_ns = one.run.resolved.system.slot_ns
    ended: defaultdict[int, list[float]] = defaultdict(list)
    for row in one.done:
        ended[ended_ns(row) // slot_ns].append(row.overhead)
    points = [(slot * slot_ns * S_PER_NS, math.fsum(values) / len(values)) for slot, values in sorted(ended.items())]
    return thinned(one.label, points)


def reward_series(one: Reported) -> Series:
    """The region's reward of each slot, by the scenario's kind of reward."""
    system = one.run.resolved.system
    if not one.done:
        return Series(one.label, (), ())
    rewards: defaultdict[int, float] = defaultdict(float)
    for row in run_reward.by_slot(one.run.tasks, system, one.run.resolved.scenario.agent.reward):
        rewards[row.slot] += row.reward
    slot_s = system.slot_ns * S_PER_NS
    means = _means(rewards, 0, max(system.slots - 1, *rewards))
    x = tuple((begin + end - 1) / 2.0 * slot_s for begin, end, _ in means)
    return Series(one.label, x, tuple(mean for *_, mean in means))


def learning_series(one: Reported, what: str) -> list[Series]:
    """A column of each learner's rows over time, as far as it was a number."""
    points: dict[str, list[tuple[float, float]]] = {}
    for row in one.run.record.updates:
        value, own = float(getattr(row, what)), points.setdefault(row.learner, [])
        if math.isfinite(value):
            own.append((row.at_ns * S_PER_NS, value))
    named = {name: f"{one.label} {name}" if len(points) > 1 else one.label for name in points}
    return [thinned(named[name], points_of_one) for name, points_of_one in sorted(points.items())]


def thinned(name: str, points: Sequence[tuple[float, float]]) -> Series:
    """At most `MOST_POINTS` points, each the mean of the neighbours that it stands for."""
    step = max(1, math.ceil(len(points) / MOST_POINTS))
    groups = [points[n : n + step] for n in range(0, len(points), step)]
    x = tuple(math.fsum(x for x, _ in group) / len(group) for group in groups)
    return Series(name, x, tuple(math.fsum(y for _, y in group) / len(group) for group in groups))


def ue_energy(run: RecordedRun) -> dict[str, float]:
    """The UEs' energy, modelled, by what it was spent on, J."""
    powers = {ue.name: ue.tx_power_w for ue in run.resolved.system.ues}
    sent = math.fsum(transmit_energy_j(powers[row.ue], row.airtime_ns) for row in run.tasks)
    total = math.fsum(row.energy_j for row in run.tasks)
    return {"sending": sent, "computing": max(0.0, total - sent)}


def es_energy(one: Reported) -> dict[str, dict[str, float]]:
    """Each ES's energy, modelled, by what it was spent on, J."""
    joules = {}
    for es in one.run.resolved.system.edge_servers:
        idle = es.idle_power_w * per_server.lived_ns(one.run, es) * S_PER_NS
        joules[es.name] = {"computing": max(0.0, one.summary.es[es.name].energy_j - idle), "idle": idle}
    return joules


def markers(run: RecordedRun) -> list[Marker]:
    """Deaths, returns, silences and failures to decide, by time."""
    events = [
        Marker(event.at_ns * S_PER_NS, event.source, event.kind, event.detail)
        for event in run.record.events
        if event.kind in TOLD_EVENTS
    ]
    return sorted(events, key=lambda marker: marker.at_s)


def slowest(one: Reported) -> list[TaskRow]:
    """The tasks with the longest delays, longest first."""
    return sorted(one.done, key=lambda row: -row.measured_ns)[:SLOWEST_TASKS]


def ue_figures(run: RecordedRun) -> list[UeFigures]:
    """Each UE's figures; ``offloaded`` and ``kept`` are shares of its tasks, NaN without any."""
    rows: defaultdict[str, list[TaskRow]] = defaultdict(list)
    for row in run.tasks:
        rows[row.ue].append(row)
    return [_ue_figures(ue.name, ue.cell + 1, rows[ue.name]) for ue in run.resolved.system.ues]


def _ue_figures(name: str, cell: int, rows: Sequence[TaskRow]) -> UeFigures:
    done = [row for row in rows if row.finished_ns >= 0]
    return UeFigures(
        ue=name,
        cell=cell,
        tasks=len(rows),
        offloaded=_share(sum(row.choice >= 1 for row in rows), len(rows)),
        delay_s=_share(sum(row.measured_ns for row in done) * S_PER_NS, len(done)),
        kept=_share(sum(row.state == "completed" for row in rows), len(rows)),
        energy_j=_share(math.fsum(row.energy_j for row in done), len(done)),
        overhead=_share(math.fsum(row.overhead for row in done), len(done)),
    )


def _share(total: float, count: int) -> float:
    return total / count if count else math.nan
