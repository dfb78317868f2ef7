"""What a decision of the head `regional` sees beyond its own cell: the region, as far as it is decided in this slot.

As in `testbed.policy.features` times are in seconds and clipped, and work is divided by the speed that will do it.
Other cells enter by means and extremes alone, so one network serves any number of them.
"""

from collections.abc import Sequence

from testbed.policy.features import clip, seconds

REGION_FEATURES = 14
LEDGER = ANNOUNCED, WORK, SENT, LATER = range(4)  # rows of what is known of servers, in ns of each server's time


def region(servers: Sequence[Sequence[int]], cell: int, target: int, threshold_ns: int) -> tuple[float, ...]:
    """Features of a decision in ``cell``, shape (14,), from what is known of all M servers, integers of shape (4, M).

    Of each: its announced backlog; that with the work in the air and what it was sent in this slot; what it was sent
    alone; what UEs of its cell still have to decide, without the one that decides now. ``target`` is the server that
    second offload would choose, -1 if there is none.
    """
    work, sent, later = servers[WORK], servers[SENT], servers[LATER]
    count = len(work)
    others = max(1, count - 1)
    least = most = work[cell]
    if count > 1:
        first = 1 if cell == 0 else 0
        least = most = work[first]
    total_work, total_sent, total_later, surplus, room, shorter = 0, 0, 0, 0, 0, 0
    for es in range(count):
        if es == cell:
            continue
        least, most = min(least, work[es]), max(most, work[es])
        total_work += work[es]
        total_sent += sent[es]
        total_later += later[es]
        surplus += max(0, work[es] - threshold_ns)
        room += max(0, threshold_ns - work[es])
        if servers[ANNOUNCED][es] < servers[ANNOUNCED][cell]:
            shorter += 1
    other = cell if target < 0 else target
    return (
        seconds(work[cell]),
        seconds(sent[cell]),
        clip((work[cell] - threshold_ns) * 1e-9),
        seconds(work[other]),
        seconds(sent[other]),
        seconds(later[other]),
        seconds(least),
        seconds(most),
        seconds(total_work // others),
        seconds(total_sent // others),
        seconds(total_later // others),
        seconds(surplus // others),
        seconds(room // others),
        shorter / others,
    )
