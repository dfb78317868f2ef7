"""Events a UE core wakes itself with, and what it waits for (sans-IO)."""

import msgspec

from testbed.model.task import Task


class Arises(msgspec.Struct, frozen=True):
    """Event, ``epoch: arrival``: task ``number`` is generated and asked for."""

    number: int


class LocalEnd(msgspec.Struct, frozen=True):
    """Event: the local execution of task ``number`` ends, unless its end is not ``end_ns`` any more."""

    number: int
    end_ns: int


class AskExpired(msgspec.Struct, frozen=True):
    """Event: no answer to ask ``slot`` within the decision timeout."""

    slot: int


class Pending(msgspec.Struct, frozen=True):
    """An ask without answer, sent to ``incarnation`` of the controller."""

    asked_ns: int
    tasks: tuple[Task, ...]
    incarnation: int = 0
