"""What a system can be asked for: rates below which nothing is a link, tasks that take no longer than a day.

Beyond these a scenario is mistaken (metres for kilometres, Mbit/s for bit/s), and would drain for months.
"""

import itertools
import math
from collections.abc import Iterable, Sequence

import numpy as np

from testbed.model.changing_link import RateTrace
from testbed.model.errors import ScenarioError
from testbed.model.system import System
from testbed.model.task import Task, TaskTable
from testbed.model.transmission import trace_of
from testbed.scenario import units
from testbed.scenario.fault_kinds import LEAST_RATE_BPS
from testbed.scenario.fields import Draw
from testbed.scenario.schema import LinkTrace
from testbed.scenario.task_classes import classes_of
from testbed.scenario.task_schema import TaskSection

LONGEST_TASK_S, MOST_SLOTS = 86_400, 10**7
LONGEST_TASK_NS, A_DAY = LONGEST_TASK_S * 10**9, "a day is the most"
MOST_BITS = 2**53
NEARER = "bring it nearer to its ES, or raise tx_power or radio.bandwidth"


def mean_bps(durations_ns: Iterable[int], rates_bps: Iterable[float]) -> float:
    """The mean rate of a trace in bit/s."""
    segments = list(zip(durations_ns, rates_bps, strict=True))
    return sum(ns * bps for ns, bps in segments) / sum(ns for ns, _ in segments)


def slow_trace(trace: LinkTrace) -> str:
    """What is wrong with a rate trace that moves next to nothing; "" if it moves enough."""
    mean = mean_bps(trace.durations_ns, trace.rates_bps)
    if mean >= LEAST_RATE_BPS:
        return ""
    return f"the rate trace moves {mean:.3g} bit/s on average, and {LEAST_RATE_BPS:g} bit/s are the least"


def silent_trace(trace: LinkTrace) -> str:
    """What is wrong with a rate trace that moves next to nothing for longer than a day; "" if it never does.

    The trace repeats: silence at its end goes on at its beginning.
    """
    longest = lasting = 0
    for ns, bps in [*zip(trace.durations_ns, trace.rates_bps, strict=True)] * 2:
        lasting = lasting + ns if bps < LEAST_RATE_BPS else 0
        longest = max(longest, lasting)
    return f"the rate trace is silent for {longest * 1e-9:,.6g} s: {A_DAY}" if longest > LONGEST_TASK_NS else ""


def traced_bps(trace: RateTrace) -> float:
    """The mean rate of a trace in bit/s."""
    edges = (*trace.edges_ns, trace.period_ns)
    return mean_bps((after - before for before, after in itertools.pairwise(edges)), trace.bps)


def uplinks_bps(system: System) -> list[float]:
    """The mean rate of each UE's uplink, by its trace if it follows one, in bit/s; of one that fades, that without."""
    own = [traced_bps(trace) for trace in system.radio.traces]
    others = next((trace for ue in system.ues if ue.trace < 0 and (trace := trace_of(system.radio, ue))), None)
    common = math.nan if others is None else traced_bps(others)
    return [own[ue.trace] if ue.trace >= 0 else ue.rate_bps if math.isnan(common) else common for ue in system.ues]


class TaskLimits:
    """The most bits and cycles that a task of each UE may have in ``system``."""

    def __init__(self, system: System) -> None:
        self._system = system
        slots_s = MOST_SLOTS * system.slot_ns * 1e-9
        self._longest_s, self._named = min((float(LONGEST_TASK_S), "a day"), (slots_s, f"{MOST_SLOTS:,} slots"))
        self._slowest = min((es.slowest_hz for es in system.edge_servers), default=MOST_BITS)
        backhaul = system.backhaul.rate_bps
        uplinks = [min(bps, ue.least_cap_bps) for bps, ue in zip(uplinks_bps(system), system.ues, strict=True)]
        self._bits = [min(float(MOST_BITS), min(bps, backhaul) * self._longest_s) for bps in uplinks]
        self._cycles = [min(MOST_BITS, min(ue.cpu_hz, self._slowest) * self._longest_s) for ue in system.ues]

    def most(self, ue: int) -> tuple[float, float]:
        """The most bits and cycles of a task of UE index ``ue``."""
        return self._bits[ue], self._cycles[ue]

    def wrong(self, ue: int, bits: int, cycles: int) -> tuple[str, str]:
        """The column of a workload table whose value is too large for UE index ``ue``, and why; two "" if none is."""
        name, longest = self._system.ues[ue].name, self._named
        if bits > self._bits[ue]:
            least = self._bits[ue] / self._longest_s
            rate = units.human(least, "rate")
            return "input_bits", f"{units.human(bits, 'data')} of {name} take more than {longest} to send at {rate}"
        if cycles > self._cycles[ue]:
            speed = units.human(min(self._system.ues[ue].cpu_hz, self._slowest), "speed")
            return "cycles", f"{units.human(cycles, 'cycles')} of {name} take more than {longest} at {speed}"
        return "", ""


def check_system(system: System) -> None:
    """Raise `ScenarioError`, naming the UE, for links that are too slow to be any."""
    for ue in system.ues:
        if ue.rate_bps < LEAST_RATE_BPS and trace_of(system.radio, ue) is None:
            rate, away = f"{ue.rate_bps:.3g} bit/s", units.human(ue.distance_m, "length", 7)
            message = f"{ue.name} sends {rate} over {away}, and {LEAST_RATE_BPS:g} bit/s are the least"
            raise ScenarioError(message, remedy=NEARER)
    limits = TaskLimits(system)
    for ue in system.ues:
        if system.radio.result_bits:
            _refuse(limits, ue.index, system.radio.result_bits, 0, "radio.result_bits", "lower radio.result_bits")


def check_draws(system: System, sections: Sequence[TaskSection]) -> None:
    """Raise `ScenarioError`, naming the UE, if a task that its one of ``sections`` may draw takes too long."""
    limits = TaskLimits(system)
    most = {
        section: [(int(max(one.input_bits.values)), _most_cycles(one)) for one in classes_of(section)]
        for section in dict.fromkeys(sections)
    }
    for ue, section in zip(system.ues, sections, strict=True):
        for bits, cycles in most[section]:
            _refuse(limits, ue.index, bits, cycles, "task", "lower task.input or task.cycles, or raise rates and cpu")


def check_tasks(system: System, tasks: Sequence[Task]) -> None:
    """Raise `ScenarioError`, naming task and UE, if one takes too long."""
    limits = TaskLimits(system)
    columns = TaskTable.of(tasks).columns
    ue, bits, cycles = (np.frombuffer(columns[name], np.int64) for name in ("ue", "input_bits", "cycles"))
    most = np.array([limits.most(index) for index in range(len(system.ues))]).reshape(-1, 2)
    for at in np.flatnonzero((bits > most[ue, 0]) | (cycles > most[ue, 1])).tolist():
        task = tasks[at]
        _refuse(limits, task.ue, task.input_bits, task.cycles, f"task {task.number}", "give smaller tasks")


def _refuse(limits: TaskLimits, ue: int, bits: int, cycles: int, what: str, remedy: str) -> None:
    column, why = limits.wrong(ue, bits, cycles)
    if column:
        raise ScenarioError(f"{what}: {why}", remedy=remedy)


def _most_cycles(section: TaskSection) -> int:
    cycles: Draw = section.cycles
    if cycles.kind == "per_bit":
        return int(min(float(2 * MOST_BITS), cycles.values[0] * max(section.input_bits.values)))
    return int(max(cycles.values))
