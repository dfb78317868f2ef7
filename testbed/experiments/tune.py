"""Tuning of ``coin`` and ``priced`` on training seeds, which no evaluation uses: on the twin where it can."""

import itertools
import json
import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import msgspec

from testbed.experiments.virtual import fresh_twin
from testbed.model.errors import ScenarioError
from testbed.model.statistics import mean
from testbed.model.targets import chooses_target
from testbed.policy.choosing import PricedAny
from testbed.policy.heuristics import Coin, Policy, Priced
from testbed.policy.loading import DOUBLE
from testbed.record.files import keep
from testbed.scenario.schema import Scenario
from testbed.sim.simulation import simulate
from testbed.trace import inputs
from testbed.workers.item import Item
from testbed.workers.seam import in_order

FIRST_TUNING_SEED, SEEDS, DESCENTS = 1_000_000, 8, 3
MOST_SEED = (2**32 - FIRST_TUNING_SEED) // SEEDS - 1  # from 2**32 on are the worlds that networks learn in
ALMOST = 0.99
TuneProgress = Callable[[str, float], None]
Values = tuple[float, ...]
Cost = Callable[[Values], float]
Prepare = Callable[[Iterable[Values]], None]
Overheads = Callable[[Sequence[Values]], Iterable[Sequence[float]]]
TWIN_TASK_S = 2e-7  # of a core, to play a task
KINDS: dict[str, Callable[..., Policy]] = {"coin": Coin, "priced": Priced, "priced-any": PricedAny}


class Tuned(msgspec.Struct, frozen=True, kw_only=True):
    """The best values found by name, their mean ``overhead`` on the training workloads, and how many were tried."""

    policy: str
    second_offload: bool
    values: dict[str, float]
    overhead: float
    tried: int
    scenario: str
    density: float
    training_seeds: tuple[int, ...]


class Space(msgspec.Struct, frozen=True, kw_only=True):
    """What is searched: names of the values, candidates to start from in each, first and last step, bounds."""

    names: tuple[str, ...]
    starts: tuple[tuple[float, ...], ...]
    step: tuple[float, ...]
    finest: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    @property
    def usual_tries(self) -> int:
        """About how many candidates a search tries: all starts, and twice as many directions as values at each step."""
        steps = 1 + max(math.ceil(math.log2(a / b)) for a, b in zip(self.step, self.finest, strict=True))
        return math.prod(map(len, self.starts)) + DESCENTS * steps * 2 * len(self.names)


SPACES = {
    "coin": Space(names=("q",), starts=((0.25, 0.5, 0.75),), step=(0.1,), finest=(0.0125,), low=(0.0,), high=(1.0,)),
    "priced": Space(
        names=("beta", "beta0"),
        starts=((-1.0, -0.3, 0.0, 0.4, 1.0, 2.0), (-0.1, 0.0, 0.1, 0.2, 0.4, 0.7)),
        step=(0.2, 0.05),
        finest=(0.0125, 0.0025),
        low=(-2.0, -1.0),
        high=(10.0, 2.0),
    ),
    "priced-any": Space(
        names=("beta", "beta0", "away"),
        starts=((-0.3, 0.0, 0.4, 1.0), (-0.1, 0.0, 0.1, 0.2), (0.0, 0.05, 0.2)),
        step=(0.2, 0.05, 0.05),
        finest=(0.0125, 0.0025, 0.0025),
        low=(-2.0, -1.0, -1.0),
        high=(10.0, 2.0, 2.0),
    ),
}
STRATEGIES = tuple(name + suffix for name in SPACES for suffix in (("",) if chooses_target(name) else ("", DOUBLE)))


def tune(
    scenario: Scenario,
    algorithm: str,
    seed: int,
    progress: TuneProgress,
    seeds: int = SEEDS,
    executor: Executor | None = None,
) -> Tuned:
    """Search the values of ``algorithm``, one of `STRATEGIES`, for least mean overhead.

    ``progress`` hears of each candidate, and about which share (0 to 1) of all have been tried. ``seed`` selects the
    training workloads, of which empty ones are left out. A scenario with a workload trace has only that one to train
    on. With an ``executor`` each workload is a piece of work of its own, which changes nothing but the time that it
    takes. Raises `ScenarioError` if there is no task to learn from.
    """
    base = algorithm.removesuffix(DOUBLE)
    double = _is_double(algorithm)
    space = SPACES[base]
    chosen = training_seeds(seed, seeds) if not scenario.workload.trace else (scenario.seed,)
    workloads = [msgspec.structs.replace(scenario, seed=one, faults=()) for one in chosen]
    overheads = _here(workloads, algorithm) if executor is None else _elsewhere(executor, workloads, algorithm)
    known: dict[Values, float] = {}

    def prepare(candidates: Iterable[Values]) -> None:
        unknown = [values for values in dict.fromkeys(candidates) if values not in known]
        for values, each in zip(unknown, overheads(unknown), strict=True):
            known[values] = _mean_known(each)
            text = f"{_written(space, values)}: mean overhead {known[values]:.4f}"
            progress(text, min(ALMOST, len(known) / space.usual_tries))

    values = search(space, known.__getitem__, prepare)
    return Tuned(
        policy=base,
        second_offload=double,
        values=dict(zip(space.names, values, strict=True)),
        overhead=known[values],
        tried=len(known),
        scenario=scenario.name,
        density=scenario.density,
        training_seeds=chosen,
    )


def training_seeds(seed: int, count: int) -> tuple[int, ...]:
    """Seeds from 1,000,000 on; different ``seed``, up to `MOST_SEED`, give disjoint ones."""
    return tuple(FIRST_TUNING_SEED + seed * count + i for i in range(count))


def unprepared(candidates: Iterable[Values]) -> None:
    """Take the candidates that are judged next; nothing need be done for that."""


def search(space: Space, cost: Cost, prepare: Prepare = unprepared) -> Values:
    """The best that compass searches from the `DESCENTS` best of all starts find.

    ``prepare`` hears which candidates are judged next, all together.
    """
    prepare(itertools.product(*space.starts))
    starts = sorted(itertools.product(*space.starts), key=lambda values: (cost(values), values))
    ends = [_descend(space, cost, prepare, start) for start in starts[:DESCENTS]]
    return min(ends, key=lambda values: (cost(values), values))


def _descend(space: Space, cost: Cost, prepare: Prepare, best: Values) -> Values:
    """Compass search: the best neighbour at a step's distance, or, when none is better, half the step."""
    step = space.step
    while True:
        neighbours = _neighbours(space, best, step)
        prepare(neighbours)
        near = min(neighbours, key=lambda values: (cost(values), values))
        if cost(near) < cost(best):
            best = near
        elif all(width <= finest for width, finest in zip(step, space.finest, strict=True)):
            return best
        else:
            step = tuple(width / 2.0 for width in step)


def _neighbours(space: Space, at: tuple[float, ...], step: Sequence[float]) -> list[tuple[float, ...]]:
    neighbours = []
    for i, width in enumerate(step):
        for signed in (-width, width):
            moved = min(space.high[i], max(space.low[i], at[i] + signed))
            neighbours.append((*at[:i], round(moved, 9), *at[i + 1 :]))
    return neighbours


def policy_of(base: str, values: Sequence[float]) -> Policy:
    """The policy that ``values`` stand for."""
    return KINDS[base](*values)


def _is_double(algorithm: str) -> bool:
    return algorithm.endswith(DOUBLE) or chooses_target(algorithm)


def _here(workloads: Sequence[Scenario], algorithm: str) -> Overheads:
    """What tells candidates' mean overheads on each workload, one candidate after another, in this process."""
    measures = [_measure(one, algorithm, double=_is_double(algorithm)) for one in workloads]
    base = algorithm.removesuffix(DOUBLE)
    return lambda candidates: ([measure(policy_of(base, values)) for measure in measures] for values in candidates)


def _elsewhere(executor: Executor, workloads: Sequence[Scenario], algorithm: str) -> Overheads:
    """As `_here`, all candidates on a workload in one piece of work."""

    def overheads(candidates: Sequence[Values]) -> Iterable[Sequence[float]]:
        todo = [Item(partial(overheads_of, algorithm, tuple(candidates)), one) for one in workloads]
        return zip(*in_order(executor, todo if candidates else ()), strict=True)

    return overheads


def overheads_of(
    algorithm: str, candidates: Sequence[Values], scenario: Scenario, strategies: Sequence[str] = ()
) -> list[float]:
    """The mean overhead of each candidate on the workload of ``scenario``, which is kept at hand for the next ones."""
    measure = _measure_at_hand(scenario, algorithm, double=_is_double(algorithm))
    return [measure(policy_of(algorithm.removesuffix(DOUBLE), values)) for values in candidates]


def _measure(scenario: Scenario, algorithm: str, *, double: bool) -> Callable[[Policy], float]:
    """What tells a policy's mean overhead on the workload of ``scenario``; NaN if that is empty."""
    resolved = inputs.resolve(scenario)
    plan = resolved.plan(
        inputs.generate(resolved.scenario, resolved.system), algorithm, second_offload=double, live=False
    )
    try:
        twin = fresh_twin(plan)
    except ScenarioError:
        return lambda policy: simulate(plan, policy).mean_overhead

    def measure(policy: Policy) -> float:
        twin.use(policy)
        twin.reset(plan.system.seed)
        cells = twin.drain()
        finished = cells["finished"].sum()
        return float(cells["overhead"].sum() / finished) if finished else math.nan

    return measure


_measure_at_hand = lru_cache(SEEDS)(_measure)


def expected_s(scenario: Scenario, algorithm: str) -> float:
    """About how many seconds of a core a search takes on the twin, once that is compiled."""
    tries = SPACES[algorithm.removesuffix(DOUBLE)].usual_tries
    rate = sum(scenario.density * cell.density_factor * cell.ues for cell in scenario.cells)
    return rate * scenario.slots * SEEDS * tries * TWIN_TASK_S


def _mean_known(overheads: Sequence[float]) -> float:
    """The mean over workloads that are not empty. Raises `ScenarioError` if all are."""
    known = [one for one in overheads if not math.isnan(one)]
    if not known:
        which = f"none of {len(overheads)} training workloads has a task"
        raise ScenarioError(f"{which}: nothing to learn from", remedy="raise density or slots")
    return mean(known)


def _written(space: Space, values: Sequence[float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in zip(space.names, values, strict=True))


def checkpoint(tuned: Tuned) -> dict[str, Any]:
    """The JSON object that ``coin:PATH`` and ``priced:PATH`` read, with where it came from."""
    rest = msgspec.to_builtins(tuned)
    return {"policy": rest.pop("policy"), **rest.pop("values"), **rest}


def write(tuned: Tuned, folder: Path) -> Path:
    """Write the checkpoint into ``folder``, named by its strategy. Raises `StartError`."""
    path = folder / f"{tuned.policy}{DOUBLE if tuned.second_offload and not chooses_target(tuned.policy) else ''}.json"
    keep(path, f"{json.dumps(checkpoint(tuned), indent=2)}\n".encode())
    return path
