"""What a cell's agent sees, and what its decisions earn (MODEL: decisions and the Markov decision process)."""

import math

import msgspec

from testbed.model import targets
from testbed.model.energy import compute_energy_j, overhead
from testbed.model.system import Ue
from testbed.model.task import Task


class UeView(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A UE as its agent sees it at kΔ: constants, local queue in ns, announced radio wait in ns, undecided tasks.

    One that is not ``reachable`` is known to be cut off from its ES, or its ES to be dead: it executes what it should
    offload.
    """

    name: str
    index: int
    cpu_hz: int
    rate_bps: float
    tx_power_w: float
    kappa: float
    weight_delay: float
    queue_ns: int
    radio_wait_ns: int
    tasks: tuple[Task, ...]
    last_choice: int
    reachable: bool = True

    @classmethod
    def of(
        cls,
        ue: Ue,
        *,
        queue_ns: int,
        radio_wait_ns: int,
        tasks: tuple[Task, ...],
        last_choice: int,
        reachable: bool = True,
    ) -> "UeView":
        """``ue`` with what is known of it now."""
        return cls(
            name=ue.name,
            index=ue.index,
            cpu_hz=ue.cpu_hz,
            rate_bps=ue.rate_bps,
            tx_power_w=ue.tx_power_w,
            kappa=ue.kappa,
            weight_delay=ue.weight_delay,
            queue_ns=queue_ns,
            radio_wait_ns=radio_wait_ns,
            tasks=tasks,
            last_choice=last_choice,
            reachable=reachable,
        )


class EsView(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An ES as announced: backlog in ns; waiting own, forwarded and in-the-air cycles; ``age_slots`` of the news.

    As far as is known, it is ``alive``, and ``reachable`` for the cell's own ES: alive, with no cut between the two.
    """

    name: str
    index: int
    cpu_hz: int
    cores: int
    backlog_ns: int
    own_cycles: int
    forwarded_cycles: int
    air_cycles: int
    senders: int
    age_slots: int
    alive: bool
    reachable: bool


class CellView(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The observation of ``cell`` (0-based) at ``slot``, instant ``now_ns``; ``edge_servers[cell]`` is its own ES.

    ``shared`` tells the access; ``latency_ns`` and ``return_latency_ns`` are the radio's, ``threshold_ns`` is W_max.
    Where its agent chooses targets, ``chosen_target``, decisions are actions of `testbed.model.targets`; the backhaul
    to another ES moves ``backhaul_bps`` and takes ``backhaul_latency_ns``.
    """

    slot: int
    now_ns: int
    cell: int
    seed: int
    ues: tuple[UeView, ...]
    edge_servers: tuple[EsView, ...]
    shared: bool
    latency_ns: int
    return_latency_ns: int
    threshold_ns: int
    chosen_target: bool = False
    backhaul_bps: float = math.inf
    backhaul_latency_ns: int = 0

    @property
    def actions(self) -> int:
        """How many actions a UE has."""
        return targets.actions(len(self.edge_servers), chosen_target=self.chosen_target)


def holding_cost(weight_delay: float, present_ns: int, energy_j: float) -> float:
    """What one task costs in one slot: λt·(time present in it) + λe·(energy spent in it). Its negative is paid."""
    return overhead(weight_delay, present_ns, energy_j)


def local_overhead(weight_delay: float, kappa: float, hz: int, cycles: int, since_ns: int, execution_ns: int) -> float:
    """``C_local``: what executing a task on its own UE would have cost.

    ``since_ns`` is from its generation until its UE could have begun: decision, own queue, earlier undecided tasks.
    """
    return overhead(weight_delay, since_ns + execution_ns, compute_energy_j(kappa, hz, cycles))


def time_score(deadline_ns: int, delay_ns: int, xi: float = 1.0) -> float:
    """The paper's ``r_ts = ξ(τ − T)/τ``."""
    return xi * (deadline_ns - delay_ns) / deadline_ns


def cost_score(local_overhead: float, achieved_overhead: float, offloaded: bool, eta: float = 1.0) -> float:
    """The paper's ``r_cs = η(C_local − C)`` for an offloaded task, 0 for a local one."""
    return eta * (local_overhead - achieved_overhead) if offloaded else 0.0


def score(
    kind: str, deadline_ns: int, delay_ns: int, local_overhead: float, achieved_overhead: float, offloaded: bool
) -> float:
    """What a task earns by the reward ``paper`` or ``paper-sign``."""
    if kind == "paper-sign":
        return sign_scores(deadline_ns, delay_ns, local_overhead, achieved_overhead, offloaded)
    return time_score(deadline_ns, delay_ns) + cost_score(local_overhead, achieved_overhead, offloaded)


def sign_scores(
    deadline_ns: int, delay_ns: int, local_overhead: float, achieved_overhead: float, offloaded: bool
) -> float:
    """``paper-sign``: ±1 for the deadline plus the relative saving against local, clipped to [−1, 1]."""
    sign = 1.0 if delay_ns <= deadline_ns else -1.0
    if not offloaded or local_overhead <= 0.0:
        return sign
    return sign + min(1.0, max(-1.0, (local_overhead - achieved_overhead) / local_overhead))
