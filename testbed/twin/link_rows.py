"""Transmissions in the order of their first bits, made of the rows of tasks that come in parts."""

from typing import Any

import numpy as np

from testbed.model.delay import after_ns, transfer_ns
from testbed.model.system import System
from testbed.model.task import OFFLOAD
from testbed.protocol.rows import LinkRow, TaskRow
from testbed.protocol.table import ColumnTable, Labels
from testbed.twin.lists import NUMBER_BITS

Columns = dict[str, Any]


class Transmissions:
    """Every transmission over uplinks and backhaul of the tasks that were added, until it is taken."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._names, self._servers = [ue.name for ue in system.ues], [es.name for es in system.edge_servers]
        self._rank = np.argsort(np.argsort(np.array(self._names)))
        self._parts: list[Columns] = []

    def add(self, tasks: ColumnTable[TaskRow]) -> None:
        """The ``tasks`` have ended."""
        sent = np.flatnonzero(tasks.values("choice") >= OFFLOAD)
        if not len(sent):
            return
        over = sent[tasks.flags("forwarded")[sent]]
        both, count = np.concatenate([sent, over]), len(sent)
        ue, number = tasks.labels("ue").codes[both], tasks.ints("number")[both]
        start = np.concatenate([tasks.ints("tx_start_ns")[sent], tasks.ints("arrival_ns")[over]])
        across = np.arange(len(both)) >= count
        home = tasks.values("cell")[both].astype(np.int32) - 1
        found: Columns = {
            "key": (self._rank[ue] << NUMBER_BITS | number) * 2 + across,
            "start_ns": start,
            "ue": ue,
            "number": number,
            "bits": tasks.ints("input_bits")[both],
            "attempts": np.where(across, 1, tasks.ints("attempts")[both]),
            "ready_ns": np.where(across, start, tasks.ints("ready_ns")[both]),
            "arrival_ns": np.where(across, tasks.ints("es_arrival_ns")[both], tasks.ints("arrival_ns")[both]),
            "end_ns": tasks.ints("tx_end_ns")[both],
            "link": np.where(across, len(self._names) + home, ue),
            "to": np.where(across, tasks.labels("es").codes[both] - 1, home),
        }
        found["end_ns"][across] = [
            after_ns(at, transfer_ns(bits, self._system.backhaul.rate_bps))
            for at, bits in zip(start[across].tolist(), found["bits"][across].tolist(), strict=True)
        ]
        self._parts.append(found)

    def take(self, before_ns: int | None = None) -> ColumnTable[LinkRow]:
        """Those that began before ``before_ns`` (None: all), which are gone from here; none that is added later may."""
        if not self._parts:
            return ColumnTable(LinkRow, {}, 0)
        found: Columns = {name: np.concatenate([part[name] for part in self._parts]) for name in self._parts[0]}
        order = np.lexsort((found["key"], found["start_ns"]))
        count = len(order) if before_ns is None else int((found["start_ns"] < before_ns).sum())
        later = order[count:]
        self._parts = [{name: column[later] for name, column in found.items()}] if len(later) else []
        del found["key"]
        return self._table({name: column[order[:count]] for name, column in found.items()})

    def _table(self, found: Columns) -> ColumnTable[LinkRow]:
        texts = {
            "ue": Labels(self._names, found.pop("ue")),
            "link": Labels([*self._names, *self._servers], found.pop("link")),
            "to": Labels(self._servers, found.pop("to")),
        }
        return ColumnTable(LinkRow, found | texts)
