"""Links: loss, jitter, rate traces and processor sharing, as scalar functions on integer instants."""

import math
from collections.abc import Sequence

from testbed.model import random
from testbed.model.delay import FOREVER_NS, after_ns, transfer_ns, whole_ns

JITTER_NONE, JITTER_UNIFORM, JITTER_EXPONENTIAL, JITTER_NORMAL = 0, 1, 2, 3
MAX_ATTEMPTS = 1000
WALK, UNFINISHED = 10_000, -1


def attempts(seed: int, ue: int, number: int, loss: float) -> int:
    """Transmissions that task ``number`` of ``ue`` needs: Geometric(1 − ``loss``), at least 1, at most 1000."""
    n = 1
    if loss > 0.0:
        while n < MAX_ATTEMPTS and random.uniform(seed, random.LINK, ue, number, random.FIELD_LOSS + n) < loss:
            n += 1
    return n


def jitter_ns(seed: int, ue: int, number: int, kind: int, low_ns: int, high_ns: int) -> int:
    """Extra one-way latency of one task's last bit, in ns, never negative.

    ``kind`` 1 is uniform on [low, high]; 2 is exponential of mean ``high``; 3 is normal of mean ``low`` and standard
    deviation ``high``, cut at 0.
    """
    if kind == JITTER_NONE:
        return 0
    u = random.uniform(seed, random.LINK, ue, number, random.FIELD_JITTER)
    if kind == JITTER_UNIFORM:
        return low_ns + int(math.floor(u * (high_ns - low_ns) + 0.5))
    if kind == JITTER_EXPONENTIAL:
        return whole_ns(random.exponential(u) * high_ns)
    v = random.uniform(seed, random.LINK, ue, number, random.FIELD_JITTER_2)
    return whole_ns(max(0.0, low_ns + random.normal(u, v) * high_ns))


def traced_end_ns(start_ns: int, bits: int, edges_ns: Sequence[int], bps: Sequence[float], period_ns: int) -> int:
    """Instant at which a link of piecewise-constant rate has moved ``bits`` since ``start_ns``; at most `FOREVER_NS`.

    Segment ``i`` runs at ``bps[i]`` from ``edges_ns[i]`` (``edges_ns[0]`` is 0) to the next edge; the trace repeats
    every ``period_ns``. At least one rate is above 0. Of a transmission of very many segments whole periods are skipped
    by division.
    """
    end = walked_end_ns(start_ns, float(bits), edges_ns, bps, period_ns)
    if end != UNFINISHED:
        return end
    each = bits_from(0, edges_ns, bps, period_ns)
    left = max(0.0, bits - bits_from(start_ns % period_ns, edges_ns, bps, period_ns))
    if each <= 0.0:
        return FOREVER_NS
    rest = left % each  # exactly
    if rest == 0.0 and left > 0.0:
        rest = each
    periods = (left - rest) / each
    following = start_ns - start_ns % period_ns + period_ns
    if periods * period_ns >= float(FOREVER_NS - following):
        return FOREVER_NS
    end = walked_end_ns(following + int(periods + 0.5) * period_ns, rest, edges_ns, bps, period_ns)
    return end if end != UNFINISHED else FOREVER_NS


def walked_end_ns(start_ns: int, bits: float, edges_ns: Sequence[int], bps: Sequence[float], period_ns: int) -> int:
    """As `traced_end_ns`, segment by segment; `UNFINISHED` after more than a period and `WALK` segments."""
    n = len(edges_ns)
    base = start_ns - start_ns % period_ns
    i = segment(start_ns - base, edges_ns)
    at = start_ns
    left = bits
    walked = 0
    while at < FOREVER_NS:
        stop = base + (edges_ns[i + 1] if i + 1 < n else period_ns)
        moved = bps[i] * (stop - at) * 1e-9
        if bps[i] > 0.0 and moved >= left:
            return after_ns(at, whole_ns(left * 1e9 / bps[i]))
        left -= moved
        at = stop
        i += 1
        walked += 1
        if i == n:
            i = 0
            base += period_ns
            if walked > WALK + n:
                return UNFINISHED
    return FOREVER_NS


def bits_from(offset_ns: int, edges_ns: Sequence[int], bps: Sequence[float], period_ns: int) -> float:
    """Bits that a trace moves from ``offset_ns`` to the end of its period (Neumaier's compensated sum, 1974)."""
    n = len(edges_ns)
    total, lost = 0.0, 0.0
    for i in range(segment(offset_ns, edges_ns), n):
        stop = edges_ns[i + 1] if i + 1 < n else period_ns
        moved = bps[i] * (stop - max(offset_ns, edges_ns[i])) * 1e-9
        together = total + moved
        lost += (total - together) + moved if total >= moved else (moved - together) + total
        total = together
    return total + lost


def capped_end_ns(
    start_ns: int,
    bits: int,
    caps: tuple[Sequence[int], Sequence[float]],
    edges_ns: Sequence[int],
    bps: Sequence[float],
    period_ns: int,
) -> int:
    """As `traced_end_ns`, of a link whose rate is capped over time; at most `FOREVER_NS`.

    ``caps`` are instants (the first is 0) and what the rate is at most from each on, 0 for a link that stands still.
    """
    cap_edges_ns, most_bps = caps
    k = segment(start_ns, cap_edges_ns)
    base = start_ns - start_ns % period_ns
    i = segment(start_ns - base, edges_ns)
    at, left = start_ns, float(bits)
    while at < FOREVER_NS:
        change = cap_edges_ns[k + 1] if k + 1 < len(cap_edges_ns) else FOREVER_NS
        edge = base + (edges_ns[i + 1] if i + 1 < len(edges_ns) else period_ns)
        stop, rate = min(change, edge), min(bps[i], most_bps[k])
        moved = rate * (stop - at) * 1e-9
        if rate > 0.0 and moved >= left:
            return after_ns(at, whole_ns(left * 1e9 / rate))
        left -= moved
        at = stop
        if stop == edge:
            i += 1
            if i == len(edges_ns):
                i = 0
                base += period_ns
        if stop == change:
            k += 1
    return FOREVER_NS


def segment(offset_ns: int, edges_ns: Sequence[int]) -> int:
    """Index of the trace segment that holds ``offset_ns`` (0 <= offset < period): a binary search."""
    low, high = 0, len(edges_ns) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if edges_ns[middle] <= offset_ns:
            low = middle
        else:
            high = middle - 1
    return low


def dedicated_end_ns(start_ns: int, bits: int, tries: int, bps: float) -> int:
    """Last bit's instant on a dedicated link: ``tries`` transmissions of ``bits`` from ``start_ns``, rounded once."""
    return after_ns(start_ns, transfer_ns(bits * tries, bps))


def sharing_advance(virtual_ns: float, elapsed_ns: int, active: int) -> float:
    """Egalitarian processor sharing: the virtual time after ``elapsed_ns`` with ``active`` UEs sending.

    A UE that joins at virtual time v with solo airtime S departs at virtual time v + S (Parekh and Gallager, 1993).
    """
    if active == 0:
        return virtual_ns
    return virtual_ns + elapsed_ns / active


def sharing_departure_ns(last_ns: int, virtual_ns: float, finish_ns: float, active: int) -> int:
    """Instant of the next departure, given the smallest finish tag and the state at ``last_ns``; rounded half up."""
    return after_ns(last_ns, whole_ns((finish_ns - virtual_ns) * active))
