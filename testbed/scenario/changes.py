"""Faults as changes over time: what a system's tables have of them."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from testbed.model.changing_link import WayBack
from testbed.model.cuts import Span, open_ns, united
from testbed.model.link import segment
from testbed.model.system import BackhaulCut
from testbed.scenario.fault_kinds import Degrade
from testbed.scenario.fault_schema import FaultSection
from testbed.scenario.occurrences import lasting_ns

Value = TypeVar("Value")
Degraded = tuple[int, int, Degrade]


def steps(usual: Value, spans: Iterable[tuple[int, int, Value]]) -> tuple[tuple[int, ...], tuple[Value, ...]]:
    """Edges from 0 on, and the value from each: one of ``spans`` (begin, end or -1, value), else the ``usual`` one.

    Spans do not overlap; one may begin where the one before ends. Both are empty if there is none.
    """
    at: dict[int, Value] = {}
    for begin, end, value in sorted(spans, key=lambda span: span[0]):
        at.setdefault(0, usual)
        at[begin] = value
        if end >= 0:
            at[end] = usual
    return tuple(at), tuple(at.values())


def speeds(name: str, cpu_hz: int, faults: Sequence[FaultSection]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """When the speed of an ES or a UE changes, and to what, in whole cycles/s."""
    spans = (
        (fault.at_ns, lasting_ns(fault), max(1, round(fault.slow.share * cpu_hz)))
        for fault in faults
        if fault.slow is not None and fault.slow.target == name
    )
    edges_ns, speeds_hz = steps(cpu_hz, spans)
    still = pauses(name, faults)
    return standing(edges_ns or (0,), speeds_hz or (cpu_hz,), still, 0) if still else (edges_ns, speeds_hz)


def pauses(name: str, faults: Sequence[FaultSection]) -> tuple[Span, ...]:
    """The spans in which an ES or a UE stands still."""
    found = (fault for fault in faults if fault.pause is not None and fault.pause.target == name)
    return united((fault.at_ns, lasting_ns(fault)) for fault in found)


def standing(
    edges_ns: tuple[int, ...], values: tuple[Value, ...], spans: Sequence[Span], nothing: Value
) -> tuple[tuple[int, ...], tuple[Value, ...]]:
    """What changes over time and is ``nothing`` in the ``spans``, which are disjoint."""
    edges = sorted({*edges_ns, *(edge for span in spans for edge in span)})
    found = (nothing if open_ns(edge, spans) != edge else values[segment(edge, edges_ns)] for edge in edges)
    return tuple(edges), tuple(found)


def uplinks(
    faults: Sequence[FaultSection], homes: Mapping[str, tuple[str, int]], loss: float
) -> dict[str, dict[str, Any]]:
    """What changes of UEs, by name: fields of `testbed.model.system.Ue`.

    ``homes`` are the ES and the speed of each UE; the radio usually loses the part ``loss``.
    """
    degraded: defaultdict[str, list[Degraded]] = defaultdict(list)
    cuts: defaultdict[str, list[Span]] = defaultdict(list)
    for fault in faults:
        if fault.degrade is not None:
            degraded[fault.degrade.target].append((fault.at_ns, lasting_ns(fault), fault.degrade))
        if fault.cut is not None:
            cuts[fault.cut.one].append((fault.at_ns, lasting_ns(fault)))
    paused = {fault.pause.target for fault in faults if fault.pause is not None}
    found = {}
    for name, (es, cpu_hz) in homes.items():
        if name in degraded or name in cuts or name in paused or es in paused:
            still = pauses(name, faults)
            found[name] = _uplink(degraded[name], united(cuts[name]), (*still, *pauses(es, faults)), loss)
            if still:
                edges_ns, speeds_hz = speeds(name, cpu_hz, faults)
                found[name] |= {"pauses_ns": still, "speed_edges_ns": edges_ns, "speeds_hz": speeds_hz}
    return found


def _uplink(spans: Sequence[Degraded], cuts: tuple[Span, ...], still: Sequence[Span], loss: float) -> dict[str, Any]:
    there, both = way(spans, loss), [span for span in spans if span[2].both_ways]
    if closed := united((*cuts, *still)):
        edges_ns, caps_bps = there.cap_edges_ns or (0,), there.caps_bps or (math.inf,)
        caps = standing(edges_ns, caps_bps, closed, 0.0)
        there = msgspec.structs.replace(there, cap_edges_ns=caps[0], caps_bps=caps[1])
    return msgspec.structs.asdict(there) | {"cuts_ns": cuts, "back": way(both, 0.0) if both else None}


def way(spans: Sequence[Degraded], loss: float) -> WayBack:
    """How one way of a link changes that usually loses the part ``loss``."""
    caps = steps(math.inf, [(begin, end, one.rate_bps) for begin, end, one in spans if not math.isinf(one.rate_bps)])
    added = steps(0, [(begin, end, one.added_ns) for begin, end, one in spans if one.added_ns])
    losses = steps(loss, [(begin, end, one.loss) for begin, end, one in spans if one.loss >= 0.0])
    return WayBack(
        cap_edges_ns=caps[0],
        caps_bps=caps[1],
        added_edges_ns=added[0],
        added_ns=added[1],
        loss_edges_ns=losses[0],
        losses=losses[1],
    )


def backhaul_cuts(faults: Sequence[FaultSection], servers: Sequence[str]) -> tuple[BackhaulCut, ...]:
    """When which backhauls are cut, by cuts and partitions; ``servers`` are the ESs' names by index."""
    found: defaultdict[Span, list[Span]] = defaultdict(list)
    for fault in faults:
        span = fault.at_ns, lasting_ns(fault)
        if fault.cut is not None and fault.cut.one in servers:
            one, other = sorted((servers.index(fault.cut.one), servers.index(fault.cut.other)))
            found[one, other].append(span)
        if fault.partition is not None:
            cell = fault.partition.cell
            for other in range(len(servers)):
                if other != cell:
                    found[min(cell, other), max(cell, other)].append(span)
    return tuple(BackhaulCut(one, other, united(spans)) for (one, other), spans in sorted(found.items()))
