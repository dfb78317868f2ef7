"""Execution at a speed that changes: the end of a running task is computed anew whenever it does."""

from collections.abc import Sequence

from testbed.model.delay import FOREVER_NS, after_ns, duration_ns, whole_ns
from testbed.model.link import segment


def speed_hz(at_ns: int, edges_ns: Sequence[int], speeds_hz: Sequence[int]) -> int:
    """The speed in force at ``at_ns``: ``speeds_hz[i]`` holds from ``edges_ns[i]`` (``edges_ns[0]`` is 0) on."""
    return speeds_hz[segment(at_ns, edges_ns)]


def slowest_hz(begin_ns: int, end_ns: int, edges_ns: Sequence[int], speeds_hz: Sequence[int]) -> int:
    """The least speed above 0 from ``begin_ns`` to ``end_ns``, or the first of all if there is none."""
    until_ns = (*edges_ns[1:], end_ns + 1)
    spans = zip(edges_ns, until_ns, speeds_hz, strict=True)
    found = (hz for edge, until, hz in spans if edge <= end_ns and until > begin_ns and hz > 0)
    return min(found, default=speeds_hz[0])


def execution_end_ns(
    start_ns: int, cycles: int, edges_ns: Sequence[int], speeds_hz: Sequence[int], until_ns: int
) -> int:
    """When an execution of ``cycles`` begun at ``start_ns`` ends, if the speed does not change after ``until_ns``.

    At each change t before its end, what is left of it lasts F_old/F_new times as long, rounded half up. While the
    speed is 0 it stands still, and what was left at the last speed F_old is what is left.
    """
    i = segment(start_ns, edges_ns)
    at = start_ns
    while speeds_hz[i] == 0 and i + 1 < len(edges_ns):
        i += 1
        at = edges_ns[i]
    if speeds_hz[i] == 0:
        return FOREVER_NS
    hz = speeds_hz[i]
    end = after_ns(at, duration_ns(cycles, hz))
    while i + 1 < len(edges_ns) and edges_ns[i + 1] <= until_ns and edges_ns[i + 1] < end:
        left = end - edges_ns[i + 1]
        i += 1
        while speeds_hz[i] == 0 and i + 1 < len(edges_ns):
            i += 1
        if speeds_hz[i] == 0:
            return FOREVER_NS
        if speeds_hz[i] != hz:
            left = whole_ns(left * (hz / speeds_hz[i]))
        hz = speeds_hz[i]
        end = after_ns(edges_ns[i], left)
    return end
