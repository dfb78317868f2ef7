"""A task's way over the radio: how often it is sent, when its last bit leaves, and how late that arrives."""

import math

from testbed.model import link, random
from testbed.model.changing_link import NO_TRACE, RateTrace, WayBack
from testbed.model.cuts import Span, noticed, open_ns
from testbed.model.delay import FOREVER_NS, transfer_ns
from testbed.model.system import Radio, System, Ue
from testbed.model.task import Task


def attempts(system: System, task: Task, start_ns: int) -> int:
    """Transmissions that ``task`` needs until none of it is lost, if the first begins at ``start_ns``."""
    ue = system.ues[task.ue]
    loss = ue.losses[link.segment(start_ns, ue.loss_edges_ns)] if ue.losses else system.radio.loss
    return link.attempts(system.seed, task.ue, task.number, loss)


def least_attempts(system: System, task: Task) -> int:
    """Transmissions that ``task`` needs at least, whenever the first begins."""
    loss = min(system.ues[task.ue].losses, default=system.radio.loss)
    return link.attempts(system.seed, task.ue, task.number, loss)


def longest_return_ns(system: System, ue: Ue, number: int) -> int:
    """The most that the result of the UE's task ``number`` takes once its way is open, ns."""
    radio, back = system.radio, ue.back or WayBack()
    tries = link.attempts(system.seed, ue.index, number, max(back.losses, default=0.0), random.FIELD_LOSS_BACK)
    least_bps = min((ue.rate_bps, *back.caps_bps))
    return radio.return_latency_ns + transfer_ns(radio.result_bits * tries, least_bps) + max(back.added_ns, default=0)


def returned_ns(system: System, ue: Ue, number: int, end_ns: int, es: int) -> int:
    """When the result of the UE's task ``number``, which ended at ``end_ns`` at ES ``es``, is at its UE."""
    radio, back = system.radio, ue.back
    leaves = system.result_leaves_ns(end_ns, ue, es)
    if back is None:
        return open_ns(leaves + radio.return_latency_ns + transfer_ns(radio.result_bits, ue.rate_bps), ue.pauses_ns)
    tries = 1
    if back.losses:
        loss = back.losses[link.segment(leaves, back.loss_edges_ns)]
        tries = link.attempts(system.seed, ue.index, number, loss, random.FIELD_LOSS_BACK)
    bits, caps = float(radio.result_bits * tries), (back.cap_edges_ns or (0,), back.caps_bps or (math.inf,))
    last = link.capped_end_ns(leaves, bits, caps, (0,), (ue.rate_bps,), FOREVER_NS)
    added = back.added_ns[link.segment(last, back.added_edges_ns)] if back.added_ns else 0
    return open_ns(last + radio.return_latency_ns + added, ue.pauses_ns)


def end_ns(system: System, task: Task, start_ns: int, tries: int) -> int:
    """Instant of the last bit on a link that is the task's alone from ``start_ns`` on, ``tries`` times over."""
    return last_bit_ns(system, system.ues[task.ue], start_ns, task.input_bits * tries)


def last_bit_ns(system: System, ue: Ue, start_ns: int, bits: float) -> int:
    """Instant at which ``ue`` has sent ``bits`` alone since ``start_ns``: along its rate trace, through fading, or at
    its own rate. A trace and an own rate may be capped for a time.
    """
    radio = system.radio
    if not (ue.caps_bps or radio.traces or radio.trace_period_ns or radio.coherence_ns):
        return link.steady_end_ns(start_ns, bits, ue.rate_bps)
    trace = trace_of(radio, ue)
    if ue.caps_bps:
        full = trace or RateTrace(edges_ns=(0,), bps=(ue.rate_bps,), period_ns=FOREVER_NS)
        caps = ue.cap_edges_ns, ue.caps_bps
        return link.capped_end_ns(start_ns, bits, caps, full.edges_ns, full.bps, full.period_ns)
    if trace is not None:
        return link.traced_end_ns(start_ns, bits, trace.edges_ns, trace.bps, trace.period_ns)
    if radio.coherence_ns > 0:
        return link.faded_end_ns(start_ns, bits, _ue_hash(system.seed, ue), ue.snr, *_fading(radio))
    return link.steady_end_ns(start_ns, bits, ue.rate_bps)


def taken_back(system: System, ue: Ue, ready_ns: int, last_bit_ns: int) -> Span | None:
    """Why and when ``ue`` takes back a task that was posted at ``ready_ns`` and would be sent by ``last_bit_ns``.

    Returns the begin of the cut and the instant at which it is known, with the task still on the radio; None if the UE
    does not take it back.
    """
    if not (ue.cuts_ns and system.resilience.recovers_from_cuts):
        return None
    spans = noticed(ue.cuts_ns, system.detection_ns, ue.pauses_ns)
    return next(((begin, at) for begin, at in spans if ready_ns < at < last_bit_ns), None)


def moved_bits(system: System, ue: Ue, start_ns: int, end_ns: int, seed: int) -> float:
    """Bits that ``ue`` sends alone from ``start_ns`` to ``end_ns``; ``seed`` is that of the link's draws."""
    radio = system.radio
    if trace := trace_of(radio, ue):
        return link.traced_bits(start_ns, end_ns, trace.edges_ns, trace.bps, trace.period_ns)
    if radio.coherence_ns > 0:
        return link.faded_bits(start_ns, end_ns, _ue_hash(seed, ue), ue.snr, *_fading(radio))
    return link.steady_bits(start_ns, end_ns, ue.rate_bps)


def trace_of(radio: Radio, ue: Ue) -> RateTrace | None:
    """The rate trace that ``ue`` follows: its own, or that of all."""
    if ue.trace != NO_TRACE:
        return radio.traces[ue.trace]
    if radio.trace_period_ns > 0:
        return RateTrace(edges_ns=radio.trace_edges_ns, bps=radio.trace_bps, period_ns=radio.trace_period_ns)
    return None


def varies(system: System, cell: int) -> bool:
    """Whether the rate of any UE of ``cell`` changes over time."""
    radio = system.radio
    return radio.coherence_ns > 0 or any(trace_of(radio, ue) is not None for ue in system.cell_ues(cell))


def peak_bps(system: System, ue: Ue) -> float:
    """A rate that ``ue`` never exceeds, bit/s."""
    radio = system.radio
    if trace := trace_of(radio, ue):
        return max(trace.bps)
    if radio.coherence_ns > 0:
        strongest = 1.0 + ue.snr * random.exponential(1.0 - random.UNIT)
        return radio.bandwidth_hz * min(radio.max_spectral_efficiency, math.log2(strongest))
    return ue.rate_bps


def _ue_hash(seed: int, ue: Ue) -> int:
    return random.subjects_hash(seed, random.LINK, ue.index)


def _fading(radio: Radio) -> tuple[float, float, int]:
    return radio.bandwidth_hz, radio.max_spectral_efficiency, radio.coherence_ns


def arrival_ns(system: System, task: Task, last_bit_ns: int) -> int:
    """When ``task``, whose last bit has left at ``last_bit_ns``, is at its ES, which may have to go on first."""
    es = system.edge_servers[system.ues[task.ue].cell]
    return open_ns(last_bit_ns + latency_ns(system, task, last_bit_ns), es.pauses_ns)


def latency_ns(system: System, task: Task, last_bit_ns: int) -> int:
    """How long after its last bit has left, at ``last_bit_ns``, ``task`` arrives: latency and jitter."""
    ue, latency = system.ues[task.ue], system.radio.latency_ns + jitter_ns(system, task)
    return latency + (ue.added_ns[link.segment(last_bit_ns, ue.added_edges_ns)] if ue.added_ns else 0)


def jitter_ns(system: System, task: Task) -> int:
    """What the last bit of ``task`` takes longer than the radio's latency, ns."""
    radio = system.radio
    return link.jitter_ns(
        system.seed, task.ue, task.number, radio.jitter_kind, radio.jitter_low_ns, radio.jitter_high_ns
    )
