"""Learners at work on shared parameters: one update, and processes that do nothing else."""

import os
import pickle
import signal
import time
from collections.abc import Callable, Sequence
from multiprocessing import connection, get_context
from multiprocessing.context import SpawnProcess

import numpy as np
import torch

from controller.learn.learner import TrainConfig, TwinLearner, make
from controller.learn.shared import Shared
from controller.learn.signals import sheltered
from testbed.model.errors import StartError
from testbed.node.clock import die_with_parent

DEATHS, JOIN_S = 5, 10.0
Say = Callable[[str], None]


def ignore_progress(text: str) -> None:
    """Drop ``text``: what a pool says where nobody follows the training."""


def once(shared: Shared, learner: TwinLearner, number: int) -> None:
    """One update by worker ``number``, counted. The next evaluation deals with numbers that grow beyond all bounds."""
    config, before = learner.config, shared.updates
    with np.errstate(all="ignore"):
        step = learner.step(shared.params, shared.square_avg, before)
    shared.counts[number] += (1, config.num_envs * config.rollout_length, shared.updates - before)
    shared.gauges[number] = step.entropy, step.reward


class WorkerPool:
    """Learners in processes of their own; one that dies is replaced, which ``say`` is told, `DEATHS` times."""

    def __init__(self, config: TrainConfig, shared: Shared, workers: int, say: Say = ignore_progress) -> None:
        self._context = get_context("spawn")
        order = pickle.dumps(config)
        self._shared, self._say, self._deaths = shared, say, 0
        self._arguments = [(order, shared.name, len(shared.params), workers, n, os.getpid()) for n in range(workers)]
        self._processes = [self._start(n) for n in range(workers)]

    def _start(self, number: int) -> SpawnProcess:
        process = self._context.Process(target=_work, args=self._arguments[number], daemon=True)
        with sheltered():
            process.start()
        return process

    def watch(self, seconds: float) -> None:
        """Wait so long, replacing whoever dies meanwhile; `StartError` when that goes on."""
        until = time.monotonic() + seconds
        while not self._shared.stopping and (left := until - time.monotonic()) > 0:
            self._replace(connection.wait([process.sentinel for process in self._processes], left))

    def _replace(self, ready: Sequence[object]) -> list[int]:
        """Start those anew whose sentinels are ``ready``, being dead; returns their numbers."""
        if self._shared.stopping:
            return []
        dead = [n for n, process in enumerate(self._processes) if process.sentinel in ready]
        for n in dead:
            self._processes[n].join()
            self._deaths += 1
            if self._deaths > DEATHS:
                raise StartError(f"learners died {self._deaths} times, last with {self._processes[n].exitcode}")
            self._say(f"learner {n + 1} died with {self._processes[n].exitcode}: a new one takes its place")
            self._processes[n] = self._start(n)
        return dead

    def stop(self) -> None:
        """Stop all workers: those that do not end within `JOIN_S` are killed."""
        self._shared.stop()
        for process in self._processes:
            process.join(JOIN_S)
            if process.is_alive():
                process.kill()
                process.join()


def bound_to(parent: int) -> bool:
    """Let the kernel end this process as soon as its parent ends, whatever ends that; False if it has ended already."""
    die_with_parent(signal.SIGKILL)
    return os.getppid() == parent


def _work(order: bytes, name: str, size: int, workers: int, number: int, parent: int) -> None:
    """A learner's process; it ends when told to, and with its parent."""
    if not bound_to(parent):
        return
    torch.set_num_threads(1)
    shared = Shared(size, workers, name)
    learner = make(pickle.loads(order), number)
    try:
        while not shared.stopping:
            once(shared, learner, number)
    finally:
        shared.close()
