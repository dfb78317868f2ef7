"""What the twin's servers and UEs say at slot boundaries: noted as arrays, made rows many at once."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from testbed.model import queue
from testbed.model.system import SHARED, Es, System
from testbed.protocol.idle import AT_ES, AT_UE
from testbed.protocol.rows import SlotRow, UeSlotRow
from testbed.twin.rows import as_rows, named
from testbed.twin.twin import Twin

BOUNDARIES_AT_ONCE = 1024
UE_NOTED = ("local_free_ns", "radio_free_ns", "present", "number")
ES_NOTED = ("own_cycles", "forwarded_cycles", "air_cycles", "busy_ns", "own", "forwarded")
CORE_NOTED = ("task", "start_ns", "end_ns")


class Notes:
    """Notes one world at each boundary; `rows` gives what belongs in the record, by the rule of `protocol.idle`."""

    def __init__(self, twin: Twin, world: int = 0) -> None:
        system, fixed = twin.system, twin.fixed
        self._twin, self._world, self._count = twin, world, 0
        ues, servers = len(system.ues), len(system.edge_servers)
        cores = int(fixed.edge_servers["cores"].max())
        self._slot = np.zeros(BOUNDARIES_AT_ONCE, np.int64)
        self._ues = {name: np.zeros((BOUNDARIES_AT_ONCE, ues), np.int64) for name in UE_NOTED}
        self._servers = {name: np.zeros((BOUNDARIES_AT_ONCE, servers), np.int64) for name in ES_NOTED}
        self._cores = {name: np.zeros((BOUNDARIES_AT_ONCE, servers, cores), np.int64) for name in CORE_NOTED}
        self._announced = np.zeros((BOUNDARIES_AT_ONCE, servers), np.int64)
        self._number, self._busy = np.zeros((1, ues), np.int64), np.zeros((1, servers), np.int64)
        self._idle_ues, self._idle_servers = np.zeros((1, ues), np.bool_), np.zeros((1, servers), np.bool_)
        self._slots: list[SlotRow] = []
        self._ue_slots: list[UeSlotRow] = []

    def note(self) -> None:
        """The world is at a boundary."""
        state, world, at = self._twin.state, self._world, self._count
        self._slot[at] = state.status["slot"][world]
        self._announced[at] = state.announced_ns[world]
        for noted, records in ((self._ues, state.ues), (self._servers, state.edge_servers), (self._cores, state.cores)):
            record = records[world]
            for name, column in noted.items():
                column[at] = record[name]
        self._count += 1
        if self._count == BOUNDARIES_AT_ONCE:
            self._settle()

    def rows(self) -> tuple[list[SlotRow], list[UeSlotRow]]:
        """The rows of servers and of UEs, boundary by boundary."""
        self._settle()
        return self._slots, self._ue_slots

    def _settle(self) -> None:
        """Make rows of what has been noted."""
        slot = self._slot[: self._count]
        self._settle_servers(slot[:, None], slot[:, None] * self._twin.system.slot_ns)
        in_time = slot[slot < self._twin.system.slots]
        self._settle_ues(in_time[:, None], in_time[:, None] * self._twin.system.slot_ns)
        self._count = 0

    def _settle_ues(self, slot: Any, now: Any) -> None:
        if not len(slot):
            return
        system = self._twin.system
        found = {name: column[: len(slot)] for name, column in self._ues.items()}
        radio = np.maximum(0, found["radio_free_ns"] - now)
        columns = {
            "slot": slot,
            "at_ns": now,
            "queue_ns": np.maximum(0, found["local_free_ns"] - now),
            "radio_wait_ns": np.full_like(radio, -1) if system.radio.access == SHARED else radio,
            "present": found["present"],
            "undecided": np.diff(found["number"], axis=0, prepend=self._number),
        }
        self._number = found["number"][-1:].copy()
        kept, self._idle_ues = _recorded(_all_zero(columns, AT_UE) & (columns["radio_wait_ns"] <= 0), self._idle_ues)
        columns = {name: np.broadcast_to(column, kept.shape)[kept] for name, column in columns.items()}
        columns["ue"] = named([ue.name for ue in system.ues], np.nonzero(kept)[1])
        self._ue_slots += as_rows(UeSlotRow, columns)

    def _settle_servers(self, slot: Any, now: Any) -> None:
        if not len(slot):
            return
        system = self._twin.system
        found = {name: column[: len(slot)] for name, column in (self._servers | self._cores).items()}
        running = found["task"] >= 0
        rest = np.where(running, found["end_ns"] - now[:, :, None], 0).sum(axis=2)
        busy = found["busy_ns"] + np.where(running, now[:, :, None] - found["start_ns"], 0).sum(axis=2)
        columns = {
            "slot": slot,
            "at_ns": now,
            "backlog_ns": self._announced[: len(slot)],
            "waiting": found["own"] + found["forwarded"],
            "own_cycles": found["own_cycles"],
            "forwarded_cycles": found["forwarded_cycles"],
            "air_cycles": found["air_cycles"],
            "busy_ns": np.diff(busy, axis=0, prepend=self._busy),
            "over_threshold": _over_threshold(system, found, rest, running.sum(axis=2)),
        }
        self._busy = busy[-1:].copy()
        kept, self._idle_servers = _recorded(_all_zero(columns, AT_ES), self._idle_servers)
        columns = {name: np.broadcast_to(column, kept.shape)[kept] for name, column in columns.items()}
        columns["es"] = named([es.name for es in system.edge_servers], np.nonzero(kept)[1])
        self._slots += as_rows(SlotRow, columns)


def _all_zero(columns: dict[str, Any], names: Iterable[str]) -> Any:
    """Where all of these columns are 0."""
    return np.logical_and.reduce([columns[name] == 0 for name in names])


def _recorded(idle: Any, before: Any) -> tuple[Any, Any]:
    """Which boundaries are recorded, of processes that were idle ``before`` the first; and whether they are now."""
    idle = np.concatenate([before, idle])
    return ~(idle[:-1] & idle[1:]), idle[-1:].copy()


def _over_threshold(system: System, found: dict[str, Any], rest: Any, running: Any) -> Any:
    """Whether the expected wait at each boundary and ES exceeds the threshold."""
    over = np.zeros(rest.shape, np.bool_)
    for es in system.edge_servers:
        over[:, es.index] = [
            _waits_ns(es, *values) > system.threshold_ns
            for values in zip(
                *(found[name][:, es.index].tolist() for name in ("own", "forwarded", "own_cycles", "forwarded_cycles")),
                rest[:, es.index].tolist(),
                running[:, es.index].tolist(),
                strict=True,
            )
        ]
    return over


def _waits_ns(es: Es, own: int, forwarded: int, cycles: int, others: int, rest: int, running: int) -> int:
    """The expected wait at ``es`` with so many tasks and cycles of its own cell and others, and so much that runs."""
    if es.discipline == queue.FCFS:
        own, cycles = own + forwarded, cycles + others
    return queue.expected_wait_ns(rest, running, own, cycles, es.cpu_hz, es.cores)
