"""The resolved system: a scenario with its hardware drawn, as plain numbers in SI units and nanoseconds."""

import math
from collections.abc import Sequence

import msgspec

from testbed.model import targets
from testbed.model.changing_link import NO_TRACE, RateTrace, WayBack
from testbed.model.cuts import Span, open_ns, united
from testbed.model.delay import FOREVER_NS, after_ns, duration_ns
from testbed.model.learning import LearningPlan
from testbed.model.link import JITTER_NONE
from testbed.model.queue import LOCAL_FIRST, NO_LIMIT
from testbed.model.resilience import UNUSED, Resilience
from testbed.model.speed import execution_end_ns, speed_hz
from testbed.model.task import Task
from testbed.model.task_model import TaskModel

DEDICATED, SHARED = "dedicated", "shared"
REAL = "real"
IPC, TCP = "ipc", "tcp"
CURVE, UNENCRYPTED = "curve", "none"
EPOCH_SLOT, EPOCH_ARRIVAL = "slot", "arrival"
CONTROLLER, LAUNCHER = "controller", "launcher"


class Ue(msgspec.Struct, frozen=True, kw_only=True):
    """A user equipment: ``index`` is global, ``cell`` 0-based, ``rate_bps`` its solo uplink rate in bit/s.

    That is its rate without fading, whose ``snr`` is p·g/σ². ``trace`` is the place of its own rate trace among those
    of the radio (-1: it has none).

    Where its uplink changes, the rate is at most ``caps_bps[i]`` from ``cap_edges_ns[i]`` on, bits that leave from
    ``added_edges_ns[i]`` on arrive ``added_ns[i]`` later than usual, and of transmissions that begin from
    ``loss_edges_ns[i]`` on a part ``losses[i]`` is lost; first edges are 0. ``cuts_ns`` are the spans in which its link
    is cut, in which the cap is 0 too. ``back`` is how results come, where that changes. In the spans ``pauses_ns`` it
    stands still: its speed is ``speeds_hz[i]`` from ``speed_edges_ns[i]`` on, and 0 in them.
    """

    name: str
    index: int
    cell: int
    cpu_hz: int
    rate_bps: float
    tx_power_w: float
    kappa: float
    weight_delay: float
    distance_m: float
    snr: float = 0.0
    trace: int = NO_TRACE
    cap_edges_ns: tuple[int, ...] = ()
    caps_bps: tuple[float, ...] = ()
    added_edges_ns: tuple[int, ...] = ()
    added_ns: tuple[int, ...] = ()
    loss_edges_ns: tuple[int, ...] = ()
    losses: tuple[float, ...] = ()
    cuts_ns: tuple[Span, ...] = ()
    back: WayBack | None = None
    pauses_ns: tuple[Span, ...] = ()
    speed_edges_ns: tuple[int, ...] = ()
    speeds_hz: tuple[int, ...] = ()

    def end_ns(self, start_ns: int, cycles: int) -> int:
        """When a local execution begun at ``start_ns`` ends."""
        if not self.speeds_hz:
            return after_ns(start_ns, duration_ns(cycles, self.cpu_hz))
        return execution_end_ns(start_ns, cycles, self.speed_edges_ns, self.speeds_hz, FOREVER_NS)

    @property
    def least_cap_bps(self) -> float:
        """The least cap under which its uplink still moves bits, in bit/s; infinite if it has none."""
        return min((cap for cap in self.caps_bps if cap > 0.0), default=math.inf)


class Es(msgspec.Struct, frozen=True, kw_only=True):
    """An edge server: speed per core in cycles/s, queue discipline, limit of waiting tasks, energy constants.

    Where it changes, the speed is ``speeds_hz[i]`` from ``speed_edges_ns[i]`` on, the first edge being 0. In the spans
    ``pauses_ns`` it stands still, and the speed is 0.
    """

    name: str
    index: int
    cpu_hz: int
    cores: int = 1
    queue_limit: int = NO_LIMIT
    discipline: int = LOCAL_FIRST
    kappa: float = 1e-27
    idle_power_w: float = 0.0
    speed_edges_ns: tuple[int, ...] = ()
    speeds_hz: tuple[int, ...] = ()
    pauses_ns: tuple[Span, ...] = ()

    @property
    def slowest_hz(self) -> int:
        """Its least speed during the run, but for pauses."""
        return min((hz for hz in self.speeds_hz if hz > 0), default=self.cpu_hz)

    def hz(self, at_ns: int) -> int:
        """Its speed at an instant."""
        return speed_hz(at_ns, self.speed_edges_ns, self.speeds_hz) if self.speeds_hz else self.cpu_hz

    def end_ns(self, start_ns: int, cycles: int, until_ns: int = FOREVER_NS) -> int:
        """When an execution begun at ``start_ns`` ends; as is known at ``until_ns``, before later changes of speed."""
        if not self.speeds_hz:
            return after_ns(start_ns, duration_ns(cycles, self.cpu_hz))
        return execution_end_ns(start_ns, cycles, self.speed_edges_ns, self.speeds_hz, until_ns)


class Radio(msgspec.Struct, frozen=True, kw_only=True):
    """The radio of every cell: access, latencies in ns, jitter as (kind, low, high) of `model.link`, loss, trace.

    ``traces`` are those of single UEs. With block fading ``coherence_ns`` is above 0, and the rate follows from the
    bandwidth in Hz and the most bit/s/Hz.
    """

    access: str = DEDICATED
    latency_ns: int = 0
    return_latency_ns: int = 0
    jitter_kind: int = JITTER_NONE
    jitter_low_ns: int = 0
    jitter_high_ns: int = 0
    loss: float = 0.0
    result_bits: int = 0
    trace_edges_ns: tuple[int, ...] = ()
    trace_bps: tuple[float, ...] = ()
    trace_period_ns: int = 0
    traces: tuple[RateTrace, ...] = ()
    coherence_ns: int = 0
    bandwidth_hz: float = 0.0
    max_spectral_efficiency: float = math.inf


class Backhaul(msgspec.Struct, frozen=True):
    """The macro network between ESs: bit/s (may be infinite) and one-way latency in ns; it has no queue."""

    rate_bps: float = 1e9
    latency_ns: int = 0


class BackhaulCut(msgspec.Struct, frozen=True):
    """The spans in which no bit moves between the ESs of these indices, ``one`` below ``other``."""

    one: int
    other: int
    cuts_ns: tuple[Span, ...]


class System(msgspec.Struct, frozen=True, kw_only=True):
    """All that a clock needs to know besides the workload, the policy and the faults.

    In a ``closed_loop`` a UE's next task waits for the end of its last one, and then for the time between the two in
    the workload. With ``chosen_target`` agents say which ES executes an offloaded task, and the rule is off.
    """

    name: str
    seed: int
    hardware_seed: int
    slots: int
    slot_ns: int
    threshold_ns: int
    detection_ns: int
    epoch: str
    radio: Radio
    backhaul: Backhaul
    ues: tuple[Ue, ...]
    edge_servers: tuple[Es, ...] = msgspec.field(name="ess")
    gather_timeout_ns: int = 20_000_000
    decision_timeout_ns: int = 200_000_000
    fallback: str = "lc"
    closed_loop: bool = False
    backhaul_cuts: tuple[BackhaulCut, ...] = ()
    resilience: Resilience = UNUSED
    chosen_target: bool = False

    @property
    def actions(self) -> int:
        """How many actions a UE has; see `testbed.model.targets`."""
        return targets.actions(len(self.edge_servers), chosen_target=self.chosen_target)

    def cuts_between(self, es: int, other: int) -> tuple[Span, ...]:
        """The spans in which the backhaul between two ESs is cut, by their indices."""
        if not self.backhaul_cuts:
            return ()
        pair = min(es, other), max(es, other)
        return next((cut.cuts_ns for cut in self.backhaul_cuts if (cut.one, cut.other) == pair), ())

    def result_leaves_ns(self, end_ns: int, ue: Ue, es: int) -> int:
        """When the result of an execution that ended at ``end_ns`` at ES ``es`` finds its way back to ``ue`` open."""
        spans = *self.standing_between(es, ue.cell), *ue.cuts_ns
        while spans and (at := open_ns(end_ns, spans)) != end_ns:
            end_ns = at
        return end_ns

    def standing_between(self, es: int, other: int) -> tuple[Span, ...]:
        """The spans in which nothing moves from one ES to another, or within one: it is cut, or one of them paused."""
        cuts, one, two = self.cuts_between(es, other), self.edge_servers[es], self.edge_servers[other]
        return united((*cuts, *one.pauses_ns, *two.pauses_ns)) if one.pauses_ns or two.pauses_ns else cuts

    def boundary_ns(self, ue: Ue, at_ns: int) -> int:
        """The first slot boundary not before ``at_ns`` at which a UE does not stand still."""
        while True:
            boundary = -(-at_ns // self.slot_ns) * self.slot_ns
            at_ns = open_ns(boundary, ue.pauses_ns)
            if at_ns == boundary:
                return boundary

    @property
    def pausing(self) -> tuple[Ue | Es, ...]:
        """Who stands still at any time."""
        return tuple(ue for ue in self.ues if ue.pauses_ns) + tuple(es for es in self.edge_servers if es.pauses_ns)

    @property
    def end_ns(self) -> int:
        """The instant at which generation ends."""
        return self.slots * self.slot_ns

    def asked_ns(self, task: Task) -> int:
        """When its UE asks about a task: when it is generated, or at the slot boundary that is not before that."""
        if self.epoch == EPOCH_ARRIVAL:
            return task.generated_ns
        return self.boundary_ns(self.ues[task.ue], task.generated_ns)

    def ues_by_cell(self) -> tuple[tuple[Ue, ...], ...]:
        """The UEs of every cell, in index order."""
        found: list[list[Ue]] = [[] for _ in self.edge_servers]
        for ue in self.ues:
            found[ue.cell].append(ue)
        return tuple(map(tuple, found))

    def cell_ues(self, cell: int) -> tuple[Ue, ...]:
        """The UEs of one cell, in index order."""
        return tuple(u for u in self.ues if u.cell == cell)


class Fault(msgspec.Struct, frozen=True):
    """A process death at ``at_ns``; ``restart_ns`` is the instant it serves again, or -1."""

    name: str
    at_ns: int
    restart_ns: int = -1


class Disturbance(msgspec.Struct, frozen=True):
    """Something planned that goes wrong without a death: ``what`` happens to ``target`` from ``at_ns`` to ``until_ns``.

    -1: to the end of the run. What it changes is in the workload and in the system; this is what a record tells of it.
    """

    target: str
    what: str
    at_ns: int
    until_ns: int = -1


class Emulation(msgspec.Struct, frozen=True, kw_only=True):
    """How a run is emulated: speed, payload (``real`` or ``declared``), burnt share of cycles (-1: auto), packing, and
    over what messages travel (``ipc`` or ``tcp``), on tcp with or without the payload's encryption (``curve``,
    ``none``).

    ``drain_limit_ns`` bounds draining in emulated ns after the last slot (-1: none). ``spin_ns`` is the wall time that
    a UE spins before a task's end is due, as far as it can spare it. ``crowds`` says how many of each cell's UEs, the
    last ones, are played by crowds; () where none is.
    """

    speed: float = 1.0
    payload: str = "real"
    burn: float = -1.0
    ues_per_process: int = 1
    drain_limit_ns: int = -1
    guard_ns: int = 2_000_000
    spin_ns: int = 200_000
    transport: str = IPC
    payload_encryption: str = CURVE
    crowds: tuple[int, ...] = ()

    @property
    def plain_payload(self) -> bool:
        """Whether real payload travels beside the encrypted messages, in plain."""
        return (self.transport, self.payload, self.payload_encryption) == (TCP, REAL, UNENCRYPTED)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one run needs, whatever the clock: system, workload, strategy, emulation and faults.

    With ``learn`` the strategy goes on learning from what the run measures, as ``learning`` says. ``task_model`` is
    what the workload was drawn from, None where it was recorded.
    """

    system: System
    workload: Sequence[Task]
    policy: str
    second_offload: bool
    emulation: Emulation = Emulation()
    faults: tuple[Fault, ...] = ()
    disturbances: tuple[Disturbance, ...] = ()
    learn: bool = False
    learning: LearningPlan = LearningPlan()
    task_model: TaskModel | None = None

    @property
    def by_rule(self) -> bool:
        """Whether the rule of second offload is on."""
        return self.second_offload and not self.system.chosen_target

    @property
    def learners(self) -> tuple[str, ...]:
        """The names of the processes that learn, none unless it is to ``learn``."""
        return self.learning.names if self.learn else ()

    def tasks_by_ue(self) -> tuple[tuple[Task, ...], ...]:
        """The workload's rows of each UE, by its index."""
        found: list[list[Task]] = [[] for _ in self.system.ues]
        for task in self.workload:
            found[task.ue].append(task)
        return tuple(map(tuple, found))
