"""From what the twin recorded of a world to the rows of the record, column by column."""

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from testbed.model.system import System
from testbed.model.task import COMPLETED, LATE, OFFLOAD
from testbed.protocol.rows import TaskRow
from testbed.protocol.table import ColumnTable, Labels

Columns = dict[str, Any]
COPIED_AT_ONCE = 1 << 14


def task_rows(
    system: System, tasks: Columns, outcomes: Any, failed: Collection[tuple[int, int]] = ()
) -> ColumnTable[TaskRow]:
    """The complete rows of ``tasks``, columns in the workload's order, each with its outcome.

    ``failed`` holds the (UE, slot) that the fallback policy decided.
    """
    ue = tasks["ue"]
    if not len(ue):
        return ColumnTable(TaskRow, {}, 0)
    cells = np.array([one.cell for one in system.ues], np.int64)
    found = tasks | {"ue": Labels([one.name for one in system.ues], ue.astype(np.int32)), "cell": cells[ue] + 1}
    made = Columns()
    for first in range(0, len(ue), COPIED_AT_ONCE):
        part = slice(first, first + COPIED_AT_ONCE)
        given = {name: found[name][part] for name in ("generated_ns", "deadline_ns")}
        for name, column in _ended(system, ue[part], outcomes[part], given, failed).items():
            if name not in made:
                made[name] = np.empty(len(ue), column.dtype)
            made[name][part] = column
    for name, names in _names(system).items():
        made[name] = Labels(names, made[name])
    made |= {"ready_ns": made["asked_ns"], "energy_measured_j": made["energy_j"]}
    return ColumnTable(TaskRow, found | made)


def _names(system: System) -> dict[str, tuple[str, ...]]:
    """The texts of the columns of texts that `_ended` fills with their places."""
    servers = ("", *(es.name for es in system.edge_servers))
    return {"state": (COMPLETED, LATE), "fallback": ("", "policy error"), "es": servers}


def _ended(system: System, ue: NDArray[Any], o: Any, given: Columns, failed: Collection[tuple[int, int]]) -> Columns:
    """What became of some tasks, of UEs ``ue``: their outcomes ``o`` as columns of rows."""
    generated, asked = given["generated_ns"], o["slot"] * system.slot_ns
    delay = o["finished_ns"] - generated
    offloaded, rejected = o["choice"] >= OFFLOAD, o["rejected"] != 0
    local = ~offloaded | rejected
    found = {name: o[name] for name in ("slot", "choice", "start_ns", "end_ns", "finished_ns", "reentry_ns")}
    found |= {name: o[name] for name in ("energy_j", "overhead")}
    fallback = np.zeros(len(ue), np.int8)
    if failed:
        fallback[:] = [one in failed for one in zip(ue.tolist(), o["slot"].tolist(), strict=True)]
    found |= {
        "state": (delay > given["deadline_ns"]).astype(np.int8),
        "fallback": fallback,
        "es": np.where(offloaded, o["es"] + 1, 0).astype(np.int32),
        "asked_ns": asked,
        "rejected": rejected,
        "measured_ns": delay,
        "slot_wait_ns": asked - generated,
        "local_wait_ns": np.where(local, o["start_ns"] - np.where(rejected, o["reentry_ns"], asked), 0),
        "local_execution_ns": np.where(local, o["end_ns"] - o["start_ns"], 0),
    }
    return found | _travelled(system, ue, o, offloaded, rejected)


def _travelled(system: System, ue: NDArray[Any], o: Any, offloaded: NDArray[Any], rejected: NDArray[Any]) -> Columns:
    """What there is to say of offloaded tasks; the others have the defaults."""
    cell = np.array([one.cell for one in system.ues])[ue]
    served = offloaded & ~rejected
    found = {
        "forwarded": offloaded & (o["es"] != cell),
        "attempts": np.where(offloaded, o["attempts"], 0),
        "radio_wait_ns": np.where(offloaded, o["tx_start_ns"] - o["ready_ns"], 0),
        "airtime_ns": np.where(offloaded, o["tx_end_ns"] - o["tx_start_ns"], 0),
        "latency_ns": np.where(offloaded, o["arrival_ns"] - o["tx_end_ns"], 0),
        "backhaul_ns": np.where(offloaded, o["es_arrival_ns"] - o["arrival_ns"], 0),
        "es_wait_ns": np.where(served, o["start_ns"] - o["es_arrival_ns"], 0),
        "execution_ns": np.where(served, o["end_ns"] - o["start_ns"], 0),
    }
    back = np.where(rejected, o["reentry_ns"] - o["es_arrival_ns"], o["finished_ns"] - o["end_ns"])
    found["return_ns"] = np.where(offloaded, back, 0)
    for name in ("tx_start_ns", "tx_end_ns", "arrival_ns", "es_arrival_ns"):
        found[name] = np.where(offloaded, o[name], -1)
    return found
