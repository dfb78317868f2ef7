"""Faults that somebody asks for while a run goes on, as faults of its scenario: so that everything that knows those
knows them, and a replay repeats them (pure)."""

from collections.abc import Sequence

import msgspec

from testbed.model.errors import InvalidError
from testbed.scenario.fault_grammar import FaultPhrase
from testbed.scenario.fault_kinds import FAULT_KINDS, LinkCut, Partition, Standstill
from testbed.scenario.fault_schema import FaultSection
from testbed.scenario.occurrences import lasting_ns, occurrences, phrase_of
from testbed.scenario.overload import begins_no_slot, is_overload
from testbed.scenario.ranges import LONGEST_TASK_NS
from testbed.scenario.schema import Scenario

UNTIL_LIFTED = (LinkCut, Partition, Standstill)


def asked_for(scenario: Scenario, kind: str, text: str, at_ns: int, for_ns: int) -> Scenario:
    """``scenario`` with a fault of ``kind`` from ``at_ns`` on, for ``for_ns`` or (-1) until it is lifted.

    It takes the place of one of its kind and target that lasts at that instant, and ends where the next one begins.
    Raises `InvalidError` for what is none.
    """
    phrase = FaultPhrase(kind).parse(text)
    faults = _ended(_each(scenario), kind, phrase.target, at_ns, scenario.slot_ns)
    if for_ns < 0 and isinstance(phrase, UNTIL_LIFTED):
        for_ns = LONGEST_TASK_NS
    to_come = [fault.at_ns for fault in faults if fault.at_ns > at_ns and _is_of(fault, kind, phrase.target)]
    if to_come and (for_ns < 0 or at_ns + for_ns > min(to_come)):
        for_ns = min(to_come) - at_ns
    made = msgspec.structs.replace(FaultSection(at_ns=at_ns, for_ns=for_ns), **{kind: phrase})
    return msgspec.structs.replace(scenario, faults=tuple(sorted((*faults, made), key=lambda fault: fault.at_ns)))


def lifted(scenario: Scenario, text: str, at_ns: int) -> Scenario:
    """``scenario`` whose faults of what ``text`` names, a target with or without a kind before it, end at ``at_ns``.

    Raises `InvalidError` if none lasts then.
    """
    words = text.split(maxsplit=1)
    kinds: Sequence[str] = FAULT_KINDS
    target = text
    if len(words) == 2 and words[0] in FAULT_KINDS:
        kinds, target = (words[0],), words[1]
    each = _each(scenario)
    faults = each
    for kind in kinds:
        faults = _ended(faults, kind, " ".join(target.split()), at_ns, scenario.slot_ns)
    if faults == each:
        found = [one for one in map(phrase_of, _lasting(each, at_ns)) if one is not None]
        there = sorted({f"{kind} {phrase.target}" for kind, phrase in found})
        if there:
            raise InvalidError(f'no fault called "{text}" lasts now', f"lift what does: {', '.join(there)}")
        raise InvalidError(f'no fault called "{text}" lasts now', "there is nothing to lift")
    return msgspec.structs.replace(scenario, faults=faults)


def _each(scenario: Scenario) -> tuple[FaultSection, ...]:
    """The faults, those that come again one by one."""
    return occurrences(scenario.faults, scenario.slots * scenario.slot_ns)


def _is_of(fault: FaultSection, kind: str, target: str) -> bool:
    found = phrase_of(fault)
    return found is not None and (found[0], found[1].target) == (kind, target)


def _lasting(faults: Sequence[FaultSection], at_ns: int) -> list[FaultSection]:
    return [
        fault
        for fault in faults
        if not fault.kill and fault.at_ns < at_ns and (lasting_ns(fault) < 0 or lasting_ns(fault) > at_ns)
    ]


def _ended(
    faults: Sequence[FaultSection], kind: str, target: str, at_ns: int, slot_ns: int
) -> tuple[FaultSection, ...]:
    """``faults``, of which those of ``kind`` on ``target`` that last at ``at_ns`` end there.

    An overload in which no slot has begun was none.
    """
    ending = [fault for fault in _lasting(faults, at_ns) if _is_of(fault, kind, target)]
    ended = (
        msgspec.structs.replace(fault, for_ns=at_ns - fault.at_ns) if fault in ending else fault for fault in faults
    )
    return tuple(fault for fault in ended if not (is_overload(fault) and begins_no_slot(fault, slot_ns)))
