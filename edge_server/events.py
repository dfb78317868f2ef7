"""Events an ES core wakes itself with (sans-IO)."""

import msgspec

from edge_server.job import Job


class LastBit(msgspec.Struct, frozen=True, gc=False):
    """Event, shared radio: a last bit is due, unless ``version`` of the radio's state has passed."""

    version: int


class Arrived(msgspec.Struct, frozen=True, gc=False):
    """Event: a task arrives from the radio."""

    job: Job


class Ended(msgspec.Struct, frozen=True, gc=False):
    """Event: the execution on ``core`` ends."""

    core: int


class Dispatch(msgspec.Struct, frozen=True, gc=False):
    """Event: free cores take waiting tasks."""
