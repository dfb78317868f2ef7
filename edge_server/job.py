"""A task at an edge server (sans-IO)."""

import msgspec

from testbed.model.delay import NEVER
from testbed.model.system import Ue
from testbed.model.targets import UNCHOSEN
from testbed.model.task import Task
from testbed.protocol.messages import Trip

HERE = -1


class Job(msgspec.Struct, kw_only=True):
    """A task at an ES, from its post or its arrival from another ES to the end of its execution.

    ``own`` tells whether it came over this ES's radio, of which ``left`` is what a shared one has still to send, in a
    measure of its own. Instants in ns are -1 until they are known: those of the trip, that of the arrival in this ES's
    queue, and those of the execution. Its UE takes it back from the radio at ``taken_back_ns``, or never. What is said
    of one on its way may change: ``changes`` counts that, and is `HERE` once it has left the radio. ``target`` is the
    ES that its agent chose, if it did.
    """

    ue: Ue
    task: Task
    trip: Trip
    own: bool = True
    target: int = UNCHOSEN
    changes: int = 0
    left: float = 0.0
    taken_back_ns: int = NEVER
    arrival_ns: int = -1
    start_ns: int = -1
    end_ns: int = -1
