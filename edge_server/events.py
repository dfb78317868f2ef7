"""Events an ES core wakes itself with (sans-IO)."""

import msgspec

from edge_server.job import Job


class LastBit(msgspec.Struct, frozen=True, gc=False):
    """Event, shared radio: a last bit is due, unless ``version`` of the radio's state has passed."""

    version: int


class Arrived(msgspec.Struct, frozen=True, gc=False):
    """Event: a task arrives from the radio, unless its trip has had other ``changes`` by now."""

    job: Job
    changes: int


class TakenBack(msgspec.Struct, frozen=True, gc=False):
    """Event: a UE takes a task back from the radio, unless that has had other ``changes`` by now."""

    job: Job
    changes: int


class Ended(msgspec.Struct, frozen=True, gc=False):
    """Event: the execution on ``core`` ends, unless its end is not ``end_ns`` any more."""

    core: int
    end_ns: int


class Dispatch(msgspec.Struct, frozen=True, gc=False):
    """Event: free cores take waiting tasks."""
