"""What an edge server knows of its own queue: expected wait, backlog, admission, the second-offload rule."""

from collections.abc import Sequence

from testbed.model.delay import duration_ns, spread

LOCAL_FIRST, FCFS = 0, 1
NO_LIMIT = -1


def expected_wait_ns(remaining_ns: int, busy: int, ahead: int, ahead_cycles: int, hz: int, cores: int) -> int:
    """Expected wait of an arriving task: what runs and what the discipline serves before it, over F.

    ``remaining_ns`` is the summed rest of the ``busy`` running tasks, ``ahead`` and ``ahead_cycles`` count the waiting
    tasks that go first. With several cores the work spreads evenly; a free core means no wait.
    """
    if busy + ahead < cores:
        return 0
    return spread(remaining_ns + duration_ns(ahead_cycles, hz), cores)


def backlog_ns(remaining_ns: int, waiting_cycles: int, hz: int, cores: int) -> int:
    """The announced total backlog: rest of what runs plus all waiting cycles over F, per core."""
    return spread(remaining_ns + duration_ns(waiting_cycles, hz), cores)


def admits(waiting: int, busy: int, cores: int, limit: int) -> bool:
    """Whether a queue of ``limit`` waiting places (``NO_LIMIT``: any) takes one more; free cores add places."""
    return limit == NO_LIMIT or waiting < limit + (cores - busy)


def least_loaded(announced_ns: Sequence[int], alive: Sequence[bool], skip: int) -> int:
    """Index of the ES other than ``skip`` with the least announced backlog, the lower on ties; -1 if there is none."""
    best = -1
    for j in range(len(announced_ns)):
        if j != skip and alive[j] and (best < 0 or announced_ns[j] < announced_ns[best]):
            best = j
    return best


def takes_over(wait_ns: int, threshold_ns: int, announced_ns: int) -> bool:
    """Whether an ES that announced ``announced_ns`` takes a task over that would wait ``wait_ns`` where it is."""
    return wait_ns > threshold_ns and announced_ns < wait_ns


def second_offload(
    own: int, wait_ns: int, threshold_ns: int, announced_ns: Sequence[int], alive: Sequence[bool]
) -> int:
    """Index of the ES that takes over an arriving own-cell task of ES ``own``, or ``own`` itself.

    ``announced_ns`` holds every ES's announced backlog, ``alive`` which of them may be chosen. The least backlog wins,
    the lower index on ties, and only when it is below the expected wait.
    """
    if wait_ns <= threshold_ns:
        return own
    best = least_loaded(announced_ns, alive, own)
    return best if best >= 0 and takes_over(wait_ns, threshold_ns, announced_ns[best]) else own
