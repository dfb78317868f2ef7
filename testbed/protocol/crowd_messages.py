"""What a crowd says and hears: one message for all of its UEs instead of one for each, by columns.

The place of a UE in a column is its place in ``ues``, the global indices of the UEs that the message is about.
"""

from testbed.model.task import Task
from testbed.protocol.message import Message


class Asks(Message, frozen=True, gc=False, kw_only=True):
    """The asks of the UEs of ``crowd`` at slot boundary ``at_ns``: their local queues in ns and last choices, and the
    undecided ``tasks`` of all of them, by UE and then by number."""

    crowd: str
    slot: int
    at_ns: int
    ues: tuple[int, ...]
    queue_ns: tuple[int, ...]
    last_choice: tuple[int, ...]
    tasks: tuple[Task, ...] = ()


class Decisions(Message, frozen=True, gc=False, kw_only=True):
    """The agent's answers to the UEs of one Asks that have undecided tasks; otherwise as in a Decision."""

    slot: int
    ues: tuple[int, ...]
    choices: tuple[int, ...]
    log_probabilities: tuple[float, ...]
    version: int = 0
    fallback: str = ""
    asked_ns: int = 0


class Posts(Message, frozen=True, gc=False, kw_only=True):
    """A crowd hands tasks to its ES's radio, all ready to be sent at ``ready_ns``: ``numbers`` of the UEs at their
    places. ``targets`` are as in a Post."""

    ready_ns: int
    ues: tuple[int, ...]
    numbers: tuple[int, ...]
    targets: tuple[int, ...]
