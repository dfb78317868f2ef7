"""Mistakes in the faults of a scenario."""

import math
from bisect import bisect, insort
from collections.abc import Iterator, Sequence

import msgspec

from testbed.model.system import EPOCH_ARRIVAL, SHARED
from testbed.scenario import fault_targets
from testbed.scenario.fault_kinds import (
    ANY_CELL,
    FAULT_KINDS,
    Degrade,
    LinkCut,
    Overload,
    Partition,
    Phrase,
    Slow,
    Standstill,
)
from testbed.scenario.fault_schema import FaultSection
from testbed.scenario.mistake import Mistake
from testbed.scenario.names import es_names, process_names, ue_names
from testbed.scenario.occurrences import lasting_ns, phrase_of, times_of
from testbed.scenario.overload import begins_no_slot
from testbed.scenario.random_faults import example, may_be_most
from testbed.scenario.ranges import LONGEST_TASK_NS
from testbed.scenario.schema import Scenario

MOST_TIMES_AGAIN = 10_000
NEVER_BACK_NS = 2**63
Place = tuple[str | int, ...]
Span = tuple[int, int]


def fault_mistakes(scenario: Scenario) -> Iterator[Mistake]:
    """Mistakes in each fault alone, and faults that come while another of the same kind lasts."""
    if scenario.topology is not None:  # who there will be is not known yet
        return
    busy: dict[tuple[str, str], list[Span]] = {}
    for i, fault in enumerate(scenario.faults):
        place = ("faults", i)
        wrong = next(_random(scenario, fault, place) if fault.is_random else _alone(scenario, fault, place), None)
        if wrong is not None:
            yield wrong
        if wrong is not None or fault.is_random:
            continue
        for one in times_of(fault, scenario.slots * scenario.slot_ns):
            named = ("kill", one.kill) if one.kill else _named(one)
            span = one.at_ns, lasting_ns(one) if lasting_ns(one) >= 0 else NEVER_BACK_NS
            others = busy.setdefault(named, [])
            if _meets(span, others, touching=bool(one.kill)):
                yield _met(named, place)
                break
            insort(others, span)


def _meets(span: Span, others: list[Span], *, touching: bool) -> bool:
    """Whether ``span`` overlaps one of ``others``, which are sorted and do not overlap; or, if asked, touches it."""
    at = bisect(others, span)
    margin = 1 if touching else 0
    return any(span[0] < other[1] + margin and other[0] < span[1] + margin for other in others[max(0, at - 1) : at + 1])


def _met(named: tuple[str, str], place: Place) -> Mistake:
    kind, target = named
    if kind == "kill":
        return Mistake((*place, "at"), f"{target} is already dead at that instant", "kill it after its restart")
    message = f'an earlier "{kind}" of {target} lasts at that instant'
    return Mistake((*place, "at"), message, 'let it begin later, or give the earlier one a shorter "for"')


def _named(fault: FaultSection) -> tuple[str, str]:
    found = phrase_of(fault)
    assert found is not None
    return found[0], found[1].target


def _alone(scenario: Scenario, fault: FaultSection, place: Place) -> Iterator[Mistake]:
    """What is wrong with one fault whatever the others are."""
    if fault.at_ns < 0:
        yield Mistake(place, 'a fault lacks "at"', 'add "at", or "mean_interval"')
    if fault.key >= 0:
        yield Mistake((*place, "key"), '"key" means nothing for what comes as planned', 'it is for "mean_interval"')
    kinds = [kind for kind in ("kill", *FAULT_KINDS) if getattr(fault, kind)]
    if len(kinds) != 1:
        what = f'both "{kinds[0]}" and "{kinds[1]}"' if kinds else "nothing"
        yield Mistake(place, f"a fault that does {what}", f"give one of: kill, {', '.join(FAULT_KINDS)}")
        return
    yield from _kill(scenario, fault, place) if fault.kill else _disturbance(scenario, fault, place)
    yield from _again(scenario, fault, place)


def _random(scenario: Scenario, fault: FaultSection, place: Place) -> Iterator[Mistake]:
    """What is wrong with a fault that comes at random."""
    if fault.every_ns >= 0:
        yield Mistake(
            (*place, "every"), '"every" means nothing for what comes at random', 'drop it, or "mean_interval"'
        )
    elif fault.kill or phrase_of(fault) is not None:
        if may_be_most(scenario, fault) > MOST_TIMES_AGAIN / 2:
            often = f"it comes more than {MOST_TIMES_AGAIN // 2:,} times"
            yield Mistake((*place, "mean_interval"), often, "let it come less often")
        else:
            yield from _alone(scenario, example(scenario, fault), place)
    else:
        yield from _alone(scenario, msgspec.structs.replace(fault, at_ns=0, key=-1), place)


def _kill(scenario: Scenario, fault: FaultSection, place: Place) -> Iterator[Mistake]:
    names = process_names(scenario)
    if fault.kill not in names:
        message = f'there is no process "{fault.kill}" to kill'
        yield Mistake((*place, "kill"), message, fault_targets.remedy(scenario, "kill", fault.kill))
    if fault.for_ns >= 0:
        yield Mistake((*place, "for"), '"for" means nothing for a death', 'write "restart_after"')


def _disturbance(scenario: Scenario, fault: FaultSection, place: Place) -> Iterator[Mistake]:
    kind, phrase = phrase_of(fault) or ("", None)
    if fault.restart_after_ns >= 0:
        yield Mistake((*place, "restart_after"), f'"restart_after" means nothing for "{kind}"', 'write "for"')
    if isinstance(phrase, LinkCut):
        yield from _cut(scenario, phrase, (*place, kind))
    if isinstance(phrase, Partition):
        yield from _cell(scenario, phrase.cell, phrase, (*place, kind))
    if isinstance(phrase, LinkCut | Partition | Standstill) and not 0 <= fault.for_ns <= LONGEST_TASK_NS:
        if fault.for_ns < 0:
            yield Mistake(place, f'a {kind} needs "for"', "say how long it lasts, like for: 2 s")
        else:
            yield Mistake((*place, "for"), f'a "{kind}" that does not end within a day', 'give a shorter "for"')
    if isinstance(phrase, Degrade):
        yield from _named_one(scenario, phrase.target, ue_names(scenario), "user equipment", (*place, kind))
        if not math.isinf(phrase.rate_bps):
            yield from _fading(scenario, (*place, kind))
        if scenario.radio.access == SHARED and not (math.isinf(phrase.rate_bps) and phrase.loss < 0.0):
            what = "loss" if math.isinf(phrase.rate_bps) else "rate"
            yield Mistake(
                (*place, kind), f"a {what} on a shared radio is not one UE's own", "degrade its latency alone"
            )
    if isinstance(phrase, Slow):
        yield from _named_one(scenario, phrase.target, es_names(scenario), "edge server", (*place, kind))
    if isinstance(phrase, Standstill):
        yield from _pause(scenario, phrase, (*place, kind))
    if isinstance(phrase, Overload):
        yield from _overload(scenario, phrase, (*place, kind))
        if begins_no_slot(fault, scenario.slot_ns):
            yield Mistake((*place, "for"), "no slot begins while it lasts", "give at least a slot")


def _cut(scenario: Scenario, phrase: LinkCut, place: Place) -> Iterator[Mistake]:
    servers, ues = es_names(scenario), ue_names(scenario)
    if phrase.one in servers:
        others = [es for es in servers if es != phrase.one]
        yield from _named_one(scenario, phrase.other, others, "other edge server", place)
        return
    yield from _named_one(scenario, phrase.one, ues, "user equipment", place)
    home = f"es-{phrase.one.split('-')[1]}" if phrase.one in ues else phrase.other
    if phrase.other != home:
        yield Mistake(place, f"{phrase.one} has no link to {phrase.other}", f"write {phrase.one}:{home}")
    yield from _fading(scenario, place)
    if scenario.radio.access == SHARED:
        yield Mistake(place, "one UE's link cannot be cut on a shared radio", "take access: dedicated")


def _pause(scenario: Scenario, phrase: Standstill, place: Place) -> Iterator[Mistake]:
    names = [*es_names(scenario), *ue_names(scenario)]
    yield from _named_one(scenario, phrase.target, names, "user equipment or edge server", place)
    yield from _fading(scenario, place)
    if scenario.radio.access == SHARED:
        yield Mistake(place, "one sender of a shared radio cannot stand still", "take access: dedicated")
    if scenario.agent.epoch == EPOCH_ARRIVAL:
        yield Mistake(place, 'nobody stands still with epoch "arrival"', "take agent.epoch: slot")


def _fading(scenario: Scenario, place: Place) -> Iterator[Mistake]:
    if scenario.radio.fading is not None:
        yield Mistake(place, "the rate of a link that fades is not capped or cut", "drop radio.fading, or this fault")


def _overload(scenario: Scenario, phrase: Overload, place: Place) -> Iterator[Mistake]:
    yield from _cell(scenario, phrase.cell, phrase, place)
    if scenario.workload.trace:
        yield Mistake(place, "a trace leaves no place for an overload", "drop the overload, or the trace")


def _named_one(scenario: Scenario, name: str, known: Sequence[str], what: str, place: Place) -> Iterator[Mistake]:
    """``place`` ends in the kind of the fault."""
    if name not in known:
        yield Mistake(place, f'there is no {what} "{name}"', fault_targets.remedy(scenario, str(place[-1]), name))


def _cell(scenario: Scenario, cell: int, phrase: Phrase, place: Place) -> Iterator[Mistake]:
    if cell == ANY_CELL:
        yield Mistake(place, "a planned fault of any cell", 'write which, as in: cell 2; "cell" is for "mean_interval"')
    if cell >= len(scenario.cells):
        count = len(scenario.cells)
        yield Mistake(place, f'there is no "{phrase.target}"', f"there {'is' if count == 1 else 'are'} {count}")


def _again(scenario: Scenario, fault: FaultSection, place: Place) -> Iterator[Mistake]:
    if fault.every_ns < 0:
        return
    lasts = "restart_after" if fault.kill else "for"
    if lasting_ns(fault) < 0 or lasting_ns(fault) - fault.at_ns >= fault.every_ns:
        message = f"it comes again every {fault.every_ns * 1e-9:g} s, before it is over"
        yield Mistake((*place, "every"), message, f'give "{lasts}", shorter than "every"')
    elif (scenario.slots * scenario.slot_ns - fault.at_ns) // fault.every_ns > MOST_TIMES_AGAIN:
        yield Mistake((*place, "every"), f"it comes more than {MOST_TIMES_AGAIN:,} times", "let it come less often")


def late_faults(scenario: Scenario) -> Iterator[Mistake]:
    """Faults that the run never sees, because generation ends before."""
    end_ns = scenario.slots * scenario.slot_ns
    for i, fault in enumerate(scenario.faults):
        if fault.at_ns >= end_ns:
            found = phrase_of(fault)
            what = f'"{found[0]} {found[1].text}"' if found is not None else f"{fault.kill} is killed"
            message = f"the run ends at {end_ns * 1e-9:g} s, before {what} at {fault.at_ns * 1e-9:g} s"
            yield Mistake(("faults", i, "at"), message, "let it happen earlier, or give more slots")


def cut_faults(scenario: Scenario) -> Scenario:
    """The scenario with only the faults that its run sees: what is left when a caller cuts a run short."""
    end_ns = scenario.slots * scenario.slot_ns
    return msgspec.structs.replace(scenario, faults=tuple(f for f in scenario.faults if f.at_ns < end_ns))
