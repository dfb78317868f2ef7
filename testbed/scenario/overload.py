"""How bursts of arrivals change the density of a cell."""

import numpy as np
from numpy.typing import NDArray

from testbed.scenario.fault_schema import FaultSection
from testbed.scenario.occurrences import occurrences
from testbed.scenario.profile import slot_factors
from testbed.scenario.schema import Scenario


def is_overload(fault: FaultSection) -> bool:
    """Whether a fault changes the workload alone."""
    return fault.overload is not None


def begins_no_slot(fault: FaultSection, slot_ns: int) -> bool:
    """Whether no slot begins while ``fault`` lasts, so that an overload of that time changes nothing."""
    return 0 <= fault.for_ns <= -fault.at_ns % slot_ns


def factors_by_cell(scenario: Scenario) -> tuple[tuple[float, ...], ...]:
    """The factors of each cell's density by slot, which repeat: those of the profile, times those of its overloads.

    A slot belongs to the overload in which its first instant lies.
    """
    profile, end_ns = slot_factors(scenario), scenario.slots * scenario.slot_ns
    by_cell = [profile for _ in scenario.cells]
    changed: dict[int, NDArray[np.float64]] = {}
    for fault in occurrences(scenario.faults, end_ns):
        if fault.overload is None:
            continue
        factors = changed.setdefault(fault.overload.cell, np.resize(np.array(profile), scenario.slots))
        first = -(-fault.at_ns // scenario.slot_ns)
        last = scenario.slots if fault.for_ns < 0 else -(-(fault.at_ns + fault.for_ns) // scenario.slot_ns)
        factors[first:last] *= fault.overload.factor
    for cell, factors in changed.items():
        by_cell[cell] = tuple(factors.tolist())
    return tuple(by_cell)
