"""Every message on the wire. Instants are emulated nanoseconds, data sizes bits, work cycles; UE and ES by name.

A message is a msgspec array-like struct with a tag; `testbed.protocol.codec` frames it in an envelope.
"""

import msgspec

from testbed.model.targets import UNCHOSEN
from testbed.model.task import Task
from testbed.protocol.crowd_messages import Asks, Decisions, Posts
from testbed.protocol.message import Message
from testbed.protocol.rows import Row


class Ask(Message, frozen=True, gc=False, kw_only=True):
    """A UE's request at slot boundary ``at_ns``: its local queue in ns and its undecided tasks (perhaps none)."""

    ue: str
    slot: int
    at_ns: int
    queue_ns: int
    tasks: tuple[Task, ...] = ()
    last_choice: int = -1


class Decision(Message, frozen=True, gc=False, kw_only=True):
    """The agent's answer to one Ask: 0 local, 1 offload, or an action of `testbed.model.targets`; ``version`` of the
    policy, log-probability of the action.

    ``fallback`` names why the fallback policy decided ("" when it did not).
    """

    ue: str
    slot: int
    choice: int
    version: int = 0
    log_probability: float = 0.0
    fallback: str = ""
    asked_ns: int = 0


class Post(Message, frozen=True, gc=False):
    """A UE hands a task to its ES's radio: ready to be sent at ``ready_ns``.

    ``target`` is the index of the ES that its agent chose, -1 where the rule of second offload decides.
    """

    ue: str
    task: Task
    ready_ns: int
    target: int = UNCHOSEN


class Kept(Message, frozen=True, gc=False):
    """The controller tells a cell's ES which UEs (by index) keep the tasks that they asked about at ``at_ns``, so that
    it need not wait for them."""

    at_ns: int
    ues: tuple[int, ...]


class Forward(Message, frozen=True, gc=False):
    """Second offload: the task arrives at the other ES at ``arrival_ns`` over the backhaul."""

    ue: str
    task: Task
    trip: "Trip"
    arrival_ns: int


class Trip(msgspec.Struct, frozen=True, gc=False, array_like=True, kw_only=True):
    """What the radio did with a task: ready, first bit, last bit, arrival at the own ES; transmissions needed.

    ``late_ns`` is how much later than the ideal arrival the ES acted on it (0 but for slips).
    """

    ready_ns: int
    tx_start_ns: int
    tx_end_ns: int
    arrival_ns: int
    attempts: int = 1
    late_ns: int = 0


class Moved(Message, frozen=True, gc=False):
    """The own ES tells the UE that its task goes on to ES ``es`` at ``at_ns``; ``es`` tells it when it ``arrived``.

    Until then the task is with both: if one of them dies, the UE takes it back. Where UEs take back what a cut holds on
    their radios, ``es`` is the UE's own name for a task that has left the radio in that way.
    """

    ue: str
    number: int
    es: str
    at_ns: int
    arrived: bool = False


class Aired(Message, frozen=True, gc=False):
    """Shared radio only: the first (``first`` true) or last bit of the task was sent at ``at_ns``."""

    ue: str
    number: int
    first: bool
    at_ns: int


class Result(Message, frozen=True, gc=False, kw_only=True):
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


class Returns(Message, frozen=True, gc=False):
    """The results of several tasks of one crowd."""

    results: tuple[Result, ...]


class Announce(Message, frozen=True, gc=False, kw_only=True):
    """An ES's state at slot boundary ``at_ns``: total backlog in ns, waiting own and forwarded cycles, cycles in the
    air, the number of UEs sending, and, for the controller only, the radio wait in ns of each of its UEs (in index
    order)."""

    es: str
    slot: int
    at_ns: int
    backlog_ns: int = 0
    own_cycles: int = 0
    forwarded_cycles: int = 0
    air_cycles: int = 0
    senders: int = 0
    radio_wait_ns: tuple[int, ...] = ()


class Down(Message, frozen=True, gc=False):
    """The launcher's notice that a process died at ``at_ns`` (its ``incarnation`` ended)."""

    name: str
    at_ns: int
    incarnation: int


class Up(Message, frozen=True, gc=False):
    """The launcher's notice that a process serves again from ``at_ns`` on, as ``incarnation``."""

    name: str
    at_ns: int
    incarnation: int


class Outcome(Message, frozen=True, gc=False, kw_only=True):
    """A finished task, sent by its UE to every learner; delays in ns, energy in J, as measured.

    ``forwarded``: another ES executed it; ``rejected``: the ES had no place for it; ``by_ue``: its UE executed it.
    ``think_ns`` is the time from ask to answer.
    """

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
    forwarded: bool = False
    rejected: bool = False
    by_ue: bool = False
    think_ns: int = 0


class Chose(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One decision as its policy made it: UE index, action, its log-probability, the network's inputs."""

    ue: int
    choice: int
    log_probability: float
    inputs: tuple[float, ...]


class Seen(Message, frozen=True, gc=False, kw_only=True):
    """The controller tells every learner what it saw of cell ``cell`` (0-based) in a slot: the cell's features and
    undecided tasks, and the decisions it made there by version ``version`` of the policy (perhaps none)."""

    cell: int
    slot: int
    version: int
    features: tuple[float, ...]
    tasks: tuple[Task, ...] = ()
    chose: tuple[Chose, ...] = ()


class Hello(Message, frozen=True, gc=False):
    """Opens a session: who speaks, in which incarnation, as which role."""

    name: str
    incarnation: int
    role: str


class Welcome(Message, frozen=True, gc=False):
    """Accepts a session, naming the incarnation of the one who answers."""

    name: str
    incarnation: int


class Heartbeat(Message, frozen=True, gc=False):
    """Sign of life; ``received`` acknowledges every message up to that sequence number."""

    received: int


class Bye(Message, frozen=True, gc=False):
    """Closes a session in order."""

    reason: str = ""


class Orders(Message, frozen=True, gc=False):
    """The launcher tells a process what to play, before each epoch: number ``piece`` of ``pieces`` of an assignment."""

    piece: int
    pieces: int
    data: bytes


class Revise(Message, frozen=True, gc=False):
    """The launcher tells a process that its plan changes shortly: number ``piece`` of ``pieces`` of a revision."""

    piece: int
    pieces: int
    data: bytes


class Ready(Message, frozen=True, gc=False):
    """A process has its orders, and can begin."""


class Start(Message, frozen=True, gc=False):
    """The common epoch: CLOCK_MONOTONIC nanoseconds at which emulated time is 0, and the speed.

    A restarted process serves from ``from_ns`` on, and learns which others are down. Before the run there may be a
    ``warm_up``.
    """

    epoch_monotonic_ns: int
    speed: float
    from_ns: int = 0
    downs: tuple["Down", ...] = ()
    warm_up: bool = False


class Stop(Message, frozen=True, gc=False):
    """Ends a run: flush telemetry and leave; ``at_ns`` of emulated time, ``reason`` recorded.

    With ``again`` the process stays: it flushes, sends this back, and awaits another Start, with new orders by then.
    """

    at_ns: int
    reason: str
    again: bool = False


class Rows(Message, frozen=True, gc=False):
    """A batch of telemetry for the recorder."""

    rows: tuple[Row, ...]


Body = (
    Ask
    | Decision
    | Post
    | Kept
    | Forward
    | Moved
    | Aired
    | Result
    | Asks
    | Decisions
    | Posts
    | Returns
    | Announce
    | Down
    | Up
    | Outcome
    | Seen
    | Hello
    | Welcome
    | Heartbeat
    | Bye
    | Orders
    | Revise
    | Ready
    | Start
    | Stop
    | Rows
)
