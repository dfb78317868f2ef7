"""A task's way over the radio: how often it is sent, when its last bit leaves, and how late that arrives."""

from testbed.model import link
from testbed.model.system import System
from testbed.model.task import Task


def attempts(system: System, task: Task) -> int:
    """Transmissions that ``task`` needs until none of it is lost."""
    return link.attempts(system.seed, task.ue, task.number, system.radio.loss)


def end_ns(system: System, task: Task, start_ns: int, tries: int) -> int:
    """Instant of the last bit on a dedicated link that is the task's alone from ``start_ns`` on, ``tries`` times over.

    The link has the UE's own rate, or follows the rate trace.
    """
    radio = system.radio
    if radio.trace_period_ns > 0:
        bits = task.input_bits * tries
        return link.traced_end_ns(start_ns, bits, radio.trace_edges_ns, radio.trace_bps, radio.trace_period_ns)
    return link.dedicated_end_ns(start_ns, task.input_bits, tries, system.ues[task.ue].rate_bps)


def jitter_ns(system: System, task: Task) -> int:
    """What the last bit of ``task`` takes longer than the radio's latency, ns."""
    radio = system.radio
    return link.jitter_ns(
        system.seed, task.ue, task.number, radio.jitter_kind, radio.jitter_low_ns, radio.jitter_high_ns
    )
