"""Heuristics that choose the target of second offload: every place that a task may be executed at is looked at.

They know what their agents know, the announcements of kΔ and the asks of their own cell, and what they sent in this
slot themselves; of what other cells send at the same time they know nothing.
"""

from collections.abc import Callable, Iterator, Sequence

import msgspec

from testbed.model import random
from testbed.model.delay import duration_ns, spread
from testbed.model.mdp import CellView, EsView, UeView
from testbed.model.targets import target_of
from testbed.model.task import LOCAL
from testbed.policy import expected_costs
from testbed.policy.heuristics import Coin, FixedChoice, Priced, local_cost, offload_cost

DRAW_ONE, DRAW_OTHER = 2, 3


class PricedAny(msgspec.Struct, frozen=True):
    """``greedy-any`` (all 0) and ``priced-any``: where the expected overhead, with its price, is least.

    An ES is priced as by `testbed.policy.heuristics.Priced`; one of another cell costs ``away`` more. UEs decide in
    index order; of places that cost the same the lower action is taken.
    """

    beta: float = 0.0
    beta0: float = 0.0
    away: float = 0.0

    def decide(self, cell: CellView, rng: object) -> dict[str, int]:
        """Compare the costs of all places for each UE in turn."""
        return in_turn(cell, self._choose)

    def _choose(self, cell: CellView, ue: UeView, sent: Sequence[int]) -> int:
        costs = {LOCAL: local_cost(cell, ue)}
        costs |= {action: self._cost(cell, ue, es, sent[es.index]) for action, es in places(cell, ue)}
        return min(costs, key=lambda action: (costs[action], action))

    def _cost(self, cell: CellView, ue: UeView, es: EsView, sent: int) -> float:
        occupied = expected_costs.occupied_ns(
            es.backlog_ns, es.forwarded_cycles, es.air_cycles + sent, es.cpu_hz, es.cores
        )
        execution = duration_ns(sum(task.cycles for task in ue.tasks), es.cpu_hz)
        price = expected_costs.price(self.beta, self.beta0, occupied, execution)
        return offload_cost(cell, ue, es, sent) + price + (self.away if es.index != cell.cell else 0.0)


class Shortest(msgspec.Struct, frozen=True):
    """``jsq-any``: join the shortest queue, that of the UE or of any ES, counted until the tasks themselves are done
    there. With ``sampled``, ``po2-any``: the shorter of two queues drawn by key (Mitzenmacher, IEEE TPDS 12(10), 2001).

    Of queues as long as each other the one of the lower action is joined.
    """

    sampled: bool = False

    def decide(self, cell: CellView, rng: object) -> dict[str, int]:
        """Compare the queues for each UE in turn."""
        return in_turn(cell, self._choose)

    def _choose(self, cell: CellView, ue: UeView, sent: Sequence[int]) -> int:
        cycles = sum(task.cycles for task in ue.tasks)
        queues = {LOCAL: ue.queue_ns + duration_ns(cycles, ue.cpu_hz)}
        for action, es in places(cell, ue):
            wait = es.backlog_ns + spread(duration_ns(sent[es.index], es.cpu_hz), es.cores)
            queues[action] = wait + duration_ns(cycles, es.cpu_hz)
        drawn = queues.keys() & set(sample(cell, ue)) if self.sampled else queues.keys()
        return min(drawn, key=lambda action: (queues[action], action), default=LOCAL)


def in_turn(cell: CellView, choose: Callable[[CellView, UeView, Sequence[int]], int]) -> dict[str, int]:
    """What UEs with tasks ``choose``, one after another, each told the cycles that those before it sent to each ES."""
    sent = [0] * len(cell.edge_servers)
    choices: dict[str, int] = {}
    for ue in cell.ues:
        if ue.tasks:
            choices[ue.name] = choose(cell, ue, sent)
            note(sent, cell, ue, choices[ue.name])
    return choices


def places(cell: CellView, ue: UeView) -> Iterator[tuple[int, EsView]]:
    """The ESs that a UE's tasks may go to as far as is known, by action."""
    if ue.reachable:
        for action in range(1, cell.actions):
            es = cell.edge_servers[target_of(action, cell.cell)]
            if es.reachable:
                yield action, es


def note(sent: list[int], cell: CellView, ue: UeView, action: int) -> None:
    """Add what a UE sends to the cycles ``sent`` to each ES."""
    if action != LOCAL:
        sent[target_of(action, cell.cell)] += sum(task.cycles for task in ue.tasks)


def sample(cell: CellView, ue: UeView) -> tuple[int, int]:
    """Two different actions, by the keyed draws of one UE and slot."""
    one = int(random.uniform(cell.seed, random.POLICY, ue.index, cell.slot, DRAW_ONE) * cell.actions)
    other = int(random.uniform(cell.seed, random.POLICY, ue.index, cell.slot, DRAW_OTHER) * (cell.actions - 1))
    return one, other + (other >= one)


Heuristic = FixedChoice | Coin | Priced | PricedAny | Shortest
