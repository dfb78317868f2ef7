"""What a learned policy sees of one decision and a critic of one cell, as scalar functions (observation ``full``).

Times are in seconds and work is divided by the speed that will do it, so that one network serves any hardware and any
number of UEs. Everything is clipped at `LIMIT` seconds: beyond it a backlog is just "too long".
"""

from testbed.model.delay import duration_ns
from testbed.model.queue import LOCAL_FIRST

LIMIT = 8.0
NOBODY_NS = 1 << 40
DECISION_FEATURES = 22
CELL_FEATURES = 8


def seconds(ns: int) -> float:
    """A duration as a clipped feature."""
    value = ns * 1e-9
    return LIMIT if value > LIMIT else value


def clip(value: float) -> float:
    """A cost difference as a clipped feature."""
    return max(-LIMIT, min(LIMIT, value))


def decision(
    local_cost: float,
    offload_cost: float,
    queue_ns: int,
    radio_wait_ns: int,
    airtime_ns: int,
    cycles: int,
    ue_hz: int,
    es_hz: int,
    backlog_ns: int,
    own_cycles: int,
    forwarded_cycles: int,
    air_cycles: int,
    sent_cycles: int,
    later_cycles: int,
    mean_ns: int,
    target_hz: int,
    target_ns: int,
    target_forwarded_cycles: int,
    target_air_cycles: int,
    next_ns: int,
    threshold_ns: int,
    deadline_ns: int,
    tasks: int,
    double: int,
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
    """Features of one UE's decision, shape (22,); the first is the margin C_l − C_o that greedy decides by.

    ``sent_cycles`` is what UEs before it in this slot offload, ``later_cycles`` what UEs after it still have to decide.
    Of the other ESs: ``mean_ns`` of their announced backlogs; the target of second offload, which announced the least;
    ``next_ns``, the least backlog and work in the air of all but the target. Speeds count all cores.
    """
    return (
        clip(local_cost - offload_cost),
        clip(local_cost),
        seconds(queue_ns),
        seconds(radio_wait_ns),
        seconds(airtime_ns),
        seconds(duration_ns(cycles, ue_hz)),
        seconds(duration_ns(cycles, es_hz)),
        seconds(backlog_ns),
        seconds(duration_ns(own_cycles, es_hz)),
        seconds(duration_ns(forwarded_cycles, es_hz)),
        seconds(duration_ns(air_cycles, es_hz)),
        seconds(duration_ns(sent_cycles, es_hz)),
        seconds(duration_ns(later_cycles, es_hz)),
        seconds(mean_ns) if double else LIMIT,
        seconds(target_ns) if double else LIMIT,
        seconds(duration_ns(target_forwarded_cycles, target_hz)) if double else LIMIT,
        seconds(duration_ns(target_air_cycles, target_hz)) if double else LIMIT,
        seconds(duration_ns(cycles, target_hz)) if double else LIMIT,
        seconds(next_ns) if double else LIMIT,
        seconds(threshold_ns),
        seconds(deadline_ns),
        float(tasks),
    )


def cell(
    backlog_ns: int,
    own_cycles: int,
    forwarded_cycles: int,
    air_cycles: int,
    es_hz: int,
    queues_ns: int,
    ues: int,
    local_ns: int,
    undecided_cycles: int,
) -> tuple[float, float, float, float, float, float, float, float]:
    """Features of one cell for the critic, shape (8,): queues, air, and work that waits for a decision.

    ``queues_ns`` sums the UEs' local queues, ``local_ns`` what the undecided tasks would take locally.
    """
    return (
        seconds(backlog_ns),
        seconds(duration_ns(own_cycles, es_hz)),
        seconds(duration_ns(forwarded_cycles, es_hz)),
        seconds(duration_ns(air_cycles, es_hz)),
        clip(queues_ns * 1e-9 / ues),
        clip(local_ns * 1e-9 / ues),
        seconds(duration_ns(undecided_cycles, es_hz)),
        ues * 1e9 / es_hz,
    )


def burden(backlog_ns: int, forwarded_cycles: int, es_hz: int, discipline: int, threshold_ns: int) -> bool:
    """The paper's signal b: whether an own-cell task that arrived now would wait longer than W_max.

    From what the ES has announced: its backlog without what the ``discipline`` serves after the arriving task.
    """
    behind = duration_ns(forwarded_cycles, es_hz) if discipline == LOCAL_FIRST else 0
    return backlog_ns - behind > threshold_ns
