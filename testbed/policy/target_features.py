"""What a network that chooses targets sees of one ES to which a UE's undecided tasks may go, as a scalar function.

As in `testbed.policy.features` times are in seconds and clipped, and work is divided by the speed that will do it. An
ES is told from the others by what it is like alone, so one network serves any number of them.
"""

from testbed.policy.features import clip, seconds


def place(
    local_cost: float,
    cost: float,
    own_cost: float,
    other_cost: float,
    queue_ns: int,
    radio_wait_ns: int,
    airtime_ns: int,
    local_ns: int,
    execution_ns: int,
    backlog_ns: int,
    own_ns: int,
    forwarded_ns: int,
    air_ns: int,
    sent_ns: int,
    later_ns: int,
    left_ns: int,
    backhaul_ns: int,
    away: int,
    mean_ns: int,
    least_ns: int,
    deadline_ns: int,
    tasks: int,
) -> tuple[
    float,
    float,
    float,
    float,
    float,
    float,
    float,
    float,
    float,
    float,
    float,
    float,
    float,
    float,
    float,
    float,
    float,
    float,
    float,
    float,
    float,
    float,
]:
    """Features of one place, shape (22,); the first is the margin C_l − C of its expected overhead C.

    ``own_cost`` is that of the UE's own ES, ``other_cost`` the least of all ESs but this one, infinity if there is no
    other. Of this ES: its announced backlog, waiting work of both classes, work in the air, what it was ``sent`` in
    this slot and what UEs of its cell decide ``later``, both as far as the agent knows. ``left_ns`` is all that is
    still to be decided, at the speed of all ESs. Of the others: mean and least of backlog, work in the air and sent.
    """
    return (
        clip(local_cost - cost),
        clip(local_cost),
        clip(local_cost - own_cost),
        clip(local_cost - other_cost),
        seconds(queue_ns),
        seconds(radio_wait_ns),
        seconds(airtime_ns),
        seconds(local_ns),
        seconds(execution_ns),
        seconds(backlog_ns),
        seconds(own_ns),
        seconds(forwarded_ns),
        seconds(air_ns),
        seconds(sent_ns),
        seconds(later_ns),
        seconds(left_ns),
        seconds(backhaul_ns),
        float(away),
        seconds(mean_ns),
        seconds(least_ns),
        seconds(deadline_ns),
        float(tasks),
    )
