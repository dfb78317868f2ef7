"""Events a UE core wakes itself with, and what it waits for (sans-IO)."""

import msgspec

from testbed.model.task import Task


class Arises(msgspec.Struct, frozen=True, gc=False):
    """Event, ``epoch: arrival``: task ``number`` is generated and asked for."""

    number: int


class LocalEnd(msgspec.Struct, frozen=True, gc=False):
    """Event: the local execution of task ``number`` ends."""

    number: int


class AskExpired(msgspec.Struct, frozen=True, gc=False):
    """Event: no answer to ask ``slot`` within the decision timeout."""

    slot: int


class Pending(msgspec.Struct, frozen=True, gc=False):
    """An ask without answer, sent to ``incarnation`` of the controller."""

    asked_ns: int
    tasks: tuple[Task, ...]
    incarnation: int = 0
