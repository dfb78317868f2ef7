"""The heuristic policies: from a cell's view to one decision (0 local, 1 offload) per UE with undecided tasks."""

from typing import Protocol, runtime_checkable

import msgspec

from testbed.model.delay import duration_ns, transfer_ns
from testbed.model.energy import compute_energy_j, overhead, transmit_energy_j
from testbed.model.fallback import EVEN, flip
from testbed.model.mdp import CellView, EsView, UeView
from testbed.model.targets import known_actions
from testbed.model.task import LOCAL, OFFLOAD
from testbed.policy import expected_costs


class Policy(Protocol):
    """What the controller's server asks for a cell's decisions; ``rng`` is keyed by (seed, cell, slot)."""

    def decide(self, cell: CellView, rng: object) -> dict[str, int]:
        """Return 0 or 1, or where it chooses targets an action of `testbed.model.targets`, for every UE of ``cell``
        that has undecided tasks (others are ignored)."""


@runtime_checkable
class Remembering(Protocol):
    """A policy that, if it ``remembers``, is shown its cells in slots with nothing to decide as well."""

    remembers: bool

    def see(self, cell: CellView) -> None:
        """What ``decide`` would see."""


def watching(policy: object) -> Remembering | None:
    """``policy`` if it is to be shown every slot."""
    return policy if isinstance(policy, Remembering) and policy.remembers else None


class FixedChoice(msgspec.Struct, frozen=True):
    """``lc`` and ``offload``: the same decision for everyone."""

    choice: int

    def decide(self, cell: CellView, rng: object) -> dict[str, int]:
        """The fixed choice for every UE."""
        return {ue.name: self.choice for ue in cell.ues}


class Coin(msgspec.Struct, frozen=True):
    """``random`` (probability 1/2) and ``coin`` (tuned): offload with a keyed draw per UE and slot."""

    probability: float = EVEN

    def decide(self, cell: CellView, rng: object) -> dict[str, int]:
        """One draw per UE."""
        return {ue.name: flip(cell.seed, ue.index, cell.slot, self.probability) for ue in cell.ues}


class Priced(msgspec.Struct, frozen=True):
    """``greedy`` (β = β₀ = 0) and ``priced``: offload iff the expected overhead, with its price, is below local's.

    UEs decide in index order, each one's tasks in generation order; later UEs see what was already sent in this slot.
    """

    beta: float = 0.0
    beta0: float = 0.0

    def decide(self, cell: CellView, rng: object) -> dict[str, int]:
        """Compare both costs for each UE in turn."""
        es = cell.edge_servers[cell.cell]
        sent = 0
        choices: dict[str, int] = {}
        for ue in cell.ues:
            if not ue.tasks:
                continue
            choices[ue.name] = LOCAL
            if ue.reachable and self._offload_cost(cell, ue, es, sent) < local_cost(cell, ue):
                choices[ue.name] = OFFLOAD
                sent += sum(task.cycles for task in ue.tasks)
        return choices

    def _offload_cost(self, cell: CellView, ue: UeView, es: EsView, sent: int) -> float:
        cost = offload_cost(cell, ue, es, sent)
        if self.beta == 0.0 and self.beta0 == 0.0:
            return cost
        occupied = expected_costs.occupied_ns(
            es.backlog_ns, es.forwarded_cycles, es.air_cycles + sent, es.cpu_hz, es.cores
        )
        execution = duration_ns(sum(task.cycles for task in ue.tasks), es.cpu_hz)
        return cost + expected_costs.price(self.beta, self.beta0, occupied, execution)


def local_cost(cell: CellView, ue: UeView) -> float:
    """Summed overhead of a UE's undecided tasks when all run locally, from kΔ on."""
    free = cell.now_ns + ue.queue_ns
    cost = 0.0
    for task in ue.tasks:
        free += duration_ns(task.cycles, ue.cpu_hz)
        energy = compute_energy_j(ue.kappa, ue.cpu_hz, task.cycles)
        cost += overhead(ue.weight_delay, free - task.generated_ns, energy)
    return cost


def offload_cost(cell: CellView, ue: UeView, es: EsView, sent: int) -> float:
    """Summed expected overhead of a UE's undecided tasks when all are offloaded to ``es``, of its cell or another,
    ``sent`` cycles being under way there.

    Foresees no second offload and no loss; with shared access the airtime is stretched by the announced senders.
    """
    free, senders = cell.now_ns + ue.radio_wait_ns, cell.edge_servers[cell.cell].senders
    cost = 0.0
    for task in ue.tasks:
        airtime = transfer_ns(task.input_bits, ue.rate_bps)
        if cell.shared and senders > 1:
            airtime *= senders
        free += airtime
        arrival = free + cell.latency_ns
        if es.index != cell.cell:
            arrival += transfer_ns(task.input_bits, cell.backhaul_bps) + cell.backhaul_latency_ns
        wait = expected_costs.es_wait_ns(es.backlog_ns, sent, es.cpu_hz, es.cores, arrival - cell.now_ns)
        finished = arrival + wait + duration_ns(task.cycles, es.cpu_hz) + cell.return_latency_ns
        cost += overhead(ue.weight_delay, finished - task.generated_ns, transmit_energy_j(ue.tx_power_w, airtime))
        sent += task.cycles
    return cost


def checked(choices: object, view: CellView) -> dict[str, int]:
    """``choices`` if it gives 0 or 1, or another action there is, to every UE of ``view`` with tasks; otherwise
    `TypeError` or `ValueError`."""
    if not isinstance(choices, dict):
        raise TypeError(f"decide() returned {type(choices).__name__}, not a dict of UE names")
    actions = range(view.actions)
    for ue in view.ues:
        if not ue.tasks:
            continue
        if ue.name not in choices:
            raise ValueError(f"decide() gave no decision for {ue.name}")
        if choices[ue.name] not in actions:
            raise ValueError(
                f"decide() gave {choices[ue.name]!r} for {ue.name}; {known_actions(view.actions)} expected"
            )
    return {name: int(choice) for name, choice in choices.items() if choice in actions}
