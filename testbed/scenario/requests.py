"""Recorded demands without a UE, and which UE of a system is given each."""

from collections.abc import Iterable
from typing import NamedTuple, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from testbed.model import random
from testbed.model.system import System
from testbed.scenario.decimals import Ints
from testbed.scenario.schema import Scenario
from testbed.scenario.workload import drawn_whole, mixed, unit

FIELD_ASSIGNMENT = 1


class Request(msgspec.Struct, frozen=True):
    """A recorded demand without a UE: instant in ns, input in bits (0 if nobody recorded it), work in cycles."""

    at_ns: int
    input_bits: int
    cycles: int


class RequestColumns(NamedTuple):
    """Many requests, a column for each field of `Request`."""

    at_ns: Ints
    input_bits: Ints
    cycles: Ints

    @classmethod
    def of(cls, requests: Iterable[Request]) -> "RequestColumns":
        """The columns of ``requests``."""
        rows = [(one.at_ns, one.input_bits, one.cycles) for one in requests]
        return cls(*np.array(rows, np.int64).reshape(-1, 3).T.copy())

    def taken(self, which: Ints | NDArray[np.bool_]) -> "RequestColumns":
        """Those at the places ``which``, or where that is true."""
        return RequestColumns(self.at_ns[which], self.input_bits[which], self.cycles[which])


class Assigner:
    """Gives requests to the UEs of ``system``, one after another, by the scenario's ``assignment``.

    What nobody recorded of a task is drawn: its deadline, and its input if that is 0.
    """

    def __init__(self, scenario: Scenario, system: System) -> None:
        self._rule, self._task, self._seed = scenario.workload.assignment, scenario.task, scenario.seed
        density = self._rule == "density"
        weights = [scenario.cells[ue.cell].density_factor if density else 1.0 for ue in system.ues]
        self._shares = np.cumsum(weights)
        self._subjects = np.array(
            [random.subjects_hash(self._seed, random.VALUES, ue.index) for ue in system.ues], np.uint64
        )
        self._counts = np.zeros(len(weights), np.int64)
        self._row = 0

    def tasks(self, requests: RequestColumns) -> dict[str, Ints]:
        """The columns of the next requests' tasks, in their order."""
        rows = np.arange(self._row, self._row + len(requests.at_ns))
        self._row += len(rows)
        ue = self._ues(rows)
        number = self._numbers(ue)
        subjects = mixed(self._subjects[ue] ^ number.astype(np.uint64))
        bits = requests.input_bits
        if not bits.all():
            bits = np.where(bits > 0, bits, drawn_whole(self._task.input_bits, subjects, random.FIELD_BITS))
        return {
            "ue": ue,
            "number": number,
            "generated_ns": requests.at_ns,
            "input_bits": bits,
            "cycles": requests.cycles,
            "deadline_ns": drawn_whole(self._task.deadline_ns, subjects, random.FIELD_DEADLINE),
        }

    def _ues(self, rows: Ints) -> Ints:
        if self._rule == "round_robin":
            return rows % len(self._shares)
        keys = np.uint64(random.mix(random.mix(self._seed) ^ random.ARRIVALS))
        subjects = mixed(mixed(keys ^ rows.astype(np.uint64)))
        marks = unit(mixed(subjects ^ np.uint64(FIELD_ASSIGNMENT))) * self._shares[-1]
        last = int(np.flatnonzero(np.diff(self._shares, prepend=0.0) > 0.0)[-1])
        return cast(Ints, np.minimum(np.searchsorted(self._shares, marks, side="right"), last))

    def _numbers(self, ue: Ints) -> Ints:
        """The number of each task among those of its UE, counted from all before on."""
        by_ue = np.argsort(ue, kind="stable")
        firsts = np.flatnonzero(np.diff(ue[by_ue], prepend=-1))
        number = np.empty(len(ue), np.int64)
        number[by_ue] = np.arange(len(ue)) - np.repeat(firsts, np.diff(firsts, append=len(ue)))
        number += self._counts[ue]
        self._counts += np.bincount(ue, minlength=len(self._counts))
        return number
