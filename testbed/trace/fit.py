"""The generator of a scenario that resembles recorded tasks, and how well it does: Kolmogorov and Smirnov's distance.

The recording is compared with what the fitted scenario plays, not with a formula: a figure of 0 would mean that their
distributions are the same.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from testbed.model.errors import ScenarioError
from testbed.model.packages import naming_extras
from testbed.model.system import System
from testbed.model.task import TaskTable
from testbed.scenario.decimals import Ints
from testbed.scenario.fields import Draw
from testbed.scenario.ranges import MOST_SLOTS
from testbed.scenario.schema import Cell, Profile, Scenario, Workload
from testbed.scenario.task_schema import TaskSection
from testbed.scenario.workload import columns_of, generate
from testbed.trace.notes import count

Reals = NDArray[np.float64]
_QUANTILES, MOST_CHOICES, CHOICES_WRITTEN = 101, 8, 20
MOST_STEPS, LAGS = 5000, (1, 10, 100)
_STEPS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 86_400)
WELL, FAIRLY = 0.05, 0.1
_TOGETHER, _EVEN, SAME_RATIO = 0.3, 0.02, 0.01


class Match(msgspec.Struct, frozen=True):
    """How alike a quantity is, recorded and generated: the greatest distance of distributions, and its p-value."""

    what: str
    distance: float
    p_value: float

    @property
    def quality(self) -> str:
        """How alike they are in a word: good, fair or poor."""
        return "good" if self.distance <= WELL else "fair" if self.distance <= FAIRLY else "poor"


class Correlation(msgspec.Struct, frozen=True):
    """The autocorrelation of the number of tasks a slot, ``lag`` slots apart, recorded and generated."""

    lag: int
    recorded: float
    generated: float


class GeneratorFit(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario that resembles a recording, how well, and what is to be said of it."""

    scenario: Scenario
    tasks: int
    matches: tuple[Match, ...]
    autocorrelation: tuple[Correlation, ...]
    notes: tuple[str, ...]


def fit(tasks: TaskTable, scenario: Scenario, system: System, recorded: Sequence[str]) -> GeneratorFit:
    """The generator like ``tasks`` on the system of ``scenario``; ``recorded`` are the columns that somebody measured.

    Raises `ScenarioError` for a recording of more slots than a scenario may have.
    """
    columns = columns_of(tasks)
    at = columns["generated_ns"]
    slots = int(at.max()) // scenario.slot_ns + 1
    if slots > MOST_SLOTS:
        span = f"{count(slots, 'slot')}, and {MOST_SLOTS:,} are the most"
        raise ScenarioError(f"the trace lasts {span}", remedy="take longer slots, or a part: --set slot=1min")
    notes: list[str] = []
    cells = _cells(columns["ue"], scenario, system) if "ue" in recorded else scenario.cells
    scenario = msgspec.structs.replace(scenario, cells=cells, slots=slots)
    scenario = _arrivals(columns, scenario, system, notes)
    scenario = msgspec.structs.replace(scenario, task=_sizes(columns, scenario.task, recorded, notes))
    played = columns_of(generate(scenario, system_of(scenario, system)))
    matches = _matches(columns, played, scenario.slot_ns, recorded)
    correlations = _autocorrelation(at, played["generated_ns"], scenario.slot_ns, slots)
    poor = [match.what for match in matches if match.quality == "poor"]
    if poor:
        notes.append(f"nothing fits well: {', '.join(poor)}")
    far = [str(one.lag) for one in correlations if abs(one.recorded - one.generated) > FAIRLY]
    if far:
        notes.append(f"how the load goes on is not met at lag {', '.join(far)}: see the autocorrelation")
    return GeneratorFit(
        scenario=scenario, tasks=len(at), matches=matches, autocorrelation=correlations, notes=tuple(notes)
    )


def system_of(scenario: Scenario, system: System) -> System:
    """``system`` as long as ``scenario``."""
    return msgspec.structs.replace(system, slots=scenario.slots, slot_ns=scenario.slot_ns)


def _cells(ue: Ints, scenario: Scenario, system: System) -> tuple[Cell, ...]:
    """The cells with the share of tasks that their UEs have."""
    tasks_by_cell = np.bincount([system.ues[index].cell for index in ue.tolist()], minlength=len(scenario.cells))
    mean = len(ue) / len(system.ues)
    factors = [
        float(f"{number / cell.ues / mean:.6g}") for number, cell in zip(tasks_by_cell, scenario.cells, strict=True)
    ]
    return tuple(
        msgspec.structs.replace(cell, density_factor=factor)
        for cell, factor in zip(scenario.cells, factors, strict=True)
    )


def _arrivals(columns: dict[str, Ints], scenario: Scenario, system: System, notes: list[str]) -> Scenario:
    """When tasks come: at slot boundaries or any time, at one density or one that changes in steps."""
    at, slot_ns, slots = columns["generated_ns"], scenario.slot_ns, scenario.slots
    weight = sum(scenario.cells[ue.cell].density_factor for ue in system.ues)
    density = len(at) / slots / weight
    pairs = np.unique(np.stack([columns["ue"], at // slot_ns]), axis=1).shape[1]
    is_bernoulli = not (at % slot_ns).any() and pairs == len(at) and density <= 1.0
    shared = len(at) - len(np.unique(at))
    if shared and not is_bernoulli:
        notes.append(f"{count(shared, 'task')} of {len(at):,} at the instant of another: a generator's come one by one")
    profile = _profile(at // slot_ns, slots, slot_ns)
    workload = Workload(arrivals="bernoulli" if is_bernoulli else "poisson", profile=profile)
    return msgspec.structs.replace(scenario, density=float(f"{density:.6g}"), workload=workload)


def _profile(slot: Ints, slots: int, slot_ns: int) -> Profile | None:
    """The steps of the density that say most for what they cost (Schwarz's criterion); None if one density does."""
    least, best = _criterion(np.array([len(slot)]), np.array([slots])), 0
    for width in _STEPS:
        steps = -(-slots // width)
        if 2 <= steps <= MOST_STEPS:
            criterion = _criterion(np.bincount(slot // width, minlength=steps), _widths(slots, width))
            if criterion < least:
                least, best = criterion, width
    if not best:
        return None
    factors = np.bincount(slot // best, minlength=-(-slots // best)) / _widths(slots, best) / (len(slot) / slots)
    return Profile(every_ns=best * slot_ns, factors=tuple(float(f"{factor:.6g}") for factor in factors))


def _widths(slots: int, width: int) -> Ints:
    """The slots of each step; the last one may be cut."""
    return np.minimum(width, slots - np.arange(0, slots, width))


def _criterion(counts: Ints, widths: Ints) -> float:
    """Twice the negative logarithm of the likelihood, and what each step costs."""
    some = counts > 0
    return float(len(counts) * np.log(counts.sum()) - 2.0 * (counts[some] * np.log(counts[some] / widths[some])).sum())


def _sizes(columns: dict[str, Ints], tasks: TaskSection, recorded: Sequence[str], notes: list[str]) -> TaskSection:
    """What tasks are like; what nobody recorded stays as it was."""
    bits, cycles = columns["input_bits"], columns["cycles"]
    section = msgspec.structs.replace(tasks, cycles=_draw(cycles), classes=())
    if "input_bits" in recorded:
        section = msgspec.structs.replace(section, input_bits=_draw(bits))
        ratio = cycles / bits
        if len(np.unique(bits)) > 1 and ratio.std() < SAME_RATIO * ratio.mean():
            section = msgspec.structs.replace(section, cycles=Draw("per_bit", (float(f"{ratio.mean():.6g}"),)))
        elif len(np.unique(bits)) > 1 < len(np.unique(cycles)):
            together = _rank_correlation(bits, cycles)
            if abs(together) > _TOGETHER:
                notes.append(f"input and cycles go together (rank correlation {together:.2f}), but are drawn apart")
    else:
        notes.append("nobody recorded inputs: they stay as the scenario draws them")
    if "deadline_ns" in recorded:
        return msgspec.structs.replace(section, deadline_ns=_draw(columns["deadline_ns"]))
    notes.append("nobody recorded deadlines: they stay as the scenario draws them")
    return section


def _draw(values: Ints) -> Draw:
    """The plainest distribution like ``values``."""
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) == 1:
        return Draw("constant", (int(distinct[0]),))
    if len(distinct) <= MOST_CHOICES:
        times = np.maximum(1, np.rint(counts / counts.sum() * CHOICES_WRITTEN)).astype(np.int64)
        times = times // np.gcd.reduce(times)
        return Draw("choice", tuple(np.repeat(distinct, times).tolist()))
    low, high = int(distinct[0]), int(distinct[-1])
    place = (np.sort(values) - low) / (high - low)
    if np.abs(place - (np.arange(len(place)) + 0.5) / len(place)).max() < _EVEN:
        return Draw("uniform", (low, high))
    edges = np.quantile(values, np.linspace(0.0, 1.0, _QUANTILES))
    surplus = (edges[1:] + edges[:-1]).mean() / 2 - values.mean()
    edges[-1] = max(edges[-2], edges[-1] - 2 * (_QUANTILES - 1) * surplus)
    return Draw("quantiles", tuple(np.rint(edges).astype(np.int64).tolist()))


def _matches(
    recorded: dict[str, Ints], played: dict[str, Ints], slot_ns: int, columns: Sequence[str]
) -> tuple[Match, ...]:
    with naming_extras():
        from scipy.stats import ks_2samp
    pairs: list[tuple[str, Ints, Ints]] = []
    names = {"input_bits": "input", "cycles": "cycles", "deadline_ns": "deadline"}
    pairs.append(("waiting times", np.diff(recorded["generated_ns"]), np.diff(played["generated_ns"])))
    pairs.append(("tasks a slot", _a_slot(recorded, slot_ns), _a_slot(played, slot_ns)))
    pairs.extend((names[name], recorded[name], played[name]) for name in names if name in columns)
    matches = []
    for what, here, there in pairs:
        if min(len(here), len(there)) > 1:
            result = ks_2samp(here, there, method="asymp")
            matches.append(Match(what, float(result.statistic), float(result.pvalue)))
    return tuple(matches)


def _a_slot(columns: dict[str, Ints], slot_ns: int) -> Ints:
    return np.bincount(columns["generated_ns"] // slot_ns)


def _autocorrelation(recorded: Ints, played: Ints, slot_ns: int, slots: int) -> tuple[Correlation, ...]:
    here = np.bincount(recorded // slot_ns, minlength=slots).astype(np.float64)
    there = np.bincount(played // slot_ns, minlength=slots).astype(np.float64)
    return tuple(
        Correlation(lag, round(_at_lag(here, lag), 4), round(_at_lag(there, lag), 4)) for lag in LAGS if 4 * lag < slots
    )


def _at_lag(counts: Reals, lag: int) -> float:
    """The correlation of ``counts`` with themselves, ``lag`` later; 0 for what is constant."""
    off = counts - counts.mean()
    spread = float((off * off).sum())
    return float((off[lag:] * off[:-lag]).sum()) / spread if spread > 0.0 else 0.0


def _rank_correlation(a: Ints, b: Ints) -> float:
    with naming_extras():
        from scipy.stats import spearmanr
    return float(spearmanr(a, b).statistic)
