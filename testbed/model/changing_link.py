"""How links change over time: recorded rates, and the way of results to a UE."""

import msgspec

NO_TRACE = -1


class RateTrace(msgspec.Struct, frozen=True, kw_only=True):
    """Rates over time, which repeat every ``period_ns``: segment i has ``bps[i]`` from ``edges_ns[i]`` on."""

    edges_ns: tuple[int, ...]
    bps: tuple[float, ...]
    period_ns: int


class WayBack(msgspec.Struct, frozen=True, kw_only=True):
    """How the way of results to a UE changes; fields as those of its uplink, see `Ue`."""

    cap_edges_ns: tuple[int, ...] = ()
    caps_bps: tuple[float, ...] = ()
    added_edges_ns: tuple[int, ...] = ()
    added_ns: tuple[int, ...] = ()
    loss_edges_ns: tuple[int, ...] = ()
    losses: tuple[float, ...] = ()
