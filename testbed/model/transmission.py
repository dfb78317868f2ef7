"""A task's way over the radio: how often it is sent, when its last bit leaves, and how late that arrives."""

from testbed.model import link
from testbed.model.delay import FOREVER_NS
from testbed.model.system import System
from testbed.model.task import Task


def attempts(system: System, task: Task) -> int:
    """Transmissions that ``task`` needs until none of it is lost."""
    return link.attempts(system.seed, task.ue, task.number, system.radio.loss)


def end_ns(system: System, task: Task, start_ns: int, tries: int) -> int:
    """Instant of the last bit on a dedicated link that is the task's alone from ``start_ns`` on, ``tries`` times over.

    The link has the UE's own rate, or follows the rate trace; either may be capped for a time.
    """
    radio, ue = system.radio, system.ues[task.ue]
    if ue.caps_bps:
        bits, caps = task.input_bits * tries, (ue.cap_edges_ns, ue.caps_bps)
        if radio.trace_period_ns > 0:
            return link.capped_end_ns(
                start_ns, bits, caps, radio.trace_edges_ns, radio.trace_bps, radio.trace_period_ns
            )
        return link.capped_end_ns(start_ns, bits, caps, (0,), (ue.rate_bps,), FOREVER_NS)
    if radio.trace_period_ns > 0:
        bits = task.input_bits * tries
        return link.traced_end_ns(start_ns, bits, radio.trace_edges_ns, radio.trace_bps, radio.trace_period_ns)
    return link.dedicated_end_ns(start_ns, task.input_bits, tries, ue.rate_bps)


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
