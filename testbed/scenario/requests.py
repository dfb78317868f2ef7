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
    """A recorded demand without a UE: instant in ns, input in bits, work in cycles."""

    at_ns: int
    input_bits: int
    cycles: int


def deadline_ns(section: TaskSection, seed: int, ue: int, number: int) -> int:
    """The tolerable delay of task ``number`` of ``ue``, in ns."""
    return section.deadline_ns.whole(random.uniform(seed, random.VALUES, ue, number, random.FIELD_DEADLINE))


def assign(requests: Iterable[Request], scenario: Scenario, system: System) -> TaskTable:
    """Give each request to a UE by the scenario's ``assignment`` and draw its deadline; sorted as in `generate`."""
    rule = scenario.workload.assignment
    weights = [scenario.cells[ue.cell].density_factor if rule == "density" else 1.0 for ue in system.ues]
    total = math.fsum(weights)
    counts = [0] * len(weights)
    tasks: list[Task] = []
    for row, request in enumerate(sorted(requests, key=lambda request: request.at_ns)):
        if rule == "round_robin":
            ue = row % len(weights)
        else:
            u = random.uniform(scenario.seed, random.ARRIVALS, row, 0, FIELD_ASSIGNMENT)
            ue = _weighted(u * total, weights)
        deadline = deadline_ns(scenario.task, scenario.seed, ue, counts[ue])
        tasks.append(
            Task(
                ue=ue,
                number=counts[ue],
                generated_ns=request.at_ns,
                input_bits=request.input_bits,
                cycles=request.cycles,
                deadline_ns=deadline,
            )
        )
        counts[ue] += 1
    return ordered(tasks)


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
