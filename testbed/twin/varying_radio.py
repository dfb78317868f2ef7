"""Uplinks whose rates change over time, by a trace or by fading, alone or on a shared band (compiled).

On a shared band the ``finish`` of a UE that sends is what its first task has left, in bits, as of the ``radio_ns`` of
its ES; ``radio_waiting_ns`` are the bits of the tasks behind that.
"""

import numpy as np
from numba import njit

from testbed.model.delay import FOREVER_NS, NEVER
from testbed.model.random import LINK as LINK_STREAM
from testbed.twin.compiled import (
    INNER,
    capped_end_ns,
    faded_bits,
    faded_end_ns,
    left_bits,
    left_ns,
    steady_bits,
    steady_end_ns,
    subjects_hash,
    traced_bits,
    traced_end_ns,
)
from testbed.twin.lists import head, item, ue_list
from testbed.twin.state import NONE, RADIO, Fixed, World

ALWAYS = np.zeros(1, np.int64)


@njit(**INNER)
def _capped_end_ns(fixed: Fixed, u: int, start_ns: int, bits: float) -> int:
    """The last bit's instant on an uplink whose rate, its own or along a trace, is capped for a time."""
    ue, caps = item(fixed.ues, u), (fixed.cap_edges_ns[u], fixed.caps_bps[u])
    if ue.period_ns > 0:
        edges, rates = fixed.edges_ns[ue.first_edge : ue.last_edge], fixed.rates_bps[ue.first_edge : ue.last_edge]
        return capped_end_ns(start_ns, bits, caps, edges, rates, ue.period_ns)
    return capped_end_ns(start_ns, bits, caps, ALWAYS, fixed.own_bps[u], FOREVER_NS)


@njit(**INNER)
def last_bit_ns(world: World, fixed: Fixed, u: int, start_ns: int, bits: float) -> int:
    """As `testbed.model.transmission.last_bit_ns`."""
    ue, system = item(fixed.ues, u), fixed.system[0]
    if ue.capped:
        return _capped_end_ns(fixed, u, start_ns, bits)
    if ue.period_ns > 0:
        edges, rates = fixed.edges_ns[ue.first_edge : ue.last_edge], fixed.rates_bps[ue.first_edge : ue.last_edge]
        return traced_end_ns(start_ns, bits, edges, rates, ue.period_ns)
    if system.coherence_ns > 0:
        ue_hash = subjects_hash(world.status[0].seed, LINK_STREAM, u)
        return faded_end_ns(start_ns, bits, ue_hash, ue.snr, system.bandwidth_hz, system.cap, system.coherence_ns)
    return steady_end_ns(start_ns, bits, ue.rate_bps)


@njit(**INNER)
def moved_bits(world: World, fixed: Fixed, u: int, start_ns: int, end_ns: int) -> float:
    """As `testbed.model.transmission.moved_bits`."""
    ue, system = item(fixed.ues, u), fixed.system[0]
    if ue.period_ns > 0:
        edges, rates = fixed.edges_ns[ue.first_edge : ue.last_edge], fixed.rates_bps[ue.first_edge : ue.last_edge]
        return traced_bits(start_ns, end_ns, edges, rates, ue.period_ns)
    if system.coherence_ns > 0:
        ue_hash = subjects_hash(world.status[0].seed, LINK_STREAM, u)
        return faded_bits(start_ns, end_ns, ue_hash, ue.snr, system.bandwidth_hz, system.cap, system.coherence_ns)
    return steady_bits(start_ns, end_ns, ue.rate_bps)


@njit(**INNER)
def advance(world: World, fixed: Fixed, es: int, now_ns: int) -> None:
    """Let every sending UE of a cell send until ``now_ns``; ``radio_ns`` is left to the caller."""
    server = item(world.edge_servers, es)
    if now_ns <= server.radio_ns:
        return
    for u in range(item(fixed.edge_servers, es).first_ue, item(fixed.edge_servers, es).last_ue):
        if head(world, ue_list(u, RADIO)) != NONE:
            moved = moved_bits(world, fixed, u, server.radio_ns, now_ns)
            item(world.ues, u).finish = left_bits(item(world.ues, u).finish, moved, server.senders)


@njit(**INNER)
def first_to_leave(world: World, fixed: Fixed, es: int) -> tuple[int, int]:
    """Instant of a cell's next last bit, and its UE, the lowest of equals."""
    server = item(world.edge_servers, es)
    soonest, leaving = NEVER, NONE
    for u in range(item(fixed.edge_servers, es).first_ue, item(fixed.edge_servers, es).last_ue):
        if head(world, ue_list(u, RADIO)) != NONE:
            at = last_bit_ns(world, fixed, u, server.radio_ns, item(world.ues, u).finish * server.senders)
            if at < soonest:
                soonest, leaving = at, u
    return soonest, leaving


@njit(**INNER)
def varying_wait_ns(world: World, fixed: Fixed, u: int, now_ns: int) -> int:
    """As `edge_server.varying_radio.VaryingRadio.wait_ns`, of a UE that sends."""
    constants, ue = item(fixed.ues, u), item(world.ues, u)
    server = item(world.edge_servers, constants.cell)
    moved = moved_bits(world, fixed, u, server.radio_ns, now_ns)
    left = left_bits(ue.finish, moved, server.senders)
    return left_ns(left + ue.radio_waiting_ns, constants.rate_bps, server.senders)
