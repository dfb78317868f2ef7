"""The units of a reproduction, carried out on all cores or at a cluster; results are kept as they come."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from functools import partial
from itertools import groupby
from pathlib import Path

from testbed.record.files import keep
from testbed.reproduce import store, work
from testbed.reproduce.effort import Effort
from testbed.reproduce.studies import DQN, FAITHFUL, STUDIES, episodes_of
from testbed.reproduce.units import BOUND, COST, LIVE, TRAIN, Unit
from testbed.workers import local
from testbed.workers.opened import opened
from testbed.workers.seam import Stopped, as_done

# milliseconds of one core, measured on a 2-core virtual machine: they weigh units for the time that is left
EPISODE_MS = {(FAITHFUL, False): 2.3, (FAITHFUL, True): 1.8, ("ours", False): 1.9, ("ours", True): 3.2}
EVALUATED_SLOT_MS, PLAYED_EPISODE_MS, EVALUATION_MS, TUNING_MS = 0.1, 0.2, 0.02, 300.0
Told = Callable[[str, float], None]


def weight(unit: Unit, effort: Effort) -> float:
    """About how many seconds of a core a unit takes."""
    study, values = STUDIES[unit.study], unit.strategy.startswith(DQN)
    episode_ms = EPISODE_MS[study.config, values]
    if unit.kind == TRAIN:
        return (episodes_of(study, effort) * episode_ms + effort.evaluation_slots * EVALUATED_SLOT_MS) / 1e3
    if unit.kind == COST:
        return 4.0 + effort.cost_episodes * episode_ms / 1e3
    if unit.kind == BOUND:
        return effort.bound_workloads * (2.0 + effort.bound_evaluations * EVALUATION_MS / 1e3)
    if unit.kind == LIVE:
        return 6.0 + effort.live_slots / effort.live_speed
    return (episodes_of(study, effort) * PLAYED_EPISODE_MS + TUNING_MS) / 1e3


def missing(units: Sequence[Unit], effort: Effort, folder: Path) -> list[Unit]:
    """Those of ``units`` that have no result yet."""
    return [unit for unit in units if store.read(folder, unit, effort) is None]


def carry_out(
    units: Sequence[Unit],
    effort: Effort,
    folder: Path,
    workers: int,
    observe: Told,
    stopped: Stopped,
    cluster: str | None = None,
) -> bool:
    """Carry out ``units``, kind by kind in their order, by ``workers`` processes or at a cluster; whether all are done.

    Measurements of cost and runs on processes have this host for themselves. ``observe`` hears what is done and which
    share of all work that is; when ``stopped`` says so, processes end and what they had begun is left out. Raises
    `TestbedError` of a unit, and `LostError` if processes die of it again and again.
    """
    whole = sum(weight(unit, effort) for unit in units)
    over = 0.0
    for kind, together in groupby(units, key=lambda unit: unit.kind):
        of_kind = list(together)
        with _executor(kind, workers, cluster) as executor:
            for unit in _done(of_kind, effort, folder, executor, stopped):
                over += weight(unit, effort)
                observe(
                    f"{unit.kind} {unit.strategy}, {unit.study}, density {unit.density:g}, seed {unit.seed}",
                    over / whole,
                )
        if stopped():
            return False
    return True


@contextlib.contextmanager
def _executor(kind: str, workers: int, cluster: str | None) -> Iterator[Executor | None]:
    """Who carries out units of ``kind``; None for this process."""
    if kind == LIVE:
        yield None
    elif kind == COST:
        with local.processes(1, fresh=True) as alone:
            yield alone
    elif cluster is None:
        with local.processes(workers) as here:
            yield here
    else:
        with opened(workers, cluster) as there:
            yield there


def _done(
    units: Sequence[Unit], effort: Effort, folder: Path, executor: Executor | None, stopped: Stopped
) -> Iterator[Unit]:
    """Each unit when its result is kept; of each seed, the longest begin first."""
    if executor is None:  # a run starts processes of its own, and hears interrupts itself
        for unit in units:
            if stopped():
                return
            store.write(folder, unit, effort, work.carry_out(unit, effort, folder))
            yield unit
        return
    order = sorted(units, key=lambda unit: (unit.seed, -weight(unit, effort)))
    todo = [partial(work.carry_out_apart, unit, effort, work.needed_by(unit, folder)) for unit in order]
    for number, (document, files) in as_done(executor, todo, stopped):
        for name, content in files.items():
            keep(folder / name, content)
        store.write(folder, order[number], effort, document)
        yield order[number]
