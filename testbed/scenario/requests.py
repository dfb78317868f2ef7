"""Recorded demands without a UE, and which UE of a system is given each."""

import math
from collections.abc import Iterable, Sequence

import msgspec

from testbed.model import random
from testbed.model.system import System
from testbed.model.task import Task, TaskTable
from testbed.scenario.schema import Scenario, TaskSection
from testbed.scenario.workload import ordered

FIELD_ASSIGNMENT = 1


class Request(msgspec.Struct, frozen=True):
    """A recorded demand without a UE: instant in ns, input in bits (0 if nobody recorded it), work in cycles."""

    at_ns: int
    input_bits: int
    cycles: int


def deadline_ns(section: TaskSection, seed: int, ue: int, number: int) -> int:
    """The tolerable delay of task ``number`` of ``ue``, in ns."""
    return section.deadline_ns.whole(random.uniform(seed, random.VALUES, ue, number, random.FIELD_DEADLINE))


class Assigner:
    """Gives requests to the UEs of ``system``, one after another, by the scenario's ``assignment``.

    What nobody recorded of a task is drawn: its deadline, and its input if that is 0.
    """

    def __init__(self, scenario: Scenario, system: System) -> None:
        self._rule, self._task, self._seed = scenario.workload.assignment, scenario.task, scenario.seed
        density = self._rule == "density"
        self._weights = [scenario.cells[ue.cell].density_factor if density else 1.0 for ue in system.ues]
        self._total = math.fsum(self._weights)
        self._counts = [0] * len(self._weights)
        self._row = 0

    def task(self, request: Request) -> Task:
        """The task of the next request."""
        if self._rule == "round_robin":
            ue = self._row % len(self._weights)
        else:
            u = random.uniform(self._seed, random.ARRIVALS, self._row, 0, FIELD_ASSIGNMENT)
            ue = _weighted(u * self._total, self._weights)
        number = self._counts[ue]
        self._row += 1
        self._counts[ue] += 1
        return Task(
            ue=ue,
            number=number,
            generated_ns=request.at_ns,
            input_bits=request.input_bits or self._bits(ue, number),
            cycles=request.cycles,
            deadline_ns=deadline_ns(self._task, self._seed, ue, number),
        )

    def _bits(self, ue: int, number: int) -> int:
        u = random.uniform(self._seed, random.VALUES, ue, number, random.FIELD_BITS)
        return self._task.input_bits.whole(u)


def assign(requests: Iterable[Request], scenario: Scenario, system: System) -> TaskTable:
    """Give each request to a UE by the scenario's ``assignment`` and draw its deadline; sorted as in `generate`."""
    assigner = Assigner(scenario, system)
    return ordered([assigner.task(request) for request in sorted(requests, key=lambda request: request.at_ns)])


def _weighted(mark: float, weights: Sequence[float]) -> int:
    """Index of the weight within whose share of the cumulated sum ``mark`` lies."""
    last = 0
    for i, weight in enumerate(weights):
        if weight > 0.0:
            last = i
            if mark < weight:
                return i
            mark -= weight
    return last
