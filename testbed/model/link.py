"""Links: loss, jitter, rate traces and processor sharing, as scalar functions on integer instants."""

import math
from collections.abc import Sequence

from testbed.model import random
from testbed.model.delay import FOREVER_NS, after_ns, transfer_ns, whole_ns

JITTER_NONE, JITTER_UNIFORM, JITTER_EXPONENTIAL, JITTER_NORMAL = 0, 1, 2, 3
MAX_ATTEMPTS = 1000
WALK, UNFINISHED = 10_000, -1


def attempts(seed: int, ue: int, number: int, loss: float, field: int = random.FIELD_LOSS) -> int:
    """Transmissions that task ``number`` of ``ue`` needs: Geometric(1 − ``loss``), at least 1, at most 1000.

    Transmission n is lost if the draw of ``field`` + n is below ``loss``: a higher loss never needs fewer of them.
    """
    n = 1
    if loss > 0.0:
        while n < MAX_ATTEMPTS and random.uniform(seed, random.LINK, ue, number, field + n) < loss:
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


def traced_end_ns(start_ns: int, bits: float, edges_ns: Sequence[int], bps: Sequence[float], period_ns: int) -> int:
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


def traced_bits(start_ns: int, end_ns: int, edges_ns: Sequence[int], bps: Sequence[float], period_ns: int) -> float:
    """Bits that a link as in `traced_end_ns` moves from ``start_ns`` to ``end_ns``."""
    n = len(edges_ns)
    base = start_ns - start_ns % period_ns
    i = segment(start_ns - base, edges_ns)
    at = start_ns
    total = 0.0
    while at < end_ns:
        stop = min(end_ns, base + (edges_ns[i + 1] if i + 1 < n else period_ns))
        total += bps[i] * (stop - at) * 1e-9
        at = stop
        i += 1
        if i == n:
            i = 0
            base += period_ns
    return total


def faded_bps(ue_hash: int, block: int, snr: float, bandwidth_hz: float, cap: float) -> float:
    """Rate of a UE in a coherence block: Shannon's, its power times a draw of unit mean (Rayleigh block fading).

    ``ue_hash`` is the `random.subjects_hash` of the UE in the link's stream, ``snr`` is p·g/σ² without fading, ``cap``
    the most bit/s/Hz.
    """
    u = random.unit(random.mix(random.mix(ue_hash ^ block) ^ random.FIELD_FADING))
    power = random.exponential(u)
    return bandwidth_hz * min(cap, math.log2(1.0 + snr * power))


def faded_end_ns(
    start_ns: int, bits: float, ue_hash: int, snr: float, bandwidth_hz: float, cap: float, coherence_ns: int
) -> int:
    """Instant at which a fading link has moved ``bits`` since ``start_ns``; at most `FOREVER_NS`.

    Block b lasts from b·``coherence_ns`` on; the rest is as in `faded_bps`.
    """
    at = start_ns
    left = float(bits)
    block = start_ns // coherence_ns
    while at < FOREVER_NS:
        stop = (block + 1) * coherence_ns
        bps = faded_bps(ue_hash, block, snr, bandwidth_hz, cap)
        moved = bps * (stop - at) * 1e-9
        if bps > 0.0 and moved >= left:
            return after_ns(at, whole_ns(left * 1e9 / bps))
        left -= moved
        at = stop
        block += 1
    return FOREVER_NS


def faded_bits(
    start_ns: int, end_ns: int, ue_hash: int, snr: float, bandwidth_hz: float, cap: float, coherence_ns: int
) -> float:
    """Bits that a link as in `faded_end_ns` moves from ``start_ns`` to ``end_ns``."""
    at = start_ns
    total = 0.0
    block = start_ns // coherence_ns
    while at < end_ns:
        stop = min(end_ns, (block + 1) * coherence_ns)
        total += faded_bps(ue_hash, block, snr, bandwidth_hz, cap) * (stop - at) * 1e-9
        at = stop
        block += 1
    return total


def steady_bits(start_ns: int, end_ns: int, bps: float) -> float:
    """Bits that a link of one rate moves from ``start_ns`` to ``end_ns``."""
    return bps * (end_ns - start_ns) * 1e-9


def left_bits(left: float, moved: float, senders: int) -> float:
    """What a UE has left of ``left`` bits after a time in which it would have ``moved`` so many alone."""
    return max(0.0, left - moved / senders)


def left_ns(bits: float, bps: float, senders: int) -> int:
    """How long ``bits`` take on a band that is shared, as far as its present ``senders`` and a mean rate tell."""
    return whole_ns(bits * 1e9 / bps * senders)


def capped_end_ns(
    start_ns: int,
    bits: float,
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


def steady_end_ns(start_ns: int, bits: float, bps: float) -> int:
    """Instant at which a link of one rate has moved ``bits`` since ``start_ns``, rounded once."""
    return after_ns(start_ns, transfer_ns(bits, bps))


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
