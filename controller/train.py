"""Training on the twin: learners side by side on shared parameters, a judge beside them, checkpoints."""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from controller import checkpoint, dqn, network
from controller.collect import evaluate
from controller.learner import Course, Learner, make
from controller.network import Array
from controller.shared import SLOTS, STOP, UPDATES, Shared
from testbed.twin.build import Source

INITIAL = {"a3c": network.initial, "dqn": dqn.initial}
PATIENCE, GAIN = 6, 0.001


class Budget(msgspec.Struct, frozen=True):
    """When training ends: after ``seconds`` of wall time or ``updates``, or on a plateau of the judge's verdicts.

    ``workers`` 1 learns in this process and is repeatable; ``every_s`` is the time between verdicts (0: by updates).
    """

    seconds: float = 60.0
    updates: int = 0
    workers: int = 1
    every_s: float = 6.0
    every_updates: int = 200
    early_stop: bool = True


class Report(msgspec.Struct, frozen=True):
    """Progress: seconds, updates, updates/s, world slots, mean overhead on validation seeds now and at best."""

    seconds: float
    updates: int
    rate: float
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
        mean = float(evaluate(course.system, self._source, course.double, mine, course.actor, self._seeds).mean())
        self._stale = 0 if mean < self.best * (1.0 - GAIN) else self._stale + 1
        if mean < self.best or not len(self.best_flat):
            self.best, self.best_flat = mean, mine
        return mean

    @property
    def plateau(self) -> bool:
        """Whether the last verdicts brought nothing."""
        return self._stale >= PATIENCE


class Trainer:
    """One training run; ``path`` is its checkpoint, resumed from when it exists and ``resume`` is set."""

    def __init__(
        self, course: Course, budget: Budget, judge: Judge, path: Path, about: dict[str, Any], resume: bool = False
    ) -> None:
        self.course, self.budget, self.judge, self.path, self.about = course, budget, judge, path, about
        torch.set_num_threads(1)
        start = INITIAL[course.algorithm](course.seed)
        self.shared = Shared(len(start))
        self.shared.flat[:], self.shared.square[:] = start, 1e-4
        self._resumed = checkpoint.read(path)[0] if resume and path.exists() else {}
        if self._resumed:
            checkpoint.check(path, about)
            self.shared.flat[:] = self._resumed["current"]
            self.shared.square[:] = self._resumed["square"]
            self.shared.counters[:2] = self._resumed["progress"]
            judge.best, judge.best_flat = float(self._resumed["best"]), self._resumed["parameters"]

    def run(self, observe: Observer) -> float:
        """Train; returns the best validation overhead. The checkpoint is written at every verdict."""
        try:
            reports = self._alone() if self.budget.workers == 1 else self._together()
            for report in reports:
                observe(report)
            return self.judge.best
        finally:
            self.shared.close()

    def _over(self, began: float) -> bool:
        budget, updates = self.budget, int(self.shared.counters[UPDATES])
        if budget.updates and updates >= budget.updates:
            return True
        if budget.seconds and time.monotonic() - began >= budget.seconds:
            return True
        return budget.early_stop and self.judge.plateau

    def _alone(self) -> Iterator[Report]:
        learner = make(self.course)
        if self._resumed:
            learner.load(self._resumed)
        shared, began, last, step = self.shared, time.monotonic(), time.monotonic(), None
        while not self._over(began):
            step = learner.step(shared.flat, shared.square, int(shared.counters[UPDATES]))
            shared.counters[UPDATES] += 1
            shared.counters[SLOTS] += self.course.worlds * self.course.slots
            by_count = self.budget.every_s == 0 and shared.counters[UPDATES] % self.budget.every_updates == 0
            if by_count or (self.budget.every_s and time.monotonic() - last >= self.budget.every_s):
                yield self._judged(began, step.entropy, step.reward, learner)
                last = time.monotonic()
        yield self._judged(began, step.entropy if step else 0.0, step.reward if step else 0.0, learner)

    def _together(self) -> Iterator[Report]:
        context = multiprocessing.get_context("spawn")
        order = msgspec.msgpack.encode(self.course)
        arguments = [(order, self.shared.name, len(self.shared.flat), n) for n in range(self.budget.workers)]
        workers = [context.Process(target=_work, args=each, daemon=True) for each in arguments]
        for worker in workers:
            worker.start()
        began = time.monotonic()
        try:
            while not self._over(began):
                for n, worker in enumerate(workers):
                    worker.join(self.budget.every_s / len(workers))
                    if not worker.is_alive():
                        workers[n] = context.Process(target=_work, args=arguments[n], daemon=True)
                        workers[n].start()
                yield self._judged(began, 0.0, 0.0, None)
            yield self._judged(began, 0.0, 0.0, None)
        finally:
            self.shared.counters[STOP] = 1
            for worker in workers:
                worker.join(10)
                if worker.is_alive():
                    worker.kill()
                    worker.join()

    def _judged(self, began: float, entropy: float, reward: float, learner: Learner | None) -> Report:
        shared = self.shared
        overhead = self.judge.verdict(shared.flat)
        seconds = time.monotonic() - began
        progress = shared.counters[:2].copy()
        arrays = {
            "parameters": self.judge.best_flat, "current": shared.flat.copy(), "square": shared.square.copy(),
            "progress": progress, "best": np.array(self.judge.best), **(learner.arrays() if learner else {}),
        }  # fmt: skip
        checkpoint.save(self.path, arrays, self.about)
        updates = int(progress[UPDATES])
        return Report(
            seconds,
            updates,
            updates / max(seconds, 1e-9),
            int(progress[SLOTS]),
            overhead,
            self.judge.best,
            entropy,
            reward,
        )


def _work(order: bytes, name: str, size: int, number: int) -> None:
    """A learner's process."""
    torch.set_num_threads(1)
    course = msgspec.msgpack.decode(order, type=Course)
    shared = Shared(size, name)
    learner = make(course, number)
    try:
        while not shared.counters[STOP]:
            learner.step(shared.flat, shared.square, int(shared.counters[UPDATES]))
            shared.counters[UPDATES] += 1
            shared.counters[SLOTS] += course.worlds * course.slots
    finally:
        shared.close()
