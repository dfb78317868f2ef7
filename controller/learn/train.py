"""Training on the twin: learners side by side on shared parameters, an evaluator beside them, checkpoints."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from controller.learn.evaluate import evaluate
from controller.learn.learner import TrainConfig, TwinLearner, make
from controller.learn.optimiser import INITIAL_SQUARE_AVG
from controller.learn.resume import damaged, resumed
from controller.learn.shared import LAG, SLOT_COUNT, UPDATES, Shared
from controller.learn.synchronous import SynchronousPool
from controller.learn.worker_pool import Say, WorkerPool, ignore_progress, once
from testbed.model.errors import InvalidError, UsageError
from testbed.model.system import System
from testbed.model.task import INTERRUPTED
from testbed.policy import checkpoint
from testbed.policy.network import Array
from testbed.twin.build import Source

_PATIENCE, _GAIN, _LOOK_S = 10, 0.001, 0.1
OUT_OF_TIME, DIVERGED = "time", "diverged"


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """When training ends: after ``seconds`` of wall time, at ``updates`` (0: no such limit), or on a plateau.

    ``workers`` 1 learns in this process and is repeatable; it is evaluated every ``every_s`` or, if that is 0, every
    ``every_updates``. ``early_stop``: end when `_PATIENCE` evaluations brought less than `_GAIN` of improvement.
    ``synchronous``: see `controller.learn.synchronous`. Asynchronous workers may each make one more than ``updates``.
    """

    seconds: float = 60.0
    updates: int = 0
    workers: int = 1
    every_s: float = 3.0
    every_updates: int = 200
    early_stop: bool = True
    synchronous: bool = False


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """An evaluation: mean ``overhead`` on validation workloads now and at ``best``, after ``seconds`` in this process.

    ``rate`` is updates a second, ``lag`` how many updates of others an update came after reading parameters (mean),
    ``slots`` world slots played; ``entropy`` (nats a decision) and ``reward`` (a slot) are of the last rollouts.
    """

    seconds: float
    updates: int
    rate: float
    lag: float
    slots: int
    overhead: float
    best: float
    entropy: float
    reward: float


Observer = Callable[[Report], None]


class Evaluator:
    """Mean overhead of frozen parameters on validation workloads, and the best parameters so far."""

    def __init__(self, config: TrainConfig, source: Source, seeds: list[int]) -> None:
        self._config, self._source, self._seeds = config, source, seeds
        self.best, self.best_params = np.inf, np.zeros(0, np.float32)
        self._stale = 0

    def compile(self, params: Array) -> None:
        """Have compiled what an evaluation needs."""
        self.judge(params)

    def judge(self, params: Array) -> float:
        """What ``params`` (P,) come to: the less, the better; infinity if no workload has a task."""
        return self.overhead(self._config.system, self._source, params)

    def overhead(self, system: System, source: Source, params: Array) -> float:
        """The mean overhead of ``params`` (P,) on the workloads that ``system`` has from ``source``."""
        config = self._config
        with np.errstate(all="ignore"):  # see `controller.learn.worker_pool.once`
            score = evaluate(system, source, double=config.double, params=params, actor=config.actor, seeds=self._seeds)
        known = score.overhead[~np.isnan(score.overhead)]
        return float(known.mean()) if len(known) else np.inf

    def evaluate(self, params: Array) -> float:
        """Evaluate a copy of ``params`` and remember it if it is the best."""
        evaluated = params.copy()
        mean = self.judge(evaluated)
        self._stale = 0 if mean < self.best * (1.0 - _GAIN) else self._stale + 1
        if mean < self.best or not len(self.best_params):
            self.best, self.best_params = mean, evaluated
        return mean

    @property
    def plateau(self) -> bool:
        """Whether the last evaluations brought nothing."""
        return self._stale >= _PATIENCE


class Trainer:
    """One training run; ``path`` is its checkpoint, with ``resume`` continued from.

    ``about`` tells where it comes from; a checkpoint made otherwise, or damaged, is refused with `UsageError`.
    It begins from the parameters ``start`` (P,), or from fresh ones. ``header`` is what the resumed one says. A new
    training keeps the checkpoint before it, see `checkpoint.old`.
    """

    def __init__(
        self,
        config: TrainConfig,
        budget: Budget,
        evaluator: Evaluator,
        path: Path,
        about: dict[str, object],
        *,
        resume: bool = False,
        start: Array | None = None,
    ) -> None:
        self.config, self.budget, self.evaluator, self.path = config, budget, evaluator, path
        torch.set_num_threads(1)
        if budget.synchronous and config.algorithm != "a3c":
            raise UsageError(f"{config.algorithm} does not learn synchronously", "a3c does")
        if config.average and budget.workers > 1:
            raise UsageError(f"--option average: {budget.workers} workers are not averaged", "leave out --workers")
        self._start = config.start if start is None else start
        self._began, self._stopped, self._diverged, self._kept = time.monotonic(), False, False, resume
        self.about = {**about, "size": len(self._start), "synchronous": budget.synchronous}
        self._resumed, self.header = resumed(path, self.about, self._start) if resume else ({}, {})
        self._learner = self._recalled() if "rng" in self._resumed and budget.workers == 1 else None

    def _recalled(self) -> TwinLearner:
        learner = make(self.config)
        try:
            learner.load(self._resumed)
        except InvalidError as error:
            raise damaged(self.path, error) from None
        return learner

    def run(self, observe: Observer, say: Say = ignore_progress) -> str:
        """Train; returns what ended it: "time", "updates", "plateau", "interrupted" or "diverged", when parameters are
        no finite numbers any more. Every other evaluation writes the checkpoint. Time counts from when everything is
        compiled and all workers are at work. ``say`` hears of what is kept, and of workers that die.
        """
        self._say = say
        self.shared = Shared(len(self._start), self.budget.workers)
        try:
            self._begin()
            for report in self._alone() if self.budget.workers == 1 else self._together():
                observe(report)
            return self._over()
        finally:
            self.shared.close()

    def stop(self) -> None:
        """End at the next occasion, with a last evaluation."""
        self._stopped = True

    def _begin(self) -> None:
        shared, resumed = self.shared, self._resumed
        make(self.config).step(self._start.copy(), np.full_like(self._start, INITIAL_SQUARE_AVG), 0)
        self.evaluator.compile(self._start)
        self._began = time.monotonic()
        shared.params[:], shared.square_avg[:], shared.limit = self._start, INITIAL_SQUARE_AVG, self.budget.updates
        if resumed:
            shared.params[:], shared.square_avg[:] = resumed["current"], resumed["square"]
            shared.counts[0, : LAG + 1] = resumed["progress"]
            self.evaluator.best, self.evaluator.best_params = (
                float(resumed["best"]),
                np.asarray(resumed["parameters"], np.float32),
            )
        self._before = shared.updates
        self._averaged = np.asarray(resumed.get("averaged", shared.params), np.float32).copy()

    def _over(self) -> str:
        budget = self.budget
        if self._diverged:
            return DIVERGED
        if self._stopped:
            return INTERRUPTED
        if budget.updates and self.shared.updates >= budget.updates:
            return "updates"
        if budget.seconds and time.monotonic() - self._began >= budget.seconds:
            return OUT_OF_TIME
        return "plateau" if budget.early_stop and self.evaluator.plateau else ""

    def _alone(self) -> Iterator[Report]:
        learner, shared, budget = self._learner or make(self.config), self.shared, self.budget
        last, evaluated_at = time.monotonic(), -1
        while not self._over():
            once(shared, learner, 0)
            self._average()
            by_count = budget.every_s == 0 and shared.updates % budget.every_updates == 0
            if by_count or (budget.every_s and time.monotonic() - last >= budget.every_s):
                yield from self._evaluation(learner)
                last, evaluated_at = time.monotonic(), shared.updates
        if evaluated_at != shared.updates:
            yield from self._evaluation(learner)

    def _average(self) -> None:
        if not self.config.average:
            return
        with np.errstate(all="ignore"):  # see `controller.learn.worker_pool.once`
            self._averaged += np.float32(1.0 - self.config.average) * (self.shared.params - self._averaged)

    def _together(self) -> Iterator[Report]:
        config, shared, budget = self.config, self.shared, self.budget
        pool = (SynchronousPool if budget.synchronous else WorkerPool)(config, shared, budget.workers, self._say)
        try:
            while not (self._stopped or shared.stopping or shared.counts[:, SLOT_COUNT].all()):
                pool.watch(_LOOK_S)
            self._began, evaluated_at = time.monotonic(), -1
            while not self._over():
                pool.watch(self._until_evaluation())
                if evaluated_at != self.shared.updates:
                    evaluated_at = self.shared.updates
                    yield from self._evaluation(None)
        finally:
            pool.stop()
        yield from self._evaluation(None)

    def _until_evaluation(self) -> float:
        budget, every_s = self.budget, self.budget.every_s or Budget().every_s
        left = self._began + budget.seconds - time.monotonic() if budget.seconds else every_s
        return max(0.0, min(every_s, left))

    def _evaluation(self, learner: TwinLearner | None) -> Iterator[Report]:
        """An evaluation on the present parameters, and the checkpoint; none before the first update, nor on what is no
        number.
        """
        shared, params, square_avg = self.shared, self.shared.params.copy(), self.shared.square_avg.copy()
        if not shared.updates:
            return
        if not (np.isfinite(params).all() and np.isfinite(square_avg).all()):
            self._diverged = True
            return
        overhead = self.evaluator.evaluate(self._averaged if self.config.average else params)
        seconds = time.monotonic() - self._began
        progress, (entropy, reward) = shared.counts.sum(axis=0), shared.gauges.mean(axis=0)
        arrays = {
            "parameters": self.evaluator.best_params,
            "current": params,
            "square": square_avg,
            "progress": progress,
            "best": np.array(self.evaluator.best),
            **({"averaged": self._averaged} if self.config.average else {}),
            **(learner.arrays() if learner else {}),
        }
        self._save(arrays)
        updates = int(progress[UPDATES])
        yield Report(
            seconds=seconds,
            updates=updates,
            rate=(updates - self._before) / max(seconds, 1e-9),
            lag=float(progress[LAG] / max(1, updates)),
            slots=int(progress[SLOT_COUNT]),
            overhead=overhead,
            best=self.evaluator.best,
            entropy=float(entropy),
            reward=float(reward),
        )

    def _save(self, arrays: dict[str, NDArray[np.generic]]) -> None:
        if not self._kept and checkpoint.keep_old(self.path):
            self._say(f"{self.path} was there: kept as {checkpoint.old(self.path).name} (--resume would have gone on)")
        self._kept = True
        checkpoint.save(self.path, arrays, self.about)
