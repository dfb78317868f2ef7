"""The units of work, one small file each: which ones claims need, and what tells one from another (pure)."""

import json
from collections.abc import Iterable, Iterator

import msgspec

from testbed.reproduce.effort import Effort
from testbed.reproduce.studies import (
    A3C,
    A3C_DO,
    BASE,
    DQN,
    DQN_DO,
    EXPLORING,
    LC,
    LEARNERS,
    MATCHED,
    OUR_REGION,
    VARIANTS,
)

TRAIN, PLAY, COST, BOUND, LIVE = "train", "play", "cost", "bound", "live"
PRICED_DO = "priced-do"
LIVE_STRATEGIES = (LC, DQN_DO, A3C, A3C_DO)
COST_LEARNERS = (A3C_DO, DQN_DO)


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """One training with its evaluation (``train``), a heuristic's episodes and evaluation (``play``), a training alone
    in its process whose cost is measured (``cost``), a search in hindsight (``bound``), a run on processes (``live``).
    """

    kind: str
    study: str
    strategy: str
    density: float
    seed: int = 1

    @property
    def stem(self) -> str:
        """The name of its files."""
        words = f"{self.kind} {self.study} {self.strategy} {self.density:g} {self.seed}"
        return "-".join("".join(c if c.isalnum() or c == "." else " " for c in words).split())


def about(unit: Unit, effort: Effort) -> str:
    """What the unit's result depends on: one that was made by another effort is no result of this one."""
    every = {"episodes": (effort.faithful_episodes, effort.our_episodes), "evaluation": effort.evaluation_slots}
    own: dict[str, tuple[float, ...]] = {
        COST: (effort.cost_episodes,),
        BOUND: (effort.bound_slots, effort.bound_workloads, effort.bound_evaluations),
        LIVE: (effort.live_slots, effort.live_speed),
    }
    return json.dumps([msgspec.to_builtins(unit), every, own.get(unit.kind, ())])


def needed(claims: Iterable[int], effort: Effort, *, live: bool = False) -> list[Unit]:
    """The units that ``claims`` need, each once, those that others need first. ``live`` adds runs on processes."""
    units = [unit for claim in claims for unit in _of_claim(claim, effort)]
    if live:
        units += [*_trained(OUR_REGION.name, (A3C, A3C_DO, DQN_DO), effort.live_densities, effort)]
        units += [
            Unit(kind=LIVE, study=OUR_REGION.name, strategy=strategy, density=density, seed=seed)
            for density in effort.live_densities
            for strategy in LIVE_STRATEGIES
            for seed in range(1, effort.live_seeds + 1)
        ]
    order = (TRAIN, PLAY, BOUND, COST, LIVE)
    return sorted(dict.fromkeys(units), key=lambda unit: order.index(unit.kind))


def _trained(study: str, learners: Iterable[str], densities: Iterable[float], effort: Effort) -> Iterator[Unit]:
    learners = tuple(learners)
    for seed in range(1, effort.seeds + 1):
        for density in densities:
            for strategy in learners:
                yield Unit(kind=TRAIN, study=study, strategy=strategy, density=density, seed=seed)


def _played(study: str, strategy: str, densities: Iterable[float], seeds: int = 1) -> Iterator[Unit]:
    for density in densities:
        for seed in range(1, seeds + 1):
            yield Unit(kind=PLAY, study=study, strategy=strategy, density=density, seed=seed)


def _of_claim(claim: int, effort: Effort) -> Iterator[Unit]:
    """The units of one claim."""
    if claim == 1:
        for study in BASE:
            yield from _played(study.name, LC, (effort.curve_density,), effort.seeds)
            yield from _trained(study.name, LEARNERS, (effort.curve_density,), effort)
    elif claim == 2:
        for study in BASE:
            yield from _trained(study.name, (A3C_DO, A3C, DQN), effort.densities, effort)
    elif claim in (3, 4, 6):
        for study in BASE:
            yield from _played(study.name, LC, effort.densities)
            yield from _trained(study.name, LEARNERS, effort.densities, effort)
        if claim == 3:
            yield from _of_variants(effort)
    elif claim == 5:
        for study in EXPLORING:
            yield from _trained(study.name, (A3C_DO, A3C), (effort.curve_density,), effort)
    elif claim == 7:
        for strategy in COST_LEARNERS:
            for seed in range(1, effort.seeds + 1):
                yield Unit(kind=COST, study=OUR_REGION.name, strategy=strategy, density=effort.curve_density, seed=seed)
    else:
        yield from _trained(OUR_REGION.name, (A3C_DO,), effort.densities, effort)
        yield from _played(OUR_REGION.name, PRICED_DO, effort.densities)
        yield from _played(OUR_REGION.name, LC, effort.densities)
        for density in effort.densities:
            yield Unit(kind=BOUND, study=OUR_REGION.name, strategy=A3C_DO, density=density)


def _of_variants(effort: Effort) -> Iterator[Unit]:
    """What claim 3 may depend on. Without second offload neither threshold nor backhaul plays a part."""
    for study in VARIANTS:
        learners = (A3C_DO, A3C) if study.varies == MATCHED else (A3C_DO,)
        yield from _trained(study.name, learners, effort.variant_densities, effort)
    yield from _trained(OUR_REGION.name, (A3C_DO, A3C), effort.variant_densities, effort)
