"""What a report draws of a run: distributions, lines over time, shares, events (pure, from the run's last rows).

Instants and durations are emulated seconds, energies joules.
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from testbed.analysis import per_server, run_reward
from testbed.model.energy import transmit_energy_j
from testbed.protocol.rows import DIED, GIVEN_UP, HEARD, POLICY_ERROR, RESTARTED, SILENT, SlotRow, TaskRow
from testbed.record.reader import RecordedRun
from testbed.report.reported import Reported, ended_ns

S_PER_NS = 1e-9
MOST_POINTS, ALL_POINTS, LEAST_POINTS = 240, 6000, 16
SLOWEST_TASKS = 12
TOLD_EVENTS = (DIED, RESTARTED, SILENT, HEARD, GIVEN_UP, POLICY_ERROR)
WAITING, BUSY = "waiting", "busy"
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
    """Of each ES over time: the tasks `WAITING`, or the share of its core time `BUSY` since the boundary before.

    The line is broken where the ES was dead at a boundary.
    """
    rows: defaultdict[str, list[SlotRow]] = defaultdict(list)
    for row in run.record.slots:
        rows[row.es].append(row)
    slot_ns = run.resolved.system.slot_ns
    return [
        thinned(es.name, _broken(_busy(rows[es.name], es.cores) if what == BUSY else _waiting(rows[es.name]), slot_ns))
        for es in run.resolved.system.edge_servers
    ]


def _waiting(rows: Sequence[SlotRow]) -> list[tuple[float, float]]:
    return [(row.at_ns * S_PER_NS, float(row.waiting)) for row in rows]


def _busy(rows: Sequence[SlotRow], cores: int) -> list[tuple[float, float]]:
    spans = [(row, row.at_ns - before.at_ns) for before, row in itertools.pairwise(rows)]
    return [(row.at_ns * S_PER_NS, min(1.0, row.busy_ns / (cores * span))) for row, span in spans if span > 0]


def _broken(points: Sequence[tuple[float, float]], slot_ns: int) -> list[tuple[float, float]]:
    """``points`` with a NaN between those that are more than a slot apart."""
    found = list(points[:1])
    for before, point in itertools.pairwise(points):
        if point[0] - before[0] > 1.5 * slot_ns * S_PER_NS:
            found.append(((before[0] + point[0]) / 2.0, math.nan))
        found.append(point)
    return found


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
        rewards[row.at_ns] += row.reward
    return thinned(one.label, [(at_ns * S_PER_NS, reward) for at_ns, reward in sorted(rewards.items())])


def learning_series(one: Reported, what: str) -> list[Series]:
    """A column of each learner's rows over time, as far as it was a number."""
    points: dict[str, list[tuple[float, float]]] = {}
    for row in one.run.record.updates:
        value, own = float(getattr(row, what)), points.setdefault(row.learner, [])
        if math.isfinite(value):
            own.append((row.at_ns * S_PER_NS, value))
    named = {name: f"{one.label} {name}" if len(points) > 1 else one.label for name in points}
    return [thinned(named[name], found) for name, found in sorted(points.items())]


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
    found = {}
    for es in one.run.resolved.system.edge_servers:
        idle = es.idle_power_w * per_server.lived_ns(one.run, es) * S_PER_NS
        found[es.name] = {"computing": max(0.0, one.summary.es[es.name].energy_j - idle), "idle": idle}
    return found


def markers(run: RecordedRun) -> list[Marker]:
    """Deaths, returns, silences and failures to decide, by time."""
    found = [
        Marker(event.at_ns * S_PER_NS, event.source, event.kind, event.detail)
        for event in run.record.events
        if event.kind in TOLD_EVENTS
    ]
    return sorted(found, key=lambda marker: marker.at_s)


def slowest(one: Reported) -> list[TaskRow]:
    """The tasks with the longest delays, longest first."""
    return sorted(one.done, key=lambda row: -row.measured_ns)[:SLOWEST_TASKS]


def ue_figures(run: RecordedRun) -> list[UeFigures]:
    """Each UE's figures; ``offloaded`` and ``kept`` are shares of its tasks, NaN without any."""
    rows: defaultdict[str, list[TaskRow]] = defaultdict(list)
    for row in run.tasks:
        rows[row.ue].append(row)
    return [_ue_figures(ue.name, ue.cell + 1, rows[ue.name]) for ue in run.resolved.system.ues]


def _ue_figures(name: str, cell: int, mine: Sequence[TaskRow]) -> UeFigures:
    done = [row for row in mine if row.finished_ns >= 0]
    return UeFigures(
        ue=name,
        cell=cell,
        tasks=len(mine),
        offloaded=_share(sum(row.choice == 1 for row in mine), len(mine)),
        delay_s=_share(sum(row.measured_ns for row in done) * S_PER_NS, len(done)),
        kept=_share(sum(row.state == "completed" for row in mine), len(mine)),
        energy_j=_share(math.fsum(row.energy_j for row in done), len(done)),
        overhead=_share(math.fsum(row.overhead for row in done), len(done)),
    )


def _share(total: float, count: int) -> float:
    return total / count if count else math.nan
