"""Faults as they happen: each of those that come again is several."""

import msgspec

from testbed.model.system import Disturbance
from testbed.scenario.fault_kinds import FAULT_KINDS, Phrase
from testbed.scenario.fault_schema import FaultSection


def occurrences(faults: tuple[FaultSection, ...], end_ns: int) -> tuple[FaultSection, ...]:
    """Every occurrence of ``faults`` before ``end_ns``, by instant; none of them comes again."""
    occasions = [one for fault in faults for one in times_of(fault, end_ns)]
    return tuple(sorted(occasions, key=lambda fault: fault.at_ns))


def times_of(fault: FaultSection, end_ns: int) -> list[FaultSection]:
    """The occurrences of one fault before ``end_ns``, of one that comes too late that one alone."""
    if fault.every_ns < 0:
        return [fault]
    instants = range(fault.at_ns, max(end_ns, fault.at_ns + 1), fault.every_ns)
    return [msgspec.structs.replace(fault, at_ns=at_ns, every_ns=-1) for at_ns in instants]


def phrase_of(fault: FaultSection) -> tuple[str, Phrase] | None:
    """The kind of a fault that kills nothing, and what it does; None if there is none."""
    return next(((kind, phrase) for kind in FAULT_KINDS if (phrase := getattr(fault, kind)) is not None), None)


def lasting_ns(fault: FaultSection) -> int:
    """When a fault is over, or -1."""
    lasts = fault.restart_after_ns if fault.kill else fault.for_ns
    return fault.at_ns + lasts if lasts >= 0 else -1


def disturbances(faults: tuple[FaultSection, ...]) -> tuple[Disturbance, ...]:
    """What of ``faults``, none of which comes again, kills nothing."""
    phrases = [(fault, phrase_of(fault)) for fault in faults]
    return tuple(
        Disturbance(phrase[1].target, f"{phrase[0]} {phrase[1].text}", fault.at_ns, lasting_ns(fault))
        for fault, phrase in phrases
        if phrase is not None
    )
