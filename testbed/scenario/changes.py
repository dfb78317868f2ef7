"""Faults as changes over time: what a system's tables have of them."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec

from testbed.scenario.fault_kinds import Degrade
from testbed.scenario.occurrences import lasting_ns
from testbed.scenario.schema import FaultSection

Value = TypeVar("Value")


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


def uplinks(faults: Sequence[FaultSection]) -> dict[str, Uplink]:
    """The changed uplinks by UE."""
    mine: defaultdict[str, list[tuple[int, int, Degrade]]] = defaultdict(list)
    for fault in faults:
        if fault.degrade is not None:
            mine[fault.degrade.target].append((fault.at_ns, lasting_ns(fault), fault.degrade))
    return {ue: _uplink(spans) for ue, spans in mine.items()}


def _uplink(spans: Sequence[tuple[int, int, Degrade]]) -> Uplink:
    caps = steps(math.inf, [(begin, end, one.rate_bps) for begin, end, one in spans if not math.isinf(one.rate_bps)])
    added = steps(0, [(begin, end, one.added_ns) for begin, end, one in spans if one.added_ns])
    return Uplink(cap_edges_ns=caps[0], caps_bps=caps[1], added_edges_ns=added[0], added_ns=added[1])
