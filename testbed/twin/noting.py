"""What is noted of a world at its slot boundaries (compiled): the room for it, and one boundary written there."""

from typing import Any, NamedTuple, Self

import numpy as np
from numba import njit

from testbed.twin.compiled import INNER
from testbed.twin.lists import item
from testbed.twin.server import core_of, wait_ns
from testbed.twin.state import Fixed, World


class Noted(NamedTuple):
    """Boundaries in order, ``count[0]`` of them so far: of UEs (K, N), of servers (K, M).

    ``busy_ns`` is core time from the beginning on, ``over`` whether the expected wait exceeds the threshold.
    """

    count: Any
    slot: Any
    local_free_ns: Any
    radio_free_ns: Any
    present: Any
    number: Any
    announced_ns: Any
    own_cycles: Any
    forwarded_cycles: Any
    air_cycles: Any
    busy_ns: Any
    own: Any
    forwarded: Any
    over: Any

    @classmethod
    def room(cls, boundaries: int, ues: int, servers: int) -> Self:
        """Room for so many boundaries."""
        made: list[Any] = [np.zeros(1, np.int64), np.zeros(boundaries, np.int64)]
        made += [np.zeros((boundaries, ues), np.int64) for _ in range(4)]
        made += [np.zeros((boundaries, servers), np.int64) for _ in range(7)]
        made += [np.zeros((boundaries, servers), np.bool_)]
        return cls(*made)


@njit(**INNER)
def note(world: World, fixed: Fixed, noted: Noted) -> None:
    """Write down the boundary that the world is at."""
    at, now = noted.count[0], world.status[0].start_ns
    noted.slot[at] = world.status[0].slot
    for u in range(world.ues.shape[0]):
        ue = item(world.ues, u)
        noted.local_free_ns[at, u], noted.radio_free_ns[at, u] = ue.local_free_ns, ue.radio_free_ns
        noted.present[at, u], noted.number[at, u] = ue.present, ue.number
    for es in range(world.edge_servers.shape[0]):
        server = item(world.edge_servers, es)
        noted.announced_ns[at, es] = item(world.announced_ns, es)
        noted.own_cycles[at, es], noted.forwarded_cycles[at, es] = server.own_cycles, server.forwarded_cycles
        noted.air_cycles[at, es] = server.air_cycles
        noted.own[at, es], noted.forwarded[at, es] = server.own, server.forwarded
        noted.over[at, es] = wait_ns(world, fixed, es, now) > fixed.system[0].threshold_ns
        busy = server.busy_ns
        for c in range(world.cores.shape[1]):
            core = core_of(world, es, c)
            if core.task >= 0:
                busy += now - core.start_ns
        noted.busy_ns[at, es] = busy
    noted.count[0] = at + 1
