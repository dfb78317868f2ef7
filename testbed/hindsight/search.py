"""The best decisions that a search finds in hindsight: simulated annealing, each change tried by the twin.

"Best found" is what it is called: nothing says that it is the optimum. Every draw is keyed, so the same seed finds the
same; it can be stopped at any time and has its best so far. (Kirkpatrick, Gelatt and Vecchi, Science 220, 1983.)
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from testbed.experiments.virtual import fresh_twin
from testbed.hindsight import resimulation
from testbed.hindsight.placements import decision_points
from testbed.model import human, random
from testbed.model.errors import UsageError
from testbed.model.system import Plan
from testbed.twin import build, state
from testbed.twin.twin import Twin

HOT, COLD = 0.3, 0.015
SEARCH_BATCH = 2_000
MOST_BYTES = 2_000_000_000
Decisions = NDArray[np.int8]


class Exact:
    """The twin as the judge of decisions (slots + 1, UEs), actions of its system, on the workload of ``plan``."""

    def __init__(self, plan: Plan) -> None:
        if not plan.workload:
            raise UsageError("there are no tasks to decide", "raise slots or density")
        self.plan = plan
        self._twin = fresh_twin(plan)

    def overhead(self, decisions: Decisions) -> float:
        """Mean overhead of all tasks."""
        self._twin.use(None)
        self._twin.reset(self.plan.system.seed)
        cells = self._twin.drain(decisions[None])
        return float(cells["overhead"].sum() / len(self.plan.workload))

    def most_inside(self, decisions: Decisions) -> int:
        """The most tasks that are in the system at a slot's start."""
        twin, most = self._twin, 0
        twin.use(None)
        twin.reset(self.plan.system.seed)
        for row in decisions:
            most = max(most, int(twin.inside[0]))
            twin.step(row[None])
        return max(most, int(twin.inside[0]))


class Chain:
    """One annealing from ``start`` for ``length`` changes in all; ``best`` decisions, ``overhead`` their mean."""

    def __init__(self, exact: Exact, start: Decisions, seed: int, length: int) -> None:
        plan = exact.plan
        system = plan.system
        slots, tasks = system.slots, len(plan.workload)
        room = min(tasks, 2 * exact.most_inside(start) + 4 * len(system.ues))
        _fits(slots + 2, room, len(system.ues))
        twin = Twin(system, build.table(system, plan.workload), slots + 2, double=plan.second_offload, capacity=room)
        twin.use(None)
        twin.reset(system.seed)
        worlds = twin.state
        views = {name: getattr(worlds, name).view(np.int32).reshape(slots + 2, -1) for name in resimulation.KEPT}
        tasks_of = views.pop("tasks")
        self._given, self.best = start.copy(), start.copy()
        self._world: tuple[Any, ...] = (
            worlds,
            tuple(views.values()),
            tasks_of,
            twin.fixed,
            self._given,
            np.zeros(slots + 1),
            np.zeros(slots + 1),
        )
        self._decision_points = np.array(decision_points(system.slot_ns, plan.workload), np.int32)
        self._seed, self._length, self._tasks, self.tried = seed, length, tasks, 0
        resimulation.settle(*self._world, 0)
        cost = exact.overhead(start) * tasks
        self._sums = np.array([cost, cost, 0.0])
        self._hot = HOT * cost / tasks

    @property
    def overhead(self) -> float:
        """Mean overhead of the best decisions so far, but for rounding."""
        return float(self._sums[resimulation.LEAST]) / self._tasks

    @property
    def present(self) -> float:
        """Mean overhead of the present decisions, but for rounding."""
        return float(self._sums[resimulation.COST_SUM]) / self._tasks

    @property
    def decisions(self) -> Decisions:
        """The present decisions; the next call of `go` overwrites them."""
        return self._given

    def go(self, changes: int) -> None:
        """Try so many changes more."""
        until = min(self._length, self.tried + changes)
        cooling = math.log(HOT / COLD) / self._length
        chosen = np.zeros(2 * resimulation.MOST_FLIPS, np.int32)
        resimulation.anneal(
            *self._world,
            decision_points=self._decision_points,
            chosen=chosen,
            best=self.best,
            sums=self._sums,
            seed=self._seed,
            begin=self.tried,
            end=until,
            hot=self._hot,
            cooling=cooling,
        )
        self.tried = until


def _fits(worlds: int, tasks: int, ues: int) -> None:
    """Raise `UsageError` if so many worlds would take too much memory."""
    size = worlds * (tasks * state.TASK.itemsize + ues * state.UE.itemsize)
    if size > MOST_BYTES:
        raise UsageError(f"the search would keep {human.size(size)} of states", "take fewer slots")


class Search:
    """Annealing from the best of ``starts``, by name: the ``best`` so far, its ``overhead``, and ``evaluations``."""

    def __init__(self, exact: Exact, starts: dict[str, Decisions]) -> None:
        self.exact = exact
        costs = {name: exact.overhead(decisions) for name, decisions in starts.items()}
        self.start = min(costs, key=lambda name: (costs[name], name))
        self.best, self.overhead = starts[self.start], costs[self.start]
        self.evaluations = len(starts)

    def run(self, evaluations: int, watch: Callable[["Search"], bool]) -> None:
        """Search until so many evaluations are spent, or ``watch`` says to stop."""
        length = evaluations - self.evaluations
        if length <= 0:
            return
        seed = random.hash_key(self.exact.plan.system.seed, random.LEARNING, 0, 0, 0) >> 1
        chain = Chain(self.exact, self.best, seed, length)
        while chain.tried < length:
            before = chain.tried
            chain.go(SEARCH_BATCH)
            self.evaluations += chain.tried - before
            self._take(chain)
            if watch(self):
                return

    def _take(self, chain: Chain) -> None:
        """Its best is ours when the twin confirms it."""
        if chain.overhead < self.overhead:
            overhead = self.exact.overhead(chain.best)
            if overhead < self.overhead:
                self.best, self.overhead = chain.best.copy(), overhead
