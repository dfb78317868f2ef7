"""From what the twin recorded of a world to the rows of the record, column by column."""

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from testbed.model.delay import after_ns, transfer_ns
from testbed.model.system import Plan, System
from testbed.model.task import COMPLETED, LATE, OFFLOAD, TaskTable
from testbed.protocol.rows import LinkRow, TaskRow
from testbed.protocol.table import ColumnTable, Labels
from testbed.twin.lists import NUMBER_BITS
from testbed.twin.twin import Twin

Columns = dict[str, Any]
COPIED_AT_ONCE = 1 << 14


def _identities(twin: Twin, plan: Plan) -> tuple[Columns, NDArray[Any], NDArray[Any]]:
    """Which tasks there are, in the workload's order, the UE's index of each, and its place among the outcomes."""
    tasks = TaskTable.of(plan.workload)
    found: Columns = {name: np.frombuffer(column, np.int64) for name, column in tasks.columns.items()}
    ue = found["ue"]
    found["ue"] = Labels([ue.name for ue in twin.system.ues], ue.astype(np.int32))
    found["cell"] = twin.fixed.ues["cell"][ue] + 1
    return found, ue, twin.fixed.ues["first_row"][ue] + found["number"]


def task_rows(twin: Twin, plan: Plan, failed: Collection[tuple[int, int]] = (), world: int = 0) -> ColumnTable[TaskRow]:
    """The complete rows in the workload's order; ``failed`` holds the (UE, slot) that the fallback policy decided."""
    if not len(plan.workload):
        return ColumnTable(TaskRow, {}, 0)
    found, ue, place = _identities(twin, plan)
    outcomes, made = twin.state.outcomes[world], Columns()
    for first in range(0, len(ue), COPIED_AT_ONCE):
        part = slice(first, first + COPIED_AT_ONCE)
        given = {name: found[name][part] for name in ("generated_ns", "deadline_ns")}
        for name, column in _ended(plan.system, ue[part], outcomes[place[part]], given, failed).items():
            if name not in made:
                made[name] = np.empty(len(ue), column.dtype)
            made[name][part] = column
    for name, names in _names(plan.system).items():
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
    offloaded, rejected = o["choice"] == OFFLOAD, o["rejected"] != 0
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


def link_rows(tasks: ColumnTable[TaskRow], system: System) -> ColumnTable[LinkRow]:
    """Every transmission over uplinks and backhaul of the ``tasks`` of a run, in the order of first bits."""
    sent = np.flatnonzero(tasks.values("choice") == OFFLOAD)
    if not len(sent):
        return ColumnTable(LinkRow, {}, 0)
    over = sent[tasks.flags("forwarded")[sent]]
    both, count = np.concatenate([sent, over]), len(sent)
    ue, number = tasks.labels("ue").codes[both], tasks.ints("number")[both]
    start = np.concatenate([tasks.ints("tx_start_ns")[sent], tasks.ints("arrival_ns")[over]])
    names = [one.name for one in system.ues]
    rank = np.argsort(np.argsort(np.array(names)))
    across = np.arange(len(both)) >= count
    order = np.lexsort(((rank[ue] << NUMBER_BITS | number) * 2 + across, start))
    both, across = both[order], across[order]
    found: Columns = {"start_ns": start[order], "ue": Labels(names, ue[order]), "number": number[order]}
    found["bits"] = tasks.ints("input_bits")[both]
    found["attempts"] = np.where(across, 1, tasks.ints("attempts")[both])
    found["ready_ns"] = np.where(across, found["start_ns"], tasks.ints("ready_ns")[both])
    found["arrival_ns"] = np.where(across, tasks.ints("es_arrival_ns")[both], tasks.ints("arrival_ns")[both])
    found["end_ns"] = tasks.ints("tx_end_ns")[both]
    found["end_ns"][across] = [
        after_ns(at, transfer_ns(bits, system.backhaul.rate_bps))
        for at, bits in zip(found["start_ns"][across].tolist(), found["bits"][across].tolist(), strict=True)
    ]
    servers, home = [es.name for es in system.edge_servers], tasks.values("cell")[both].astype(np.int32) - 1
    found["link"] = Labels([*names, *servers], np.where(across, len(names) + home, ue[order]))
    found["to"] = Labels(servers, np.where(across, tasks.labels("es").codes[both] - 1, home))
    return ColumnTable(LinkRow, found)
