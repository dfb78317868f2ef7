"""The units of a reproduction, carried out on all cores; results are kept as they come."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import groupby
from pathlib import Path

from testbed.model.errors import StartError
from testbed.node.clock import die_with_parent
from testbed.reproduce import store, work
from testbed.reproduce.effort import Effort
from testbed.reproduce.studies import DQN, FAITHFUL, STUDIES, episodes_of
from testbed.reproduce.units import BOUND, COST, LIVE, TRAIN, Unit

WAIT_S = 0.2
ALONE = (COST, LIVE)
# milliseconds of one core, measured on a 2-core virtual machine: they weigh units for the time that is left
EPISODE_MS = {(FAITHFUL, False): 2.3, (FAITHFUL, True): 1.8, ("ours", False): 1.9, ("ours", True): 3.2}
EVALUATED_SLOT_MS, PLAYED_EPISODE_MS, EVALUATION_MS, TUNING_MS = 0.1, 0.2, 0.02, 300.0
Told = Callable[[str, float], None]
Stopped = Callable[[], bool]


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
    units: Sequence[Unit], effort: Effort, folder: Path, workers: int, observe: Told, stopped: Stopped
) -> bool:
    """Carry out ``units``, kind by kind in their order, in ``workers`` processes; returns whether all are done.

    Measurements of cost and runs on processes have the host for themselves. ``observe`` hears what is done and which
    share of all work that is; when ``stopped`` says so, processes end and what they had begun is left out. Raises
    `TestbedError` of a unit, and `StartError` if a process dies.
    """
    whole = sum(weight(unit, effort) for unit in units)
    over = 0.0
    for kind, together in groupby(units, key=lambda unit: unit.kind):
        of_kind = list(together)
        for unit in _done(of_kind, effort, folder, 1 if kind in ALONE else workers, stopped):
            over += weight(unit, effort)
            observe(
                f"{unit.kind} {unit.strategy}, {unit.study}, density {unit.density:g}, seed {unit.seed}", over / whole
            )
        if stopped():
            return False
    return True


def _done(units: Sequence[Unit], effort: Effort, folder: Path, workers: int, stopped: Stopped) -> Iterator[Unit]:
    """Each unit when its result is kept; of each seed, the longest begin first."""
    kind = units[0].kind
    if kind == LIVE:  # a run starts processes of its own, and hears interrupts itself
        for unit in units:
            if stopped():
                return
            store.write(folder, unit, effort, work.carry_out(unit, effort, folder))
            yield unit
        return
    context, before = multiprocessing.get_context("spawn"), multiprocessing.active_children()
    pool = ProcessPoolExecutor(
        workers, context, _begin, (os.getpid(),), max_tasks_per_child=1 if kind == COST else None
    )
    order = sorted(units, key=lambda unit: (unit.seed, -weight(unit, effort)))
    futures: dict[Future[work.Document], Unit] = {}
    try:
        for unit in order:
            futures[pool.submit(work.carry_out, unit, effort, folder)] = unit
        waiting = set(futures)
        while waiting and not stopped():
            ended, waiting = wait(waiting, WAIT_S, FIRST_COMPLETED)
            for future in ended:
                store.write(folder, futures[future], effort, future.result())
                yield futures[future]
    except BrokenProcessPool:
        raise StartError("a process of the reproduction died", "is memory short? start it again: it goes on") from None
    finally:
        started = [process for process in multiprocessing.active_children() if process not in before]
        pool.shutdown(wait=False, cancel_futures=True)
        for process in started:
            process.terminate()
            process.join()


def _begin(parent: int) -> None:
    """A worker: it ends with its parent, which alone hears interrupts from the keyboard."""
    die_with_parent(signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if os.getppid() != parent:
        os._exit(1)
