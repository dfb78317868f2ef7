"""Training on the twin: learners side by side on shared parameters, a judge beside them, checkpoints."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from controller import checkpoint
from controller.evaluate import evaluate
from controller.in_step import InStep
from controller.learner import Course, Learner, make
from controller.network import Array
from controller.shared import LAG, SLOTS, UPDATES, Shared
from controller.team import Team, once
from testbed.model.errors import UsageError
from testbed.twin.build import Source

PATIENCE, GAIN, SQUARE = 10, 0.001, 1e-4
NEEDED = ("parameters", "current", "square", "progress", "best")


class Budget(msgspec.Struct, frozen=True):
    """When training ends: after ``seconds`` of wall time, at ``updates`` (0: no such limit), or on a plateau.

    ``workers`` 1 learns in this process and is repeatable; its verdicts come every ``every_s`` or, if that is 0, every
    ``every_updates``. ``early_stop``: end when `PATIENCE` verdicts brought less than `GAIN` of improvement.
    ``synchronous``: see `controller.in_step`.
    """

    seconds: float = 60.0
    updates: int = 0
    workers: int = 1
    every_s: float = 3.0
    every_updates: int = 200
    early_stop: bool = True
    synchronous: bool = False


class Report(msgspec.Struct, frozen=True):
    """A verdict: mean ``overhead`` on validation workloads now and at ``best``, after ``seconds`` in this process.

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


class Judge:
    """Mean overhead of frozen parameters on validation workloads, and the best parameters so far."""

    def __init__(self, course: Course, source: Source, seeds: list[int]) -> None:
        self._course, self._source, self._seeds = course, source, seeds
        self.best, self.best_flat = np.inf, np.zeros(0, np.float32)
        self._stale = 0

    def verdict(self, flat: Array) -> float:
        """Evaluate a copy of ``flat`` and remember it if it is the best."""
        course, mine = self._course, flat.copy()
        found = evaluate(course.system, self._source, course.double, mine, course.actor, self._seeds)
        mean = float(found.overhead.mean())
        self._stale = 0 if mean < self.best * (1.0 - GAIN) else self._stale + 1
        if mean < self.best or not len(self.best_flat):
            self.best, self.best_flat = mean, mine
        return mean

    @property
    def plateau(self) -> bool:
        """Whether the last verdicts brought nothing."""
        return self._stale >= PATIENCE


class Trainer:
    """One training run; ``path`` is its checkpoint, with ``resume`` continued from.

    ``about`` tells where it comes from; a checkpoint made otherwise is refused with `UsageError`.
    """

    def __init__(
        self, course: Course, budget: Budget, judge: Judge, path: Path, about: dict[str, Any], resume: bool = False
    ) -> None:
        self.course, self.budget, self.judge, self.path = course, budget, judge, path
        torch.set_num_threads(1)
        if budget.synchronous and course.algorithm != "a3c":
            raise UsageError(f"{course.algorithm} does not learn synchronously", "a3c does")
        self._start = course.start
        self.about = {**about, "size": len(self._start)}
        self._resumed = self._read() if resume else {}

    def _read(self) -> dict[str, Any]:
        arrays = checkpoint.check(self.path, self.about)
        missing = [name for name in NEEDED if name not in arrays]
        if missing:
            raise UsageError(f"{self.path}: holds no {', '.join(missing)}", "resume from a checkpoint of `train`")
        return arrays

    def run(self, observe: Observer) -> str:
        """Train; returns what ended it: "time", "updates" or "plateau". Every verdict writes the checkpoint."""
        began = time.monotonic()
        self.shared = Shared(len(self._start), self.budget.workers)
        try:
            self._begin()
            for report in self._alone(began) if self.budget.workers == 1 else self._together(began):
                observe(report)
            return self._over(began)
        finally:
            self.shared.close()

    def _begin(self) -> None:
        shared, resumed = self.shared, self._resumed
        shared.flat[:], shared.square[:] = self._start, SQUARE
        if resumed:
            shared.flat[:], shared.square[:] = resumed["current"], resumed["square"]
            shared.counts[0, : LAG + 1] = resumed["progress"]
            self.judge.best, self.judge.best_flat = float(resumed["best"]), resumed["parameters"]
        self._before = shared.updates

    def _over(self, began: float) -> str:
        budget = self.budget
        if budget.updates and self.shared.updates >= budget.updates:
            return "updates"
        if budget.seconds and time.monotonic() - began >= budget.seconds:
            return "time"
        return "plateau" if budget.early_stop and self.judge.plateau else ""

    def _alone(self, began: float) -> Iterator[Report]:
        learner, shared, budget = make(self.course), self.shared, self.budget
        if "rng" in self._resumed:
            learner.load(self._resumed)
        last, judged = time.monotonic(), -1
        while not self._over(began):
            once(shared, learner, 0)
            by_count = budget.every_s == 0 and shared.updates % budget.every_updates == 0
            if by_count or (budget.every_s and time.monotonic() - last >= budget.every_s):
                yield self._judged(began, learner)
                last, judged = time.monotonic(), shared.updates
        if judged != shared.updates:
            yield self._judged(began, learner)

    def _together(self, began: float) -> Iterator[Report]:
        course, shared, budget = self.course, self.shared, self.budget
        kind = partial(InStep, updates=budget.updates) if budget.synchronous else Team
        team = kind(course, shared, budget.workers)
        try:
            judged = -1
            while not self._over(began):
                team.watch(self._until_verdict(began))
                if judged != self.shared.updates:
                    judged = self.shared.updates
                    yield self._judged(began, None)
        finally:
            team.stop()
        yield self._judged(began, None)

    def _until_verdict(self, began: float) -> float:
        budget, every_s = self.budget, self.budget.every_s or Budget().every_s
        left = began + budget.seconds - time.monotonic() if budget.seconds else every_s
        return max(0.0, min(every_s, left))

    def _judged(self, began: float, learner: Learner | None) -> Report:
        shared = self.shared
        overhead = self.judge.verdict(shared.flat)
        seconds = time.monotonic() - began
        progress, (entropy, reward) = shared.counts.sum(axis=0), shared.gauges.mean(axis=0)
        arrays = {
            "parameters": self.judge.best_flat, "current": shared.flat.copy(), "square": shared.square.copy(),
            "progress": progress, "best": np.array(self.judge.best), **(learner.arrays() if learner else {}),
        }  # fmt: skip
        checkpoint.save(self.path, arrays, self.about)
        updates = int(progress[UPDATES])
        return Report(
            seconds, updates, (updates - self._before) / max(seconds, 1e-9), float(progress[LAG] / max(1, updates)),
            int(progress[SLOTS]), overhead, self.judge.best, float(entropy), float(reward),
        )  # fmt: skip
