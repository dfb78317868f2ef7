"""Faults that come at random are drawn before a run, so that every clock knows their instants (pure).

Those of one entry are a Poisson process. Draw k of entry number i is keyed (seed, faults, i, k): field 0 is the time
since the one before, exponential with the mean given, field 1 (and 2, for the other end of a backhaul) who is hit.
"""

from collections.abc import Callable, Iterator

import msgspec

from testbed.model import random
from testbed.scenario.fault_kinds import ANY_CELL, LinkCut, Overload, Partition, Phrase
from testbed.scenario.fault_schema import FaultSection
from testbed.scenario.names import es_name, ue_names
from testbed.scenario.occurrences import lasting_ns, occurrences, phrase_of
from testbed.scenario.schema import Scenario

ANY_UE, ANY_ES = "ue", "es"
MOST_DRAWN = 10_000
FIELD_GAP, FIELD_WHO, FIELD_OTHER = 0, 1, 2


class Drawn(msgspec.Struct, frozen=True):
    """How often a fault that comes at random comes: ``what`` it is, and ``count`` times."""

    what: str
    count: int


def drawn(scenario: Scenario) -> tuple[Scenario, tuple[Drawn, ...]]:
    """``scenario`` with what comes at random drawn, and how often each of that comes.

    What would meet a planned fault of its kind and target, or one that was drawn before, does not come.
    """
    end_ns = scenario.slots * scenario.slot_ns
    planned = [fault for fault in scenario.faults if not fault.is_random]
    if len(planned) == len(scenario.faults):
        return scenario, ()
    busy = [_span(fault) for fault in occurrences(tuple(planned), end_ns)]
    counts = []
    for i, fault in enumerate(scenario.faults):
        if not fault.is_random:
            continue
        kept = [one for one in _draws(scenario, i, fault, end_ns) if _is_free(one, busy)]
        planned += kept
        counts.append(Drawn(f"{_text(fault)} about every {fault.mean_interval_ns * 1e-9:g} s", len(kept)))
    return msgspec.structs.replace(scenario, faults=tuple(planned)), tuple(counts)


def example(scenario: Scenario, fault: FaultSection) -> FaultSection:
    """One of those that ``fault``, which comes at random, may be, at its earliest."""
    return _hit(scenario, fault, max(0, fault.at_ns), (0.0, 0.0))


def may_be_most(scenario: Scenario, fault: FaultSection) -> float:
    """How often ``fault`` comes on average."""
    left_ns = scenario.slots * scenario.slot_ns - max(0, fault.at_ns)
    return left_ns / fault.mean_interval_ns


def _draws(scenario: Scenario, i: int, fault: FaultSection, end_ns: int) -> Iterator[FaultSection]:
    seed = fault.key if fault.key >= 0 else scenario.seed

    def u(k: int, field: int) -> float:
        return random.uniform(seed, random.FAULTS, i, k, field)

    at_ns = max(0, fault.at_ns)
    for k in range(MOST_DRAWN):
        at_ns += max(1, round(random.exponential(u(k, FIELD_GAP)) * fault.mean_interval_ns))
        if at_ns >= end_ns:
            return
        yield _hit(scenario, fault, at_ns, (u(k, FIELD_WHO), u(k, FIELD_OTHER)))


def _hit(scenario: Scenario, fault: FaultSection, at_ns: int, u: tuple[float, float]) -> FaultSection:
    """``fault`` as it comes once, to whom the draws ``u`` say."""
    cells, ues = len(scenario.cells), ue_names(scenario)
    cell = min(int(u[0] * cells), cells - 1)

    def who(name: str) -> str:
        if name == ANY_UE:
            return ues[min(int(u[0] * len(ues)), len(ues) - 1)]
        return es_name(cell) if name == ANY_ES else name

    found = phrase_of(fault)
    changes: dict[str, object] = {"at_ns": at_ns, "mean_interval_ns": -1, "key": -1, "kill": who(fault.kill)}
    if found is not None:
        changes[found[0]] = _hits(found[1], who, cell, (u[1], cells))
    return msgspec.structs.replace(fault, **changes)


def _hits(phrase: Phrase, who: Callable[[str], str], cell: int, other: tuple[float, int]) -> Phrase:
    """``phrase`` with a target: ``cell``, or ``who`` is meant; ``other`` are a draw and the number of cells."""
    if isinstance(phrase, Overload | Partition):
        return msgspec.structs.replace(phrase, cell=cell) if phrase.cell == ANY_CELL else phrase
    if not isinstance(phrase, LinkCut):
        return msgspec.structs.replace(phrase, target=who(phrase.target))
    one = who(phrase.one)
    if phrase.other != ANY_ES:
        return LinkCut(one, phrase.other)
    if one.startswith("ue-"):
        return LinkCut(one, f"es-{one.split('-')[1]}")
    u, cells = other
    others = [es_name(each) for each in range(cells) if es_name(each) != one]
    return LinkCut(one, others[min(int(u * len(others)), len(others) - 1)] if others else phrase.other)


def _text(fault: FaultSection) -> str:
    found = phrase_of(fault)
    return f"{found[0]} {found[1].text}" if found is not None else f"kill {fault.kill}"


def _span(fault: FaultSection) -> tuple[str, int, int]:
    """What a fault that comes once hits, from when, and until when."""
    found, until = phrase_of(fault), lasting_ns(fault)
    what = f"{found[0]} {found[1].target}" if found is not None else f"kill {fault.kill}"
    return what, fault.at_ns, until if until >= 0 else 2**63


def _is_free(fault: FaultSection, busy: list[tuple[str, int, int]]) -> bool:
    """Whether nothing of its kind lasts there while ``fault`` does; if so, it is ``busy`` then."""
    what, begin, end = _span(fault)
    if any(other == what and begin <= until and since <= end for other, since, until in busy):
        return False
    busy.append((what, begin, end))
    return True
