"""Execution at a speed that changes: the end of a running task is computed anew whenever it does."""

from collections.abc import Sequence

from testbed.model.delay import after_ns, duration_ns, whole_ns
from testbed.model.link import segment


def speed_hz(at_ns: int, edges_ns: Sequence[int], speeds_hz: Sequence[int]) -> int:
    """The speed in force at ``at_ns``: ``speeds_hz[i]`` holds from ``edges_ns[i]`` (``edges_ns[0]`` is 0) on."""
    return speeds_hz[segment(at_ns, edges_ns)]


def execution_end_ns(
    start_ns: int, cycles: int, edges_ns: Sequence[int], speeds_hz: Sequence[int], until_ns: int
) -> int:
    """When an execution of ``cycles`` begun at ``start_ns`` ends, if the speed does not change after ``until_ns``.

    At each change t before its end, what is left of it lasts F_old/F_new times as long, rounded half up.
    """
    i = segment(start_ns, edges_ns)
    end = after_ns(start_ns, duration_ns(cycles, speeds_hz[i]))
    while i + 1 < len(edges_ns) and edges_ns[i + 1] <= until_ns and edges_ns[i + 1] < end:
        left = (end - edges_ns[i + 1]) * (speeds_hz[i] / speeds_hz[i + 1])
        end = after_ns(edges_ns[i + 1], whole_ns(left))
        i += 1
    return end
