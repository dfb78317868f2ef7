"""From what a running testbed tells to segments of experience, on no clock but the slots in the messages.

Observations come slot by slot and cell by cell, outcomes mostly many slots later and in any order; as they come from
others, one may also be read before the observation of its task. A slot is settled when all that was in the system
during it has ended, or `SETTLING_SLOTS` slots have passed; T settled slots in a row make a segment.
Decisions that were not the policy's own in the end, or whose UE died, get weight 0. A gap in what was seen, as a death
of the controller leaves it, ends a segment.

Who learns from some of the cells takes their decisions only; what all cells looked like and what all tasks cost is
needed for the central critic and for the region's reward.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from controller.online.slot_costs import Key, RegionCosts
from testbed.model.system import System
from testbed.policy.features import CELL_FEATURES
from testbed.policy.network import INPUTS, Array
from testbed.protocol.messages import Chose, Down, Outcome, Seen

SEGMENT_SLOTS, SETTLING_SLOTS = 20, 12
LEAST_SLOTS = SEGMENT_SLOTS + SETTLING_SLOTS + 1


class TrajectorySegment(msgspec.Struct, kw_only=True):
    """T slots in a row with D decisions; arrays as in `controller.learn.a3c.Rollout`: one world where the region's
    reward counts, otherwise a world for each of the learner's cells.

    ``version`` (D,) is the policy's that made each decision.
    """

    features: Array
    actions: Array
    log_probability: Array
    slot: NDArray[np.int64]
    weight: Array
    version: NDArray[np.int64]
    cells: Array
    rewards: Array


class _Slot(msgspec.Struct):
    """What was seen of one slot: features by cell, decisions with their policy's version."""

    cells: dict[int, tuple[float, ...]]
    chose: list[tuple[Chose, int]]
    costs: list[float] = []


class Assembler:
    """Takes messages in the order they come; `ready` gives the segments of ``slots`` slots that are complete.

    They hold the decisions of ``cells``, all unless told. With ``team`` below 1 each of these cells is a world of its
    own, rewarded for its own tasks and by that share for the region's.
    """

    def __init__(
        self,
        system: System,
        slots: int,
        patience: int = SETTLING_SLOTS,
        *,
        cells: Sequence[int] | None = None,
        team: float = 1.0,
    ) -> None:
        self._system, self._length, self._patience = system, slots, patience
        self.cells = tuple(range(len(system.edge_servers)) if cells is None else cells)
        self._team = team
        self._world = {cell: world if team < 1.0 else 0 for world, cell in enumerate(self.cells)}
        self._index = {ue.name: ue.index for ue in system.ues}
        self._ready: list[TrajectorySegment] = []
        self._seen: dict[int, _Slot] = {}
        self._ended_unseen: dict[Key, int] = {}
        self._begin(0)

    def _begin(self, first: int) -> None:
        """Go on with slot ``first``; slots that unknown tasks from before it may reach into are left out."""
        self._usable = first if first == 0 else first + self._patience
        self._slot_costs = RegionCosts(self._system, first)
        self._decided: dict[Key, int] = {}
        self._ended_unseen = {key: slot for key, slot in self._ended_unseen.items() if slot >= first}
        self._not_own: set[tuple[int, int]] = set()
        self._seen = {slot: seen for slot, seen in self._seen.items() if slot >= first}
        self._settled: list[_Slot] = []

    def ready(self) -> list[TrajectorySegment]:
        """The segments completed since the last call."""
        segments, self._ready = self._ready, []
        return segments

    def segment_start(self, slot: int) -> int:
        """The first slot of the segment that ``slot`` belongs to, as far as is known by now."""
        return self._usable + (slot - self._usable) // self._length * self._length

    def take(self, message: object) -> None:
        """Note a `Seen`, an `Outcome` or a UE's `Down`; others say nothing."""
        match message:
            case Seen():
                self._see(message)
            case Outcome():
                self._end(message)
            case Down() if message.name in self._index:
                ue = self._index[message.name]
                self._not_own |= {(ue, self._decided[key]) for key in self._slot_costs.lose(ue, message.at_ns)}
        while self._settle():
            pass

    def _see(self, seen: Seen) -> None:
        if seen.slot < self._slot_costs.next:
            return
        slot = self._seen.setdefault(seen.slot, _Slot({}, []))
        slot.cells.setdefault(seen.cell, seen.features)
        if seen.cell in self._world:
            slot.chose += [(chose, seen.version) for chose in seen.chose]
        for task in seen.tasks:
            key = task.ue, task.number
            if self._ended_unseen.pop(key, None) is None:
                self._slot_costs.enter(task)
                self._decided[key] = seen.slot

    def _end(self, outcome: Outcome) -> None:
        key = outcome.task.ue, outcome.task.number
        if self._decided.pop(key, None) is None and outcome.slot >= self._slot_costs.next:
            self._ended_unseen[key] = outcome.slot
        if outcome.fallback:
            self._not_own.add((outcome.task.ue, outcome.slot))
        self._slot_costs.leave(outcome)

    def _settle(self) -> bool:
        """Settle the next slot, or go on behind a gap, if it is time to; whether it was."""
        slot, newest = self._slot_costs.next, max(self._seen, default=-1)
        if slot not in self._seen or slot + 1 not in self._seen:
            if newest > slot + 2:
                self._begin(min(at for at in self._seen if at > slot))
            return newest > slot + 2
        whole = all(len(self._seen[at].cells) == len(self._system.edge_servers) for at in (slot, slot + 1))
        if newest <= slot + self._patience and (not whole or self._slot_costs.is_open(slot)):
            return False
        seen = self._seen.pop(slot)
        seen.costs = self._slot_costs.settle()
        self._ended_unseen = {key: at for key, at in self._ended_unseen.items() if at > slot}
        if slot >= self._usable:
            self._settled.append(seen)
        if len(self._settled) == self._length:
            self._ready.append(self._segment(slot + 1 - self._length))
            self._settled = []
        return True

    def _segment(self, first: int) -> TrajectorySegment:
        """The settled slots as arrays; the cells seen next are what the last slot led to."""
        slots = [*self._settled, self._seen[first + self._length]]
        decisions = [(at, *one) for at, slot in enumerate(self._settled) for one in sorted(slot.chose, key=_ue)]
        inputs = np.array([chose.inputs for _, chose, _ in decisions], np.float32).reshape(len(decisions), INPUTS)
        worlds = len(set(self._world.values()))
        own = [(chose.ue, first + at) not in self._not_own for at, chose, _ in decisions]
        self._not_own = {(ue, slot) for ue, slot in self._not_own if slot >= first + self._length}
        return TrajectorySegment(
            features=inputs,
            actions=np.array([chose.choice for _, chose, _ in decisions], np.float32),
            log_probability=np.array([chose.log_probability for _, chose, _ in decisions], np.float32),
            slot=np.array([at * worlds + self._world_of(chose) for at, chose, _ in decisions], np.int64),
            weight=np.array(own, np.float32),
            version=np.array([version for _, _, version in decisions], np.int64),
            cells=self._cells_seen(slots),
            rewards=-self._costs_of(self._settled).astype(np.float32),
        )

    def _world_of(self, chose: Chose) -> int:
        return self._world[self._system.ues[chose.ue].cell]

    def _cells_seen(self, slots: Sequence[_Slot]) -> Array:
        """What the cells looked like: all in one world, or each of the own ones in a world."""
        seen = np.zeros((len(slots), 1, len(self._system.edge_servers), CELL_FEATURES), np.float32)
        for at, slot in enumerate(slots):
            for cell, features in slot.cells.items():
                seen[at, 0, cell] = features
        return seen if self._team == 1.0 else seen[:, 0, list(self.cells), None]

    def _costs_of(self, slots: Sequence[_Slot]) -> NDArray[np.float64]:
        """What slots cost, by world."""
        costs = np.array([slot.costs for slot in slots])
        region = costs.sum(axis=1, keepdims=True)
        own = (1.0 - self._team) * costs[:, list(self.cells)] + self._team * region
        return np.asarray(region if self._team == 1.0 else own)


def _ue(chose: tuple[Chose, int]) -> int:
    return chose[0].ue
