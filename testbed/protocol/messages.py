"""Every message on the wire. Instants are emulated nanoseconds, data sizes bits, work cycles; UE and ES by name.

A message is a msgspec array-like struct with a tag; `testbed.protocol.codec` frames it in an envelope.
"""

import msgspec

from testbed.model.task import Task


class Message(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Base of everything that travels between roles."""


class Ask(Message, frozen=True):
    """A UE's request at slot boundary ``at_ns``: its local queue in ns and its undecided tasks (perhaps none)."""

    ue: str
    slot: int
    at_ns: int
    queue_ns: int
    tasks: tuple[Task, ...] = ()
    last_choice: int = -1


class Decision(Message, frozen=True):
    """The agent's answer to one Ask: 0 local, 1 offload; ``version`` of the policy, log-probability of the action.

    ``fallback`` names why the fallback policy decided ("" when it did not).
    """

    ue: str
    slot: int
    choice: int
    version: int = 0
    log_probability: float = 0.0
    fallback: str = ""
    asked_ns: int = 0


class Post(Message, frozen=True):
    """A UE hands a task to its ES's radio: ready to be sent at ``ready_ns``."""

    ue: str
    task: Task
    ready_ns: int


class Forward(Message, frozen=True):
    """Second offload: the task arrives at the other ES at ``arrival_ns`` over the backhaul."""

    ue: str
    task: Task
    trip: "Trip"
    arrival_ns: int


class Trip(msgspec.Struct, frozen=True, array_like=True):
    """What the radio did with a task: ready, first bit, last bit, arrival at the own ES; transmissions needed.

    ``late_ns`` is how much later than the ideal arrival the ES acted on it (0 but for slips).
    """

    ready_ns: int
    tx_start_ns: int
    tx_end_ns: int
    arrival_ns: int
    attempts: int = 1
    late_ns: int = 0


class Moved(Message, frozen=True):
    """The own ES tells the UE that its task went on to ES ``es`` at ``at_ns``."""

    ue: str
    number: int
    es: str
    at_ns: int


class Aired(Message, frozen=True):
    """Shared radio only: the first (``first`` true) or last bit of the task was sent at ``at_ns``."""

    ue: str
    number: int
    first: bool
    at_ns: int


class Result(Message, frozen=True):
    """A task's end at an ES, reaching the UE at ``at_ns``; ``rejected`` when ES ``es`` had no place for it.

    ``incarnation`` is the serving ES's; ``es_arrival_ns`` its arrival there (after the backhaul, if forwarded).
    """

    ue: str
    number: int
    es: str
    incarnation: int
    trip: Trip
    es_arrival_ns: int
    start_ns: int
    end_ns: int
    at_ns: int
    rejected: bool = False


class Announce(Message, frozen=True):
    """An ES's state at slot boundary ``at_ns``: total backlog in ns, waiting own and forwarded cycles, cycles in the
    air, the number of UEs sending, and the radio wait in ns of each of its UEs (in index order)."""

    es: str
    slot: int
    at_ns: int
    backlog_ns: int = 0
    own_cycles: int = 0
    forwarded_cycles: int = 0
    air_cycles: int = 0
    senders: int = 0
    radio_wait_ns: tuple[int, ...] = ()


class Down(Message, frozen=True):
    """The launcher's notice that a process died at ``at_ns`` (its ``incarnation`` ended)."""

    name: str
    at_ns: int
    incarnation: int


class Up(Message, frozen=True):
    """The launcher's notice that a process serves again from ``at_ns`` on, as ``incarnation``."""

    name: str
    at_ns: int
    incarnation: int


class Outcome(Message, frozen=True):
    """A finished (or failed) task, told to the controller for learning; delays in ns, energy in J, as measured."""

    ue: str
    task: Task
    slot: int
    choice: int
    fallback: str
    state: str
    delay_ns: int
    energy_j: float
    airtime_ns: int
    tx_start_ns: int
    finished_ns: int


class Hello(Message, frozen=True):
    """Opens a session: who speaks, in which incarnation, as which role and process."""

    name: str
    incarnation: int
    role: str
    pid: int


class Welcome(Message, frozen=True):
    """Accepts a session, naming the incarnation of the one who answers."""

    name: str
    incarnation: int


class Heartbeat(Message, frozen=True):
    """Sign of life; ``received`` acknowledges every message up to that sequence number."""

    received: int


class Bye(Message, frozen=True):
    """Closes a session in order."""

    reason: str = ""


class Start(Message, frozen=True):
    """The common epoch: CLOCK_MONOTONIC nanoseconds at which emulated time is 0, and the speed.

    A restarted process serves from ``from_ns`` on, as ``incarnation``, and learns which others are down.
    """

    epoch_monotonic_ns: int
    speed: float
    from_ns: int = 0
    incarnation: int = 0
    downs: tuple["Down", ...] = ()


class Stop(Message, frozen=True):
    """Ends a run: flush telemetry and leave; ``at_ns`` of emulated time, ``reason`` recorded."""

    at_ns: int
    reason: str


class Rows(Message, frozen=True):
    """A batch of telemetry for the recorder."""

    rows: tuple["Row", ...]


class TaskRow(msgspec.Struct, frozen=True, array_like=True, tag="task"):
    """One task of the record; -1 where an instant never came. Parts of the breakdown sum to the measured delay."""

    ue: str
    number: int
    cell: int
    generated_ns: int
    input_bits: int
    cycles: int
    deadline_ns: int
    state: str
    reason: str = ""
    slot: int = -1
    asked_ns: int = -1
    think_ns: int = 0
    choice: int = -1
    version: int = 0
    log_probability: float = 0.0
    fallback: str = ""
    es: str = ""
    forwarded: bool = False
    rejected: bool = False
    recovered: bool = False
    attempts: int = 0
    ready_ns: int = -1
    tx_start_ns: int = -1
    tx_end_ns: int = -1
    arrival_ns: int = -1
    es_arrival_ns: int = -1
    reentry_ns: int = -1
    start_ns: int = -1
    end_ns: int = -1
    finished_ns: int = -1
    measured_ns: int = -1
    energy_j: float = 0.0
    energy_measured_j: float = 0.0
    overhead: float = 0.0
    slot_wait_ns: int = 0
    decision_ns: int = 0
    radio_wait_ns: int = 0
    airtime_ns: int = 0
    latency_ns: int = 0
    backhaul_ns: int = 0
    es_wait_ns: int = 0
    execution_ns: int = 0
    return_ns: int = 0
    recovery_ns: int = 0
    local_wait_ns: int = 0
    local_execution_ns: int = 0
    emulation_ns: int = 0


class SlotRow(msgspec.Struct, frozen=True, array_like=True, tag="slot"):
    """One ES at one slot boundary: the announcement, waiting tasks, and busy core-ns since the boundary before."""

    es: str
    slot: int
    at_ns: int
    backlog_ns: int
    waiting: int
    own_cycles: int
    forwarded_cycles: int
    air_cycles: int
    busy_ns: int
    over_threshold: bool


class LinkRow(msgspec.Struct, frozen=True, array_like=True, tag="link"):
    """One transmission: over the uplink (``link`` = the UE) or the backhaul (``link`` = the sending ES)."""

    link: str
    to: str
    ue: str
    number: int
    bits: int
    attempts: int
    ready_ns: int
    start_ns: int
    end_ns: int
    arrival_ns: int


class UpdateRow(msgspec.Struct, frozen=True, array_like=True, tag="update"):
    """One learner update, or one progress point of training."""

    at_ns: int
    learner: str
    version: int
    loss: float
    entropy: float
    reward: float


class EventRow(msgspec.Struct, frozen=True, array_like=True, tag="event"):
    """Something that happened to a process: ready, died, restarted, dropped_frame, slipped, burn, lateness, …"""

    at_ns: int
    source: str
    kind: str
    detail: str = ""
    value: float = 0.0


Row = TaskRow | SlotRow | LinkRow | UpdateRow | EventRow
Body = (
    Ask | Decision | Post | Forward | Moved | Aired | Result | Announce | Down | Up | Outcome
    | Hello | Welcome | Heartbeat | Bye | Start | Stop | Rows
)  # fmt: skip
