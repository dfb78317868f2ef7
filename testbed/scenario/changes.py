"""Faults as changes over time: what a system's tables have of them."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec

from testbed.model.cuts import Span, open_ns
from testbed.model.link import segment
from testbed.model.system import BackhaulCut, WayBack
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


def speeds(es: str, cpu_hz: int, faults: Sequence[FaultSection]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """When the speed of an ES changes, and to what, in whole cycles/s."""
    spans = (
        (fault.at_ns, lasting_ns(fault), max(1, round(fault.slow.share * cpu_hz)))
        for fault in faults
        if fault.slow is not None and fault.slow.target == es
    )
    return steps(cpu_hz, spans)


class Uplink(msgspec.Struct, frozen=True, kw_only=True):
    """What changes of a UE's uplink; see `testbed.model.system.Ue`."""

    cap_edges_ns: tuple[int, ...]
    caps_bps: tuple[float, ...]
    added_edges_ns: tuple[int, ...]
    added_ns: tuple[int, ...]
    loss_edges_ns: tuple[int, ...]
    losses: tuple[float, ...]
    cuts_ns: tuple[Span, ...]
    back: WayBack | None


def uplinks(faults: Sequence[FaultSection], loss: float) -> dict[str, Uplink]:
    """The changed uplinks by UE, on a radio of the usual ``loss``."""
    degraded: defaultdict[str, list[Degraded]] = defaultdict(list)
    cuts: defaultdict[str, list[Span]] = defaultdict(list)
    for fault in faults:
        if fault.degrade is not None:
            degraded[fault.degrade.target].append((fault.at_ns, lasting_ns(fault), fault.degrade))
        if fault.cut is not None:
            cuts[fault.cut.one].append((fault.at_ns, lasting_ns(fault)))
    return {ue: _uplink(degraded[ue], united(cuts[ue]), loss) for ue in {*degraded, *cuts}}


def _uplink(spans: Sequence[Degraded], cuts: tuple[Span, ...], loss: float) -> Uplink:
    there, both = way(spans, loss), [span for span in spans if span[2].both_ways]
    if cuts:
        caps = _cut_too(there.cap_edges_ns, there.caps_bps, cuts)
        there = msgspec.structs.replace(there, cap_edges_ns=caps[0], caps_bps=caps[1])
    return Uplink(**msgspec.structs.asdict(there), cuts_ns=cuts, back=way(both, 0.0) if both else None)


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


def _cut_too(
    edges_ns: tuple[int, ...], caps_bps: tuple[float, ...], cuts: tuple[Span, ...]
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Caps of a link that is also cut."""
    edges_ns, caps_bps = edges_ns or (0,), caps_bps or (math.inf,)
    edges = sorted({*edges_ns, *(edge for cut in cuts for edge in cut)})
    caps = (0.0 if open_ns(edge, cuts) != edge else caps_bps[segment(edge, edges_ns)] for edge in edges)
    return tuple(edges), tuple(caps)


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


def united(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Spans that cover the same instants, disjoint and in order."""
    found: list[Span] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((begin, end))
    return tuple(found)
