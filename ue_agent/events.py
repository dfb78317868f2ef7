"""Events a UE core wakes itself with (sans-IO)."""

import msgspec


class Arises(msgspec.Struct, frozen=True, gc=False):
    """Event, ``epoch: arrival``: task ``number`` is generated and asked for, if that is still to be at ``at_ns``."""

    number: int
    at_ns: int


class LocalEnd(msgspec.Struct, frozen=True, gc=False):
    """Event: the local execution of task ``number`` ends, unless its end is not ``end_ns`` any more."""

    number: int
    end_ns: int


class AskExpired(msgspec.Struct, frozen=True, gc=False):
    """Event: no answer to ask ``slot`` within the decision timeout."""

    slot: int


class PostAgain(msgspec.Struct, frozen=True):
    """Event: the wait before the next attempt to offload task ``number`` is over."""

    number: int


class CutNoticed(msgspec.Struct, frozen=True):
    """Event: a cut of this UE's link has lasted long enough to be known, unless that is not at ``at_ns`` any more."""

    at_ns: int


class HedgeDue(msgspec.Struct, frozen=True):
    """Event: if task ``number``, posted at ``posted_ns``, has no result yet, its UE begins a copy of its own."""

    number: int
    posted_ns: int
