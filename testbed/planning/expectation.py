"""What futures are drawn from: the scenario's task model, or where there is none, what the run has shown so far."""

from collections.abc import Sequence

import numpy as np

from testbed.model.mdp import CellView
from testbed.model.system import System
from testbed.model.task_model import POISSON_ARRIVALS, Law, TaskModel
from testbed.twin import build, state
from testbed.twin.state import Fixed

QUANTILE_COUNT, REMEMBERED = 33, 1024
MEMORY_SLOTS = 256.0
DRAWN_FIELDS = ("input_bits", "cycles", "deadline_ns")


class Expectation:
    """The tasks that are expected of ``system``; ``fixed`` is what worlds that play futures share."""

    def __init__(self, system: System, model: TaskModel | None, *, double: bool) -> None:
        self._system, self._learns = system, model is None
        model = _unknown(system) if model is None else model
        source = build.drawn(model, system.slots)
        self.fixed: Fixed = build.fixed(system, source, double=double, recording=False, reward=state.HOLDING_REWARD)
        self._seen: list[tuple[int, ...]] = []
        self._count, self._slots, self._slot = np.zeros(len(system.ues)), 0.0, -1

    def load(self, slot: int) -> float:
        """How many slots' worth of the usual density came before ``slot``."""
        totals = self.fixed.totals
        rounds, rest = divmod(slot, len(totals) - 1)
        return float(rounds * totals[-1] + totals[rest])

    def end(self, slot: int) -> None:
        """Expect no task at the boundary of ``slot`` or later, nor after the end of the run."""
        self.fixed.system["slots"] = min(slot, self._system.slots)

    def learn(self, cells: Sequence[CellView]) -> None:
        """Take in the tasks that appeared, unless it is known what tasks are like."""
        if not self._learns:
            return
        slot = cells[0].slot
        kept = (1.0 - 1.0 / MEMORY_SLOTS) ** max(0, slot - self._slot)
        self._count *= kept
        self._slots = self._slots * kept + MEMORY_SLOTS * (1.0 - kept)
        self._slot = slot
        for cell in cells:
            for ue in cell.ues:
                self._count[ue.index] += len(ue.tasks)
                self._seen += [(task.input_bits, task.cycles, task.deadline_ns) for task in ue.tasks]
        del self._seen[:-REMEMBERED]
        if self._seen:
            self.fixed.ues["rate"] = self._count / self._slots
            shares = np.linspace(0.0, 1.0, QUANTILE_COUNT)
            self.fixed.values[: len(DRAWN_FIELDS)] = np.quantile(np.array(self._seen, np.float64), shares, axis=0).T


def _unknown(system: System) -> TaskModel:
    """The model of a UE of which nothing is known: no tasks, room for quantiles of what will be seen."""
    return TaskModel(
        arrivals=POISSON_ARRIVALS,
        rates=(0.0,) * len(system.ues),
        factors=(1.0,),
        laws=(Law("quantiles", (1.0,) * QUANTILE_COUNT),) * len(DRAWN_FIELDS),
        shares=(1.0,),
        first_classes=(0,) * len(system.ues),
    )
