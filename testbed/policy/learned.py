"""A trained network as a policy: UEs decide one after another, each seeing what those before it sent."""

import msgspec
import numpy as np

from testbed.model import queue
from testbed.model.delay import duration_ns, transfer_ns
from testbed.model.mdp import CellView, EsView, UeView
from testbed.model.random import EXPLORATION, FIELD_ACTION, uniform
from testbed.model.task import LOCAL, OFFLOAD
from testbed.policy import features, network, q_network
from testbed.policy.heuristics import local_cost, offload_cost
from testbed.policy.recurrent_memory import Memory

QUEUE_FEATURE = 2


class Chosen(msgspec.Struct, frozen=True):
    """One decision: the network's inputs (30 + H,), its preference for offloading (a logit or Q(s, 1) − Q(s, 0)), the
    choice; ``free`` is false where there was no choice, the ES being out of reach."""

    inputs: network.Array
    preference: float
    choice: int
    free: bool


class RecurrentPolicy:
    """What a trained network remembers of its cells; it ``remembers`` if its ``shape`` has a recurrent core."""

    def __init__(self, params: network.Array, shape: network.Layout, *, paper: bool) -> None:
        self.params, self.shape, self.paper = params, shape, paper
        self.remembers, self._memory = bool(shape.core), Memory(shape)

    def see(self, cell: CellView) -> None:
        """See `testbed.policy.heuristics.Remembering`."""
        self._memory.look(self.params, cell, see_cell(cell, paper=self.paper))


class Learned(RecurrentPolicy):
    """Decides from flat parameters; ``explore`` samples from the policy instead of taking its likelier action.

    ``shape`` tells the head (``factored`` hides from each UE what the others do) and whether there is a recurrent core;
    ``double`` tells the network whether second offload is on. With ``values`` the network is DQN's (``dueling`` or not)
    instead of A3C's. ``paper``: it sees what the paper's agents see, nothing else.
    """

    def __init__(
        self,
        params: network.Array,
        *,
        double: bool,
        explore: bool = False,
        values: bool = False,
        dueling: bool = True,
        paper: bool = False,
        shape: network.Layout = network.PER_UE,
    ) -> None:
        super().__init__(params, shape, paper=paper)
        self.double = double
        self.sequential, self.explore = shape.head == network.SEQUENTIAL, explore
        self.values, self.dueling = values, dueling

    def decide(self, cell: CellView, rng: object) -> dict[str, int]:
        """See `testbed.policy.heuristics.Policy`."""
        return {name: chosen.choice for name, chosen in self.choose(cell).items()}

    def choose(self, cell: CellView) -> dict[str, Chosen]:
        """The decisions of a cell by UE, with what they were made from; draws are keyed as on the twin."""
        sent = 0
        later = sum(task.cycles for ue in cell.ues for task in ue.tasks)
        mine = see_cell(cell, paper=self.paper)
        if self.remembers:
            mine = (*mine, *self._memory.look(self.params, cell, mine).tolist())
        found: dict[str, Chosen] = {}
        for ue in cell.ues:
            if not ue.tasks:
                continue
            cycles = sum(task.cycles for task in ue.tasks)
            later -= cycles
            seen = (sent, later) if self.sequential else (0, 0)
            inputs = see_ue(cell, ue, seen[0], seen[1], double=self.double, paper=self.paper)
            x = np.array((*inputs, *mine), dtype=np.float32)
            preference = self._preference(x)
            choice = self._choice(cell, ue, preference) if ue.reachable else LOCAL
            found[ue.name] = Chosen(x, preference, choice, ue.reachable)
            if choice == OFFLOAD:
                sent += cycles
        return found

    def _preference(self, x: network.Array) -> float:
        if self.values:
            return float(q_network.advantage(self.params, x, dueling=self.dueling))
        return float(network.actor(self.params, self.shape, x)[0])

    def _choice(self, cell: CellView, ue: UeView, preference: float) -> int:
        if not self.explore:
            return OFFLOAD if preference > 0.0 else LOCAL
        drawn = uniform(cell.seed, EXPLORATION, ue.index, cell.slot, FIELD_ACTION)
        return OFFLOAD if drawn < 1.0 / (1.0 + np.exp(-preference)) else LOCAL


def see_ue(cell: CellView, ue: UeView, sent: int, later: int, *, double: bool, paper: bool) -> tuple[float, ...]:
    """A UE's block of inputs (22,): its decision's features, 0 if there is none; for ``paper`` only its queue."""
    if paper:
        return (
            (0.0,) * QUEUE_FEATURE
            + (features.seconds(ue.queue_ns),)
            + (0.0,) * (features.DECISION_FEATURES - QUEUE_FEATURE - 1)
        )
    if not ue.tasks:
        return (0.0,) * features.DECISION_FEATURES
    return decision_features(cell, ue, cell.edge_servers[cell.cell], sent, later, double=double)


def see_cell(cell: CellView, *, paper: bool) -> tuple[float, ...]:
    """A cell's inputs (8,): its features; for ``paper`` its ES's backlog, burden signal, and target one-hot."""
    if not paper:
        return cell_features(cell)
    es = cell.edge_servers[cell.cell]
    burdened = features.burden(
        es.backlog_ns, es.forwarded_cycles, es.cpu_hz * es.cores, queue.LOCAL_FIRST, cell.threshold_ns
    )
    others = within_reach(cell)
    target = others[0][1] if others else -1
    one_hot = (float(n == target) for n in range(features.CELL_FEATURES - 2))
    return (features.seconds(es.backlog_ns), float(burdened), *one_hot)


def decision_features(
    cell: CellView, ue: UeView, es: EsView, sent: int, later: int, *, double: bool
) -> tuple[float, ...]:
    """The features of one UE's decision from its cell's view; see `testbed.policy.features.decision`."""
    others = within_reach(cell)
    target = cell.edge_servers[others[0][1]] if others else es
    busy = (cell.edge_servers[index] for _, index in others[1:])
    next_ns = min((one.backlog_ns + _work_ns(one.air_cycles, one) for one in busy), default=features.NOBODY_NS)
    cycles = sum(task.cycles for task in ue.tasks)
    airtime = sum(transfer_ns(task.input_bits, ue.rate_bps) for task in ue.tasks)
    return features.decision(
        local_cost=local_cost(cell, ue),
        offload_cost=offload_cost(cell, ue, es, sent),
        queue_ns=ue.queue_ns,
        radio_wait_ns=ue.radio_wait_ns,
        airtime_ns=airtime,
        cycles=cycles,
        ue_hz=ue.cpu_hz,
        es_hz=es.cpu_hz * es.cores,
        backlog_ns=es.backlog_ns,
        own_cycles=es.own_cycles,
        forwarded_cycles=es.forwarded_cycles,
        air_cycles=es.air_cycles,
        sent_cycles=sent,
        later_cycles=later,
        mean_ns=sum(backlog for backlog, _ in others) // max(1, len(others)),
        target_hz=target.cpu_hz * target.cores,
        target_ns=target.backlog_ns,
        target_forwarded_cycles=target.forwarded_cycles,
        target_air_cycles=target.air_cycles,
        next_ns=next_ns,
        threshold_ns=cell.threshold_ns,
        deadline_ns=min(task.deadline_ns for task in ue.tasks),
        tasks=len(ue.tasks),
        double=int(double and bool(others)),
    )


def within_reach(cell: CellView) -> list[tuple[int, int]]:
    """The other ESs that second offload may choose, the likeliest first: (announced backlog in ns, index) of each."""
    return sorted((es.backlog_ns, es.index) for es in cell.edge_servers if es.index != cell.cell and es.reachable)


def _work_ns(cycles: int, es: EsView) -> int:
    return duration_ns(cycles, es.cpu_hz * es.cores)


def cell_features(cell: CellView) -> tuple[float, ...]:
    """The features of a cell from its view; see `testbed.policy.features.cell`."""
    es = cell.edge_servers[cell.cell]
    undecided = sum(task.cycles for ue in cell.ues for task in ue.tasks)
    local = sum(duration_ns(sum(task.cycles for task in ue.tasks), ue.cpu_hz) for ue in cell.ues)
    return features.cell(
        backlog_ns=es.backlog_ns,
        own_cycles=es.own_cycles,
        forwarded_cycles=es.forwarded_cycles,
        air_cycles=es.air_cycles,
        es_hz=es.cpu_hz * es.cores,
        queues_ns=sum(ue.queue_ns for ue in cell.ues),
        ues=max(1, len(cell.ues)),
        local_ns=local,
        undecided_cycles=undecided,
    )
