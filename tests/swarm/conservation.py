"""Cycles and bits are conserved: what was executed and sent, integrated anew from rows, speeds and rates (pure).

Nothing of the model's arithmetic is used: integrals are sums over pieces between instants at which something changes.
"""

from bisect import bisect_right
from collections.abc import Sequence

from testbed.model.system import Es, System, Ue
from testbed.protocol.actions import Execute
from testbed.protocol.rows import LinkRow, SlotRow

SLACK_NS = 1.0


def piecewise(edges_ns: Sequence[int], values: Sequence[float], begin_ns: int, end_ns: int) -> float:
    """The integral over [begin, end) of a function that has ``values[i]`` from ``edges_ns[i]`` on, per second."""
    inner = [edge for edge in edges_ns if begin_ns < edge < end_ns]
    whole, at = 0.0, begin_ns
    for until in [*inner, end_ns]:
        whole += values[bisect_right(edges_ns, at) - 1] * (until - at) * 1e-9
        at = until
    return whole


def wrong_execution(execute: Execute, edges_ns: Sequence[int], speeds_hz: Sequence[float]) -> str:
    """What is wrong with an execution at these speeds: too many cycles, or too few, for its time."""
    done = piecewise(edges_ns, speeds_hz, execute.start_ns, execute.end_ns)
    changes = sum(execute.start_ns < edge < execute.end_ns for edge in edges_ns)
    slack = (changes + 1) * SLACK_NS * 1e-9 * max(speeds_hz) + 1e-9 * execute.cycles
    if abs(done - execute.cycles) > slack:
        return f"in {execute.end_ns - execute.start_ns} ns: {done:.1f} cycles of {execute.cycles}"
    return ""


def speed_of(ue: Ue) -> tuple[list[int], list[float]]:
    """The speed of a UE over time, as `wrong_execution` takes it: 0 while it is paused."""
    return _capped([0], [ue.cpu_hz], *_standstills(ue.pauses_ns))


def paused_ns(ue: Ue, begin_ns: int, end_ns: int) -> int:
    """For how long a UE is paused from ``begin_ns`` to ``end_ns``."""
    return sum(max(0, min(end, end_ns) - max(begin, begin_ns)) for begin, end in ue.pauses_ns)


def wrong_transmission(system: System, ue: Ue, row: LinkRow) -> str:
    """What is wrong with a transmission: its order, or the bits that it moved in its time."""
    if not row.ready_ns <= row.start_ns <= row.end_ns <= row.arrival_ns:
        return f"ready {row.ready_ns}, first bit {row.start_ns}, last bit {row.end_ns}, there {row.arrival_ns}"
    bits = row.bits * row.attempts
    if row.link != row.ue:
        one, other = (int(name.split("-")[1]) - 1 for name in (row.link, row.to))
        edges, rates = [0], [system.backhaul.rate_bps]
        ends = system.edge_servers[one], system.edge_servers[other]
        for spans_ns in (system.cuts_between(one, other), *(es.pauses_ns for es in ends)):
            edges, rates = _capped(edges, rates, *_standstills(spans_ns))
        moved = piecewise(edges, rates, row.start_ns, row.end_ns)
        return _compared(moved, bits, system.backhaul.rate_bps, len(edges))
    if system.radio.coherence_ns:
        return ""  # its rate is drawn anew many times a second: only the model knows it
    edges, rates = _rates(system, ue, row.end_ns)
    moved = piecewise(edges, rates, row.start_ns, row.end_ns)
    if system.radio.access == "shared":
        return f"{moved:.1f} bits at most, of {bits}" if moved < bits - 2 * max(rates) * 1e-9 - 1e-9 * bits else ""
    return _compared(moved, bits, max(rates), len(edges))


def _compared(moved: float, bits: int, rate_bps: float, pieces: int) -> str:
    slack = pieces * SLACK_NS * 1e-9 * rate_bps + 1e-9 * bits
    return "" if abs(moved - bits) <= slack else f"{moved:.1f} bits were moved, of {bits}"


def _rates(system: System, ue: Ue, until_ns: int) -> tuple[list[int], list[float]]:
    """A UE's rate over time, up to an instant: its own or that of the trace, capped."""
    radio = system.radio
    edges, rates = [0], [ue.rate_bps]
    if radio.trace_period_ns:
        turns = range(until_ns // radio.trace_period_ns + 1)
        edges = [turn * radio.trace_period_ns + edge for turn in turns for edge in radio.trace_edges_ns]
        rates = [bps for _ in turns for bps in radio.trace_bps]
    return _capped(edges, rates, list(ue.cap_edges_ns) or [0], list(ue.caps_bps) or [float("inf")])


def _standstills(cuts_ns: Sequence[tuple[int, int]]) -> tuple[list[int], list[float]]:
    """Cuts, or pauses, as a cap over time."""
    edges, caps = [0], [float("inf")]
    for begin, end in cuts_ns:
        edges += [begin, end]
        caps += [0.0, float("inf")]
    return edges, caps


def _capped(
    edges: Sequence[int], rates: Sequence[float], cap_edges: Sequence[int], caps: Sequence[float]
) -> tuple[list[int], list[float]]:
    merged = sorted({*edges, *cap_edges})
    return merged, [min(rates[bisect_right(edges, at) - 1], caps[bisect_right(cap_edges, at) - 1]) for at in merged]


def wrong_slot(row: SlotRow, es: Es, waiting: Sequence[tuple[int, bool]], ends_ns: Sequence[int]) -> str:
    """What is wrong with an announcement of ``es``, which has ``waiting`` tasks (cycles, own) and runs others."""
    if row.waiting != len(waiting):
        return f"{row.waiting} tasks wait in the record, {len(waiting)} do"
    if min(row.backlog_ns, row.own_cycles, row.forwarded_cycles, row.air_cycles, row.busy_ns) < 0:
        return f"something negative was announced: {row}"
    if es.speeds_hz:
        return ""
    cycles = sum(cycles for cycles, _ in waiting)
    backlog = (sum(end - row.at_ns for end in ends_ns) + cycles * 1e9 / es.cpu_hz) / es.cores
    return "" if abs(row.backlog_ns - backlog) <= 2 else f"a backlog of {row.backlog_ns} ns, not {backlog:.0f} ns"
