"""Events an ES core wakes itself with (sans-IO)."""

import msgspec

from edge_server.radio import Sent


class LastBit(msgspec.Struct, frozen=True):
    """Event, shared radio: a last bit is due, unless ``version`` of the radio's state has passed."""

    version: int


class Arrived(msgspec.Struct, frozen=True):
    """Event: a task arrives from the radio, unless a later ``version`` of its trip arrives at another instant."""

    sent: Sent
    version: int = 0


class Ended(msgspec.Struct, frozen=True):
    """Event: the execution on ``core`` ends, unless its end is not ``end_ns`` any more."""

    core: int
    end_ns: int


class Dispatch(msgspec.Struct, frozen=True):
    """Event: free cores take waiting tasks."""
