"""What the twin knows, as arrays: what all worlds share, and the state of each world.

Memory: a task in the system is one record of 72 bytes; a UE costs about 220 bytes and a world, servers included.
Instants are integer nanoseconds, work cycles, data bits. Tasks stand in singly linked lists through ``next``.

What a task would take is computed when it is generated: ``local_ns`` on its UE and, until it is decided, ``airtime_ns``
sent once and undisturbed, and ``at_ns`` on a core of its own ES. Afterwards these are what the radio took (0: nothing
was sent), and the instant of its next event. Until it is at its own ES, ``to`` is that ES or, where its agent chose
target j of M ESs, M + j.

A world's ``probability`` is that of a coin; `PRICED_ANY` has its price on ESs of other cells there, and `SHORTEST` 1 if
it draws its queues.
"""

from typing import Any, NamedTuple

import numpy as np

i1, i4, i8, u8, f8 = np.int8, np.int32, np.int64, np.uint64, np.float64

NONE = -1
FRESH, LOCAL_LIST, FLIGHT, RADIO, UE_LISTS = 0, 1, 2, 3, 4
OWN_LIST, FORWARDED, ES_LISTS = 0, 1, 2
RETURNING, REJECTED = -1, -2
LC_CODE, OFFLOAD_CODE, COIN, PRICED, GIVEN, PRICED_ANY, SHORTEST, NETWORK_CODE = 0, 1, 2, 3, 4, 5, 6, 7
TABLE_SOURCE, BERNOULLI, POISSON = 0, 1, 2
CONSTANT, UNIFORM, CHOICE, PER_BIT_LAW, QUANTILES = 0, 1, 2, 3, 4
HOLDING_REWARD, PAPER, PAPER_SIGN = 0, 1, 2
FULL_VIEW, PAPERS = 0, 1
LANES, WORD = 16, 64  # tasks drawn at once, at the least; bits of a word of ``marks``

SYSTEM = np.dtype(
    [
        ("slot_ns", i8),
        ("threshold_ns", i8),
        ("latency_ns", i8),
        ("return_latency_ns", i8),
        ("jitter_kind", i8),
        ("jitter_low_ns", i8),
        ("jitter_high_ns", i8),
        ("loss", f8),
        ("coherence_ns", i8),
        ("bandwidth_hz", f8),
        ("cap", f8),
        ("backhaul_bps", f8),
        ("backhaul_latency_ns", i8),
        ("buckets_per_ns", f8),
        ("slots", i8),
        ("shared", i1),
        ("double", i1),
        ("chosen", i1),
        ("slowed", i1),
        ("degraded", i1),
        ("recording", i1),
        ("reward", i1),
        ("arrivals", i1),
    ],
    align=True,
)
UE_FIXED = np.dtype(
    [
        ("cpu_hz", i8),
        ("ns_per_cycle", f8),
        ("rate_bps", f8),
        ("tx_power_w", f8),
        ("kappa", f8),
        ("weight_delay", f8),
        ("return_ns", i8),
        ("rate", f8),
        ("first_row", i8),
        ("last_row", i8),
        ("first_class", i8),
        ("first_edge", i8),
        ("last_edge", i8),
        ("period_ns", i8),
        ("snr", f8),
        ("cell", i8),
        ("capped", i1),
        ("steady", i1),
    ],
    align=True,
)
ES_FIXED = np.dtype(
    [
        ("cpu_hz", i8),
        ("ns_per_cycle", f8),
        ("cores", i8),
        ("queue_limit", i8),
        ("discipline", i8),
        ("first_ue", i8),
        ("last_ue", i8),
        ("varying", i8),
    ]
)
DRAW = np.dtype([("kind", i8), ("count", i8)])
ROW = np.dtype([("generated_ns", i8), ("input_bits", i8), ("cycles", i8), ("deadline_ns", i8)])
LIST = np.dtype([("head", i4), ("tail", i4)])
TASK = np.dtype(
    [
        ("generated_ns", i8),
        ("deadline_ns", i8),
        ("cycles", i8),
        ("input_bits", i8),
        ("local_ns", i8),
        ("airtime_ns", i8),
        ("at_ns", i8),
        ("key", i8),
        ("next", i4),
        ("to", i4),
    ]
)
UE = np.dtype(
    [
        ("arrivals_hash", u8),
        ("values_hash", u8),
        ("local_free_ns", i8),
        ("radio_free_ns", i8),
        ("finish", f8),
        ("radio_waiting_ns", i8),
        ("sent_ns", i8),
        ("stay_ns", i8),
        ("next_ns", i8),
        ("think_ns", i8),
        ("spent_j", f8),
        ("energy_j", f8),
        ("number", i4),
        ("present", i4),
        ("choice", i4),
        ("last_choice", i4),
        ("arrival", f8),
    ],
    align=True,
)
ES = np.dtype(
    [
        ("clock_ns", i8),
        ("own_cycles", i8),
        ("forwarded_cycles", i8),
        ("air_cycles", i8),
        ("busy_ns", i8),
        ("virtual", f8),
        ("radio_ns", i8),
        ("ends_ns", i8),
        ("first_ns", i8),
        ("first", i4),
        ("own", i4),
        ("forwarded", i4),
        ("running", i4),
        ("senders", i4),
    ],
    align=True,
)
CORE = np.dtype([("end_ns", i8), ("start_ns", i8), ("task", i4)], align=True)
WORLD = np.dtype(
    [
        ("seed", u8),
        ("start_ns", i8),
        ("end_ns", i8),
        ("slot", i8),
        ("probability", f8),
        ("beta", f8),
        ("beta0", f8),
        ("policy", i4),
        ("free", i4),
        ("used", i4),
        ("inside", i4),
        ("asking", i4),
        ("full", i4),
        ("least", i4),
        ("second", i4),
    ],
    align=True,
)
CELL = np.dtype(
    [
        ("decided", i8),
        ("offloaded", i8),
        ("forwarded", i8),
        ("rejected", i8),
        ("finished", i8),
        ("hits", i8),
        ("delay_ns", i8),
        ("energy_j", f8),
        ("overhead", f8),
        ("cost", f8),
        ("spent_j", f8),
        ("score", f8),
    ]
)
OUTCOME = np.dtype(
    [
        ("slot", i8),
        ("choice", i8),
        ("es", i8),
        ("rejected", i8),
        ("attempts", i8),
        ("ready_ns", i8),
        ("tx_start_ns", i8),
        ("tx_end_ns", i8),
        ("arrival_ns", i8),
        ("es_arrival_ns", i8),
        ("reentry_ns", i8),
        ("start_ns", i8),
        ("end_ns", i8),
        ("finished_ns", i8),
        ("energy_j", f8),
        ("overhead", f8),
    ]
)


class Fixed(NamedTuple):
    """What all worlds share: N UEs, M ESs, one workload table of R rows (or one unused row)."""

    system: Any
    ues: Any
    edge_servers: Any
    edges_ns: Any
    rates_bps: Any
    alive: Any
    speed_edges_ns: Any
    speeds_hz: Any
    cap_edges_ns: Any
    caps_bps: Any
    added_edges_ns: Any
    added_ns: Any
    loss_edges_ns: Any
    losses: Any
    own_bps: Any
    draws: Any
    values: Any
    rows: Any
    factors: Any
    totals: Any
    shares: Any


class Worlds(NamedTuple):
    """The state of W worlds; see the record types of this module. ``cells`` is what each cell earned lately.

    The last five are room to work in, for one world after another: the UEs to draw tasks for, their hashes and drawn
    values; and the lists that sort a slot's arrivals, empty at its end, with a bit for each that holds any.
    """

    status: Any
    tasks: Any
    lists: Any
    ues: Any
    edge_servers: Any
    cores: Any
    asking: Any
    announced_ns: Any
    cells: Any
    local_cost: Any
    outcomes: Any
    due: Any
    hashes: Any
    drawn: Any
    buckets: Any
    marks: Any


class World(NamedTuple):
    """The state of one world: rows of `Worlds`, and its room to work in."""

    status: Any
    tasks: Any
    lists: Any
    ues: Any
    edge_servers: Any
    cores: Any
    asking: Any
    announced_ns: Any
    cells: Any
    local_cost: Any
    outcomes: Any
    due: Any
    hashes: Any
    drawn: Any
    buckets: Any
    marks: Any
