"""Closed loops: a UE's next task waits for the end of its last one, and then for its think time (pure).

A workload for a closed loop says by its instants how a UE would go on if no task took any time: the think time before
a task is the time since the one before. When tasks come in fact is known only when the run is over.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from testbed.model.system import System
from testbed.model.task import Task, TaskTable
from testbed.scenario.workload import columns_of, ordered, table_of


def with_think_times(tasks: Sequence[Task], finished_ns: Mapping[tuple[int, int], int]) -> TaskTable:
    """The workload of a closed loop: think times from the recorded end of the task before to a task's generation.

    ``finished_ns`` has the recorded ends by (UE index, number). Where one is unknown, the think time is the whole time
    between the two; where a task came before the end of the last one, there is none.
    """
    columns = columns_of(tasks)
    at = columns["generated_ns"].copy()
    order = np.lexsort((columns["number"], columns["ue"]))
    before, shifted = -1, 0
    for place in order.tolist():
        ue, number, generated = (int(columns[name][place]) for name in ("ue", "number", "generated_ns"))
        if before < 0 or int(columns["ue"][before]) != ue:
            shifted = generated
        else:
            start = finished_ns.get((ue, number - 1), int(columns["generated_ns"][before]))
            shifted += max(0, generated - start)
        at[place] = shifted
        before = place
    return ordered(table_of(columns | {"generated_ns": at}))


def realised(workload: Sequence[Task], rows: Iterable[tuple[str, int, int]], system: System) -> TaskTable:
    """The tasks of ``workload`` that came, at the instants at which they did: ``rows`` of UE, number and instant."""
    index = {ue.name: ue.index for ue in system.ues}
    came = {(index[name], number): at for name, number, at in rows}
    columns = columns_of(workload)
    at = [came.get(key, -1) for key in zip(columns["ue"].tolist(), columns["number"].tolist(), strict=True)]
    generated = np.array(at, np.int64)
    return ordered(table_of(columns | {"generated_ns": generated}, np.flatnonzero(generated >= 0)))
