"""Synchronous learning (A2C, the synchronous form of A3C): the gradients of all workers at the same parameters are
averaged into one step. Everybody waits for the slowest; in return no gradient is stale, and it can be repeated.
"""

import pickle
import time
from collections.abc import Iterable
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

import numpy as np
import torch

from controller.learn.learner import A3cLearner, TrainConfig
from controller.learn.optimiser import rmsprop
from controller.learn.shared import SLOT_COUNT, UPDATES, Shared
from controller.learn.signals import sheltered
from controller.learn.worker_pool import Say, WorkerPool, bound_to, ignore_progress
from testbed.policy.network import Array


class SynchronousPool(WorkerPool):
    """Workers that answer, each through a pipe, with a gradient."""

    def __init__(self, config: TrainConfig, shared: Shared, workers: int, say: Say = ignore_progress) -> None:
        self._config = config
        self._pipes: dict[int, Connection] = {}
        self._asked: set[int] = set()
        self._grads: dict[int, Array] = {}
        super().__init__(config, shared, workers, say)

    def _start(self, number: int) -> SpawnProcess:
        self._pipes[number], theirs = self._context.Pipe()
        process = self._context.Process(target=_work, args=(*self._arguments[number], theirs), daemon=True)
        with sheltered():
            process.start()
        theirs.close()
        return process

    def watch(self, seconds: float) -> None:
        """Learn so long; whoever dies is replaced and asked again. See `WorkerPool.watch`."""
        until = time.monotonic() + seconds
        while not self._shared.stopping and (left := until - time.monotonic()) > 0:
            if not self._asked:
                self._ask(self._pipes)
            sentinels = [process.sentinel for process in self._processes]
            ready = connection.wait([*sentinels, *(self._pipes[n] for n in self._asked)], left)
            self._ask(self._replace(ready))
            for n in sorted(self._asked):
                if self._pipes[n] in ready:
                    self._take(n)
            if not self._asked:
                self._step()

    def _ask(self, numbers: Iterable[int]) -> None:
        for n in numbers:
            self._asked.add(n)
            try:
                self._pipes[n].send_bytes(b"?")
            except OSError:
                continue  # it died: its sentinel will tell

    def _take(self, n: int) -> None:
        try:
            answer = np.frombuffer(self._pipes[n].recv_bytes(), np.float32)
        except (EOFError, OSError):
            return  # as above
        self._asked.remove(n)
        self._grads[n], self._shared.gauges[n] = answer[:-2], answer[-2:]
        self._shared.counts[n, SLOT_COUNT] += self._config.num_envs * self._config.rollout_length

    def _step(self) -> None:
        """One step by the mean gradient, added up in the order of workers."""
        shared = self._shared
        grad: Array = np.array([self._grads[n] for n in sorted(self._grads)]).mean(axis=0)
        with np.errstate(all="ignore"):  # see `controller.learn.worker_pool.once`
            rmsprop(shared.params, shared.square_avg, grad, self._config.learning_rate_at(shared.updates))
        shared.counts[0, UPDATES] += 1

    def stop(self) -> None:
        """Stop all workers: each ends when its pipe is closed."""
        for pipe in self._pipes.values():
            pipe.close()
        super().stop()


def _work(order: bytes, name: str, size: int, workers: int, number: int, parent: int, pipe: Connection) -> None:
    """A worker's process: a gradient whenever it is asked for one, until nobody can ask any more."""
    if not bound_to(parent):
        return
    torch.set_num_threads(1)
    shared = Shared(size, workers, name)
    learner = A3cLearner(pickle.loads(order), number)
    try:
        while pipe.recv_bytes():
            with np.errstate(all="ignore"):
                grad, step = learner.grad(shared.params.copy(), shared.updates)
            pipe.send_bytes(np.append(grad, np.array([step.entropy, step.reward], np.float32)).tobytes())
    except (EOFError, OSError):
        pass
    finally:
        shared.close()
