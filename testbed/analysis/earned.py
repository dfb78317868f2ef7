"""What the cells of a region earn slot by slot, from columns (pure): times and energies of tasks cut at slot ends."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from testbed.model import mdp
from testbed.model.energy import transmit_energy_j
from testbed.model.system import System
from testbed.model.task import OFFLOAD
from testbed.protocol.rows import RewardRow, TaskRow
from testbed.protocol.table import ColumnTable

EARNED_AT_ONCE = 1 << 17
Ints = NDArray[np.int64]
Reals = NDArray[np.float64]


class Paid(NamedTuple):
    """What was paid at each ``place``, the number of a slot and a cell: arrays (n,)."""

    place: Ints
    reward: Reals
    energy_j: Reals
    stay_ns: Ints

    @classmethod
    def joined(cls, parts: Sequence["Paid"]) -> "Paid":
        """All of ``parts``."""
        nothing = cls(np.zeros(0, np.int64), np.zeros(0), np.zeros(0), np.zeros(0, np.int64))
        return cls._make(np.concatenate(column) for column in zip(nothing, *parts, strict=True))

    def before(self, end: int) -> "tuple[Paid, Paid]":
        """What was paid at places before ``end``, and the rest."""
        early = self.place < end
        return Paid._make(column[early] for column in self), Paid._make(column[~early] for column in self)


class Earned:
    """Sums up by slot and cell. With ``holding`` the time and energy that tasks spend are paid."""

    def __init__(self, system: System, *, holding: bool) -> None:
        self._system, self._holding = system, holding
        self._cells = len(system.edge_servers) + 1
        self._weights, self._weight = np.unique(np.array([ue.weight_delay for ue in system.ues]), return_inverse=True)
        self._powers = np.array([ue.tx_power_w for ue in system.ues])
        self._paid: list[Paid] = []
        self._changes: list[tuple[Ints, Ints, Ints]] = []
        self._decided: list[Ints] = [np.zeros(0, np.int64)]
        self._offloaded: list[Ints] = [np.zeros(0, np.int64)]
        self._scores: list[tuple[int, float]] = []

    def decide(self, rows: ColumnTable[TaskRow]) -> None:
        """Count decisions in the slots in which they were made."""
        choice = rows.values("choice")
        place = self._place(rows.ints("slot"), rows.ints("cell"))
        self._decided.append(place[choice >= 0])
        self._offloaded.append(place[choice >= OFFLOAD])

    def score(self, slot: int, cell: int, score: float) -> None:
        """A task that was decided in ``slot`` earns ``score``."""
        self._scores.append((slot * self._cells + cell, score))

    def spend(self, done: ColumnTable[TaskRow]) -> None:
        """The time and the energy that finished tasks spent."""
        indices = {ue.name: ue.index for ue in self._system.ues}
        labels = done.labels("ue")
        known = np.array([indices[name] for name in labels.names] or [0], np.int64)
        for first in range(0, len(done), EARNED_AT_ONCE):
            part = slice(first, first + EARNED_AT_ONCE)
            self._spend(done.take(part), known[labels.codes[part]])

    def _spend(self, done: ColumnTable[TaskRow], ue: Ints) -> None:
        slot_ns, weight = self._system.slot_ns, self._weight[ue]
        came = done.ints("generated_ns")
        left = came + done.ints("measured_ns")
        first, end = touched(came, left, slot_ns)
        task, slot, energy = self._energy(done, self._powers[ue], first, end, left)
        stay = shared_ns(slot, came[task], left[task], slot_ns)
        cell = done.ints("cell")
        self._pay(slot, cell[task], self._weights[weight[task]], stay, energy)
        group = cell * len(self._weights) + weight
        long = first + 1 < end
        self._change(group[long], first[long] + 1, 1)
        self._change(group[long], end[long], -1)
        inside = (first[task] < slot) & (slot < end[task])
        self._change(group[task[inside]], slot[inside], -1)
        self._change(group[task[inside]], slot[inside] + 1, 1)

    def _energy(
        self, done: ColumnTable[TaskRow], power_w: Reals, first: Ints, end: Ints, left: Ints
    ) -> tuple[Ints, Ints, Reals]:
        """(task, slot, joules spent in it), for the first and the last slot of each task and where it spent energy.

        Of the slots that it was in from their beginning to their end only those in which it spent energy are there:
        tasks of an overloaded region stay for thousands of slots.
        """
        slot_ns, everyone = self._system.slot_ns, np.arange(len(done))
        airtime, executed = done.ints("airtime_ns"), done.ints("local_execution_ns")
        sent = cast(Reals, transmit_energy_j(cast(float, power_w), cast(int, airtime)))
        rest: Reals = done.reals("energy_measured_j") - sent
        sending, executing = airtime > 0, executed > 0
        at_end = ~executing & (rest != 0.0)
        start = done.ints("tx_start_ns")
        parts = [(everyone, first, np.zeros(len(done))), (everyone, end, np.zeros(len(done)))]
        parts += _cut(everyone[sending], start[sending], (start + airtime)[sending], sent[sending], slot_ns)
        begin, close = done.ints("start_ns"), done.ints("end_ns")
        parts += _cut(everyone[executing], begin[executing], close[executing], rest[executing], slot_ns)
        parts += _cut(everyone[at_end], left[at_end], left[at_end], rest[at_end], slot_ns)
        task, slot, joule = (np.concatenate(column) for column in zip(*parts, strict=True))
        low = int(slot.min(initial=0))
        width = int(slot.max(initial=0)) - low + 1
        keys = task * width + (slot - low)
        order = np.argsort(keys, kind="stable")  # of a few runs in order: fast
        new = np.diff(keys[order], prepend=-1) != 0
        spent = cast(Reals, np.bincount(np.cumsum(new) - 1, joule[order]))
        chosen = order[new]
        return task[chosen], slot[chosen], spent

    def _place(self, slot: Ints, cell: Ints) -> Ints:
        return slot * self._cells + cell

    def _pay(self, slot: Ints, cell: Ints, weight: Reals, stay: Ints, energy: Reals) -> None:
        place = self._place(slot, cell)
        self._paid.append(Paid(place=place, reward=-_cost(weight, stay, energy), energy_j=energy, stay_ns=stay))

    def _change(self, group: Ints, slot: Ints, by: int) -> None:
        self._changes.append((group, slot, np.full(len(slot), by)))

    def _pay_whole_slots(self, until: int | None) -> None:
        """What tasks cost in slots before ``until`` (None: in all) that they were in from beginning to end and did
        nothing but wait."""
        if not self._changes:
            return
        group, slot, by = (np.concatenate(column) for column in zip(*self._changes, strict=True))
        self._changes = []
        if until is not None:
            later = slot >= until
            self._changes.append((group[later], slot[later], by[later]))
            group, slot, by = group[~later], slot[~later], by[~later]
            there = np.bincount(group, by).astype(np.int64)
            groups = np.flatnonzero(there)
            self._changes.append((groups, np.full(len(groups), until), there[groups]))
            group, slot = np.append(group, groups), np.append(slot, np.full(len(groups), until))
            by = np.append(by, -there[groups])
        if len(group):
            self._pay_waiting(group, slot, by)

    def _pay_waiting(self, group: Ints, slot: Ints, by: Ints) -> None:
        """As `_pay_whole_slots`, of tasks of a ``group`` that come or go at a ``slot``, as many as ``by`` tells."""
        width, slot_ns = int(slot.max(initial=0)) + 1, self._system.slot_ns
        keys, at = np.unique(group * width + slot, return_inverse=True)
        waiting = np.cumsum(np.bincount(at, by, len(keys)).astype(np.int64))
        lengths = np.where(waiting[:-1] > 0, np.diff(keys), 0)
        of = np.repeat(np.arange(len(lengths)), lengths)
        during = keys[of] + np.arange(len(of)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        tasks, kind = waiting[of], during // width
        cell, weight = kind // len(self._weights), self._weights[kind % len(self._weights)]
        cost = _cost(weight, np.int64(slot_ns), np.float64(0.0))
        place = self._place(during % width, cell)
        self._paid.append(Paid(place=place, reward=-tasks * cost, energy_j=np.zeros(len(of)), stay_ns=tasks * slot_ns))

    def rows(self, until: int | None = None) -> ColumnTable[RewardRow]:
        """A row for each slot before ``until`` (None: for each) and cell that has anything, by slot and cell; sums are
        rounded exactly. What is given is forgotten: nothing that is added later may concern these slots.
        """
        self._pay_whole_slots(until)
        end = np.iinfo(np.int64).max if until is None else until * self._cells
        paid, unpaid = Paid.joined(self._paid).before(end)
        self._paid = [unpaid]
        decided, self._decided = _before(self._decided, end)
        offloaded, self._offloaded = _before(self._offloaded, end)
        scores = [one for one in self._scores if one[0] < end]
        self._scores = [one for one in self._scores if one[0] >= end] if until is not None else []
        scored = np.array([place for place, _ in scores], np.int64)
        places = np.unique(np.concatenate([paid.place, decided, scored]))
        slot = places // self._cells
        earned = paid.reward if self._holding else np.array([score for _, score in scores])
        stays = np.zeros(len(places), np.int64)
        np.add.at(stays, np.searchsorted(places, paid.place), paid.stay_ns)
        return ColumnTable(
            RewardRow,
            {
                "cell": places % self._cells,
                "slot": slot,
                "at_ns": slot * self._system.slot_ns,
                "reward": _sums(places, paid.place if self._holding else scored, earned),
                "stay_ns": stays,
                "energy_j": _sums(places, paid.place, paid.energy_j),
                "decided": _counts(places, decided),
                "offloaded": _counts(places, offloaded),
            },
        )


def _cost(weight: Reals, stay: Ints | np.int64, energy: Reals | np.float64) -> Reals:
    """`mdp.holding_cost` of each."""
    return cast(Reals, mdp.holding_cost(cast(float, weight), cast(int, stay), cast(float, energy)))


def touched(start_ns: Ints, end_ns: Ints, slot_ns: int) -> tuple[Ints, Ints]:
    """The first and the last slot that [start, end) touches; an instant is in the slot that it begins or is inside."""
    return start_ns // slot_ns, np.maximum(start_ns, end_ns - 1) // slot_ns


def shared_ns(slot: Ints, start_ns: Ints, end_ns: Ints, slot_ns: int) -> Ints:
    """How much of [start, end) lies in ``slot``."""
    overlap: Ints = np.minimum(end_ns, (slot + 1) * slot_ns) - np.maximum(start_ns, slot * slot_ns)
    return np.maximum(0, overlap)


def _cut(task: Ints, start: Ints, end: Ints, joule: Reals, slot_ns: int) -> Iterator[tuple[Ints, Ints, Reals]]:
    """Energy spent evenly in [start, end), by slot; where that is within one slot, all of it is there."""
    first = start // slot_ns
    count = np.where(end <= (first + 1) * slot_ns, 1, (end - 1) // slot_ns - first + 1)
    one = count == 1
    yield task[one], first[one], joule[one]
    several = np.flatnonzero(~one)
    of = np.repeat(several, count[several])
    slot = first[of] + np.arange(len(of)) - np.repeat(np.cumsum(count[several]) - count[several], count[several])
    yield task[of], slot, joule[of] * shared_ns(slot, start[of], end[of], slot_ns) / (end - start)[of]


def _sums(places: Ints, at: Ints, values: Reals) -> Reals:
    """The exactly rounded sum of the values at each of ``places``."""
    order = np.argsort(at, kind="stable")
    ends = np.searchsorted(at[order], places, side="right").tolist()
    listed, sums, begin = values[order].tolist(), [], 0
    for end in ends:
        sums.append(listed[begin] if end == begin + 1 else math.fsum(listed[begin:end]))
        begin = end
    return np.array(sums, np.float64)


def _before(parts: Sequence[Ints], end: int) -> tuple[Ints, list[Ints]]:
    """The places before ``end``, and the others."""
    places = np.concatenate(parts)
    return places[places < end], [places[places >= end]]


def _counts(places: Ints, at: Ints) -> Ints:
    return np.bincount(np.searchsorted(places, at), minlength=len(places))
