"""Trained networks that choose the target of second offload: each ES a UE's tasks may go to is scored in turn."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from testbed.model.delay import duration_ns, transfer_ns
from testbed.model.mdp import CellView, EsView, UeView
from testbed.model.targets import target_of
from testbed.model.task import LOCAL
from testbed.policy import network
from testbed.policy.choosing import places
from testbed.policy.features import NOBODY_NS
from testbed.policy.heuristics import local_cost, offload_cost
from testbed.policy.learned import cell_features
from testbed.policy.target_features import place


class ChosenTarget(msgspec.Struct, frozen=True):
    """One decision: the ``actions`` (K,) there were beside local, the network's ``inputs`` (K, 30) and ``logits`` (K,)
    of each (local's is 0), and the ``choice``."""

    actions: tuple[int, ...]
    inputs: network.Array
    logits: network.Array
    choice: int


class TargetNetwork:
    """Decides from flat parameters of the head `any`: a cell's UEs in turn, each seeing where those before it sent.

    The likeliest action is taken: local, or the ES that is scored highest, if above 0. ESs that are known to be out of
    reach are left out. Nothing is kept from one slot to the next.
    """

    head = network.CELL_ANY
    double, paper, remembers = True, False, False

    def __init__(self, params: network.Array) -> None:
        self.params, self.shape = params, network.layout(self.head)

    def decide(self, cell: CellView, rng: object) -> dict[str, int]:
        """See `testbed.policy.heuristics.Policy`."""
        return {name: chosen.choice for name, chosen in self.choose([cell]).items()}

    def choose(self, cells: Sequence[CellView]) -> dict[str, ChosenTarget]:
        """The decisions of all UEs of ``cells`` with tasks, in their order, with what they were made from."""
        known = _SlotLedger(cells)
        found: dict[str, ChosenTarget] = {}
        for cell in cells:
            context = cell_features(cell)
            for ue in cell.ues:
                if ue.tasks:
                    known.begin(cell, ue)
                    found[ue.name] = self._choose(cell, ue, known, context)
                    known.send(cell, ue, found[ue.name].choice)
        return found

    def _choose(self, cell: CellView, ue: UeView, known: "_SlotLedger", context: tuple[float, ...]) -> ChosenTarget:
        there = list(places(cell, ue))
        rows = [(*features, *context) for features in known.see(cell, ue, [es for _, es in there])]
        inputs = np.array(rows, np.float32).reshape(-1, self.shape.inputs)
        logits = network.actor(self.params, self.shape, inputs)[:, 0]
        actions, choice, best = tuple(action for action, _ in there), LOCAL, 0.0
        for action, logit in zip(actions, logits, strict=True):
            if logit > best:
                choice, best = action, logit
        return ChosenTarget(actions, inputs, logits, choice)


class RegionalTargetNetwork(TargetNetwork):
    """The same with the head `regional-any`: the UEs of all cells decide in one sequence.

    See `testbed.policy.planned.Regional`. A cell that comes too late sees announcements, nothing of this slot.
    """

    head = network.REGIONAL_ANY

    def decide_region(self, cells: Sequence[CellView]) -> dict[str, int]:
        """See `testbed.policy.planned.Regional`."""
        return {name: chosen.choice for name, chosen in self.choose(cells).items()}


class _SlotLedger:
    """What ESs were sent in a slot, and what is still to be decided in their cells: cycles by the index of the ES."""

    def __init__(self, cells: Sequence[CellView]) -> None:
        self._sent = [0] * len(cells[0].edge_servers)
        self._later = [0] * len(self._sent)
        for cell in cells:
            self._later[cell.cell] = sum(_cycles(ue) for ue in cell.ues)

    def begin(self, cell: CellView, ue: UeView) -> None:
        """It is the turn of ``ue``."""
        self._later[cell.cell] -= _cycles(ue)

    def send(self, cell: CellView, ue: UeView, action: int) -> None:
        """The UE's decision is ``action``."""
        if action != LOCAL:
            self._sent[target_of(action, cell.cell)] += _cycles(ue)

    def see(self, cell: CellView, ue: UeView, there: Sequence[EsView]) -> list[tuple[float, ...]]:
        """The features of each of the ESs that are ``there`` for the UE; see `testbed.policy.target_features`."""
        cycles, here = _cycles(ue), local_cost(cell, ue)
        costs = [offload_cost(cell, ue, es, self._sent[es.index]) for es in there]
        works = [es.backlog_ns + _work_ns(es, es.air_cycles) + _work_ns(es, self._sent[es.index]) for es in there]
        own = next((cost for cost, es in zip(costs, there, strict=True) if es.index == cell.cell), math.inf)
        speed = sum(es.cpu_hz * es.cores for es in there)
        bits = sum(task.input_bits for task in ue.tasks)
        found: list[tuple[float, ...]] = []
        for n, es in enumerate(there):
            others = works[:n] + works[n + 1 :]
            away = es.index != cell.cell
            found.append(
                place(
                    local_cost=here,
                    cost=costs[n],
                    own_cost=own,
                    other_cost=min(costs[:n] + costs[n + 1 :], default=math.inf),
                    queue_ns=ue.queue_ns,
                    radio_wait_ns=ue.radio_wait_ns,
                    airtime_ns=sum(transfer_ns(task.input_bits, ue.rate_bps) for task in ue.tasks),
                    local_ns=duration_ns(cycles, ue.cpu_hz),
                    execution_ns=_work_ns(es, cycles),
                    backlog_ns=es.backlog_ns,
                    own_ns=_work_ns(es, es.own_cycles),
                    forwarded_ns=_work_ns(es, es.forwarded_cycles),
                    air_ns=_work_ns(es, es.air_cycles),
                    sent_ns=_work_ns(es, self._sent[es.index]),
                    later_ns=_work_ns(es, self._later[es.index]),
                    left_ns=duration_ns(sum(self._later), speed),
                    backhaul_ns=transfer_ns(bits, cell.backhaul_bps) + cell.backhaul_latency_ns if away else 0,
                    away=away,
                    mean_ns=sum(others) // max(1, len(others)),
                    least_ns=min(others, default=NOBODY_NS),
                    deadline_ns=min(task.deadline_ns for task in ue.tasks),
                    tasks=len(ue.tasks),
                )
            )
        return found


def _cycles(ue: UeView) -> int:
    return sum(task.cycles for task in ue.tasks)


def _work_ns(es: EsView, cycles: int) -> int:
    return duration_ns(cycles, es.cpu_hz * es.cores)
