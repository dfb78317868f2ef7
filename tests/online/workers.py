"""Workers of a run on the simulation's clock: they hear what real ones would, and the policy follows their copies."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from controller.learn.shared import UPDATES, SharedArrays, block_bytes
from controller.online.behaviour_policy import BehaviourPolicy
from controller.online.learner import learner_of
from controller.online.online_learner import Done
from testbed.model.learning import LEARNER, LearningPlan
from testbed.model.system import Plan
from testbed.policy.learned import Learned
from testbed.sim.simulation import Simulation


class Worker:
    """One worker without a process: what it publishes is its ``copy`` and the ``version`` of that."""

    def __init__(self, plan: Plan, number: int, shared: SharedArrays) -> None:
        self.number, self.shared = number, shared
        self.learner = learner_of(plan, number, seed=number + 1)
        self.done: list[Done] = []
        self.copies: list[tuple[int, NDArray[np.float32]]] = []
        self._renew()

    def _renew(self):
        self.version, self.copy = self.shared.updates, self.shared.params.copy()
        self.copies.append((self.version, self.copy))
        self.learner.decide_by(self.copy, self.version)

    def hear(self, message):
        self.learner.take(message)
        if self.learner.renews:
            self._renew()

    def learn(self):
        while self.learner.busy:
            self.done.append(self.learner.update(self.shared.params, self.shared.square_avg, self.shared.updates))
            self.shared.counts[self.number, UPDATES] += 1
            if self.learner.renews:
                self._renew()


class Workers:
    """All workers of ``plan``, on shared parameters that begin as ``params``; the name is whom messages are for."""

    name = LEARNER

    def __init__(self, plan: Plan, params) -> None:
        count = plan.learning.workers
        memory = memoryview(bytearray(block_bytes(len(params), count)))
        self.shared = SharedArrays(memory, len(params), count)
        self.shared.params[:], self.shared.square_avg[:] = params, 1e-4
        self.workers = [Worker(plan, number, self.shared) for number in range(count)]
        self._of = [self.workers[plan.learning.worker_of(cell)] for cell in range(len(plan.system.edge_servers))]
        self.heard: list[object] = []

    def begin(self):
        return []

    def handle(self, now_ns, event):
        self.heard.append(event)
        for worker in self.workers:
            worker.hear(event)
            worker.learn()
        return []

    def source(self, cell):
        return lambda: (self._of[cell].copy, self._of[cell].version)


class LearningRun(Simulation):
    """A simulation in which workers learn while it goes on."""

    def __init__(self, plan: Plan, params, *, double: bool = True) -> None:
        self.workers = Workers(plan, params)
        cells = range(len(plan.system.edge_servers))
        learned = Learned(np.array(params), double=double, explore=True)
        super().__init__(plan, BehaviourPolicy(learned, [self.workers.source(cell) for cell in cells]))
        self._incarnation[LEARNER] = 0

    def _make(self, name, incarnation, from_ns):
        return self.workers if name == LEARNER else super()._make(name, incarnation, from_ns)


def learning(plan: Plan, **how) -> Plan:
    """``plan``, to learn so."""
    return msgspec.structs.replace(plan, learn=True, learning=LearningPlan(**how))
