"""The tasks that a twin has at a time: those of a workload from the first that has not ended to the last it was given.

So a workload comes in parts, by instant, and the twin's arrays are as large as what is under way and one part.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from testbed.model.task import TASK_COLUMNS
from testbed.twin import build, state
from testbed.twin.twin import Twin

Columns = dict[str, Any]


class Window:
    """The tasks of ``twin``, of one world, in the workload's order; see `add` and `take`."""

    def __init__(self, twin: Twin) -> None:
        self._twin = twin
        self._tasks: Columns = {name: np.zeros(0, np.int64) for name in TASK_COLUMNS}
        self._place: NDArray[np.int64] = np.zeros(0, np.int64)

    @property
    def last_ns(self) -> int:
        """When the last task that was given is generated."""
        return int(self._tasks["generated_ns"][-1])

    @property
    def open_ns(self) -> int:
        """When the first task that is still here was generated; before that nothing more will happen to any."""
        at = self._tasks["generated_ns"]
        return int(at[0]) if len(at) else int(self._twin.state.status["start_ns"][0])

    def add(self, tasks: Mapping[str, Any]) -> None:
        """Give the twin further tasks, columns by the names of `TASK_COLUMNS`, none before those it has."""
        before, known = len(self._place), self._twin.state.outcomes[0][self._place]
        self._tasks = {name: np.concatenate([self._tasks[name], tasks[name]]) for name in TASK_COLUMNS}
        ue = self._tasks["ue"]
        order = np.argsort(ue, kind="stable")
        self._place = np.empty(len(ue), np.int64)
        self._place[order] = np.arange(len(ue))
        outcomes = build.outcomes(1, len(ue))
        outcomes[0][self._place[:before]] = known
        self._point(ue)
        rows = np.zeros(len(ue), state.ROW)
        for name in state.ROW.names or ():
            rows[name] = self._tasks[name][order]
        self._twin.hold(rows, outcomes)

    def _point(self, ue: NDArray[np.int64]) -> None:
        """Tell each UE where its tasks begin and end: its first one here is no longer number 0."""
        ues = self._twin.fixed.ues
        counts = np.bincount(ue, minlength=len(ues))
        first = np.cumsum(counts) - counts
        least = np.zeros(len(ues), np.int64)
        found, at = np.unique(ue, return_index=True)
        least[found] = self._tasks["number"][at]
        ues["first_row"], ues["last_row"] = first - least, first + counts

    def take(self) -> tuple[Columns, NDArray[Any]]:
        """The tasks that have ended, up to the first that has not, and what became of each; they are gone from here."""
        outcomes = self._twin.state.outcomes[0][self._place]
        under_way = np.flatnonzero(outcomes["finished_ns"] < 0)
        count = int(under_way[0]) if len(under_way) else len(outcomes)
        taken = {name: column[:count] for name, column in self._tasks.items()}
        self._tasks = {name: column[count:] for name, column in self._tasks.items()}
        self._place = self._place[count:]
        return taken, outcomes[:count]
