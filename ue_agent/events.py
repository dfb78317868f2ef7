"""What a user equipment tells itself, and what it remembers of an ask."""

import msgspec

from testbed.model.task import Task


class Arises(msgspec.Struct, frozen=True):
    """Event, ``epoch: arrival``: task ``number`` is generated and asked for."""

    number: int


class LocalEnd(msgspec.Struct, frozen=True):
    """Event: the local execution of task ``number`` ends."""

    number: int


class AskExpired(msgspec.Struct, frozen=True):
    """Event: no answer to ask ``slot`` within the decision timeout."""

    slot: int


class Pending(msgspec.Struct, frozen=True):
    """An ask without answer."""

    asked_ns: int
    tasks: tuple[Task, ...]
