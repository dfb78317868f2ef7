"""What the twin's servers and UEs say at slot boundaries: noted in compiled code, made columns many at once."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from testbed.model.system import SHARED
from testbed.protocol.idle import AT_ES, AT_UE
from testbed.protocol.rows import SlotRow, UeSlotRow
from testbed.protocol.table import Column, ColumnTable, Labels, joined
from testbed.twin.noting import Noted
from testbed.twin.twin import Twin

BOUNDARIES_AT_ONCE = 1024


class Notes:
    """Notes one world at its boundaries; `rows` gives what belongs in the record, by the rule of `protocol.idle`."""

    def __init__(self, twin: Twin, world: int = 0) -> None:
        system = twin.system
        self._twin, self._world = twin, world
        ues, servers = len(system.ues), len(system.edge_servers)
        self.noted = Noted.room(BOUNDARIES_AT_ONCE, ues, servers)
        self._number, self._busy = np.zeros((1, ues), np.int64), np.zeros((1, servers), np.int64)
        self._idle_ues, self._idle_servers = np.zeros((1, ues), np.bool_), np.zeros((1, servers), np.bool_)
        self._slots: list[dict[str, Column]] = []
        self._ue_slots: list[dict[str, Column]] = []

    def note(self) -> None:
        """The world is at a boundary."""
        self._twin.note(self.noted, self._world)
        self.settle_when_full()

    def settle_when_full(self) -> None:
        """Make columns of what has been noted if there is no room for more."""
        if self.noted.count[0] == BOUNDARIES_AT_ONCE:
            self._settle()

    def room_for(self, boundaries: int) -> Noted:
        """As ``noted``, with room for so many more at most."""
        end = min(int(self.noted.count[0]) + boundaries, BOUNDARIES_AT_ONCE)
        parts = {name: part[:end] for name, part in self.noted._asdict().items() if name != "count"}
        return self.noted._replace(**parts)

    def take(self) -> tuple[ColumnTable[SlotRow], ColumnTable[UeSlotRow]]:
        """The rows of servers and of UEs since the last call, boundary by boundary."""
        self._settle()
        slots, self._slots = self._slots, []
        ue_slots, self._ue_slots = self._ue_slots, []
        return joined(SlotRow, slots), joined(UeSlotRow, ue_slots)

    def __len__(self) -> int:
        """How many rows of UEs and servers there are since the last call of `take`."""
        return sum(len(part["slot"]) for part in (*self._slots, *self._ue_slots))

    def _settle(self) -> None:
        """Make columns of what has been noted."""
        slot = self.noted.slot[: self.noted.count[0]]
        self._settle_servers(slot[:, None], slot[:, None] * self._twin.system.slot_ns)
        in_time = slot[slot < self._twin.system.slots]
        self._settle_ues(in_time[:, None], in_time[:, None] * self._twin.system.slot_ns)
        self.noted.count[0] = 0

    def _settle_ues(self, slot: Any, now: Any) -> None:
        if not len(slot):
            return
        system = self._twin.system
        noted, count = self.noted, len(slot)
        radio = np.maximum(0, noted.radio_free_ns[:count] - now)
        columns = {
            "slot": slot,
            "at_ns": now,
            "queue_ns": np.maximum(0, noted.local_free_ns[:count] - now),
            "radio_wait_ns": np.full_like(radio, -1) if system.radio.access == SHARED else radio,
            "present": noted.present[:count],
            "undecided": np.diff(noted.number[:count], axis=0, prepend=self._number),
        }
        self._number = noted.number[count - 1 : count].copy()
        kept, self._idle_ues = _recorded(_all_zero(columns, AT_UE) & (columns["radio_wait_ns"] <= 0), self._idle_ues)
        columns = {name: np.broadcast_to(column, kept.shape)[kept] for name, column in columns.items()}
        columns["ue"] = Labels([ue.name for ue in system.ues], np.nonzero(kept)[1].astype(np.int32))
        self._ue_slots.append(columns)

    def _settle_servers(self, slot: Any, now: Any) -> None:
        if not len(slot):
            return
        system, noted, count = self._twin.system, self.noted, len(slot)
        columns = {
            "slot": slot,
            "at_ns": now,
            "backlog_ns": noted.announced_ns[:count],
            "waiting": noted.own[:count] + noted.forwarded[:count],
            "own_cycles": noted.own_cycles[:count],
            "forwarded_cycles": noted.forwarded_cycles[:count],
            "air_cycles": noted.air_cycles[:count],
            "busy_ns": np.diff(noted.busy_ns[:count], axis=0, prepend=self._busy),
            "over_threshold": noted.over[:count],
        }
        self._busy = noted.busy_ns[count - 1 : count].copy()
        kept, self._idle_servers = _recorded(_all_zero(columns, AT_ES), self._idle_servers)
        columns = {name: np.broadcast_to(column, kept.shape)[kept] for name, column in columns.items()}
        columns["es"] = Labels([es.name for es in system.edge_servers], np.nonzero(kept)[1].astype(np.int32))
        self._slots.append(columns)


def _all_zero(columns: dict[str, Any], names: Iterable[str]) -> Any:
    """Where all of these columns are 0."""
    return np.logical_and.reduce([columns[name] == 0 for name in names])


def _recorded(idle: Any, before: Any) -> tuple[Any, Any]:
    """Which boundaries are recorded, of processes that were idle ``before`` the first; and whether they are now."""
    idle = np.concatenate([before, idle])
    return ~(idle[:-1] & idle[1:]), idle[-1:].copy()
