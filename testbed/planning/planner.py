"""A causal planner: it tries other decisions than its base policy's on sampled futures, and keeps what costs less.

What it tries is played in the twin, from what the agents know, on the same futures for all, which the task model draws.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from testbed.model import random
from testbed.model.mdp import CellView, UeView
from testbed.model.system import Plan, System
from testbed.planning import futures
from testbed.planning.belief import Belief, Choices, offloading
from testbed.planning.expectation import Expectation
from testbed.planning.search import Moves, improve
from testbed.policy.heuristics import Coin, FixedChoice, Policy, Priced
from testbed.policy.joint import AtOnce
from testbed.policy.learned import Learned
from testbed.policy.planned import USUAL_BASE, Planned
from testbed.twin import build, state
from testbed.twin.networks import Deciding, deciding, is_network

FUTURES, FEWEST_FUTURES, HORIZON = 32, 4, 8
PLAYED_SLOT_NS, PLAYED_UE_NS = 200, 50  # what a slot of a future takes on one core, about, and each UE in it
NETWORK_UE_NS = 1_500  # the same of a UE for which a network decides
FIELD_FUTURE = 3


class Planner:
    """Decides all cells of a slot together; see `testbed.policy.planned.Regional`.

    With a ``clock`` (ns) it stops when its time is up; without one after as many tries as usually fit into it, so that
    it decides the same wherever and whenever it is asked.
    """

    def __init__(self, plan: Plan, policy: Planned, clock: Callable[[], int] | None = None) -> None:
        self.policy, self._clock, self._seed = policy, clock, plan.system.seed
        self._belief = Belief(plan.system, double=plan.second_offload)
        self._expectation = Expectation(self._belief.system, plan.task_model, double=plan.second_offload)
        self._room = build.worlds(1, self._expectation.fixed, 2 * self._belief.twin.state.tasks.shape[1])
        self._network = _network_of(policy.base, plan.system)
        self._base = _record_of(policy.base)
        if self._network is not None:
            self._base["policy"] = state.NETWORK_CODE
        self._chosen = offloading(plan.system, {})
        if clock is not None:
            self._rehearse(clock())

    def _rehearse(self, now_ns: int) -> None:
        """Have compiled code ready before time matters; it changes nothing."""
        self._belief.hear(())
        self._planned(0, self._chosen.copy(), (), now_ns)

    def decide(self, cell: CellView, rng: object) -> dict[str, int]:
        """What a cell does that comes too late to be planned with the others: as the base policy says."""
        return self.policy.base.decide(cell, rng)

    def decide_region(self, cells: Sequence[CellView]) -> dict[str, int]:
        """Decisions for every UE of ``cells`` that has tasks."""
        until_ns = self._clock() + self.policy.think_ns if self._clock is not None else 0
        slot, system = cells[0].slot, self._belief.system
        free = {ue.name: ue.index for cell in cells for ue in cell.ues if ue.tasks and _has_a_choice(cell, ue)}
        choices = {name: choice for cell in cells for name, choice in self.policy.base.decide(cell, None).items()}
        given = offloading(system, {name: choice for name, choice in choices.items() if name in free})
        self._belief.live_on(slot, self._chosen)
        self._belief.hear(cells)
        self._expectation.learn(cells)
        self._chosen = self._planned(slot, given, list(free.values()), until_ns)
        return {ue.name: int(self._chosen[0, ue.index]) for cell in cells for ue in cell.ues if ue.tasks}

    def _planned(self, slot: int, given: Choices, free: Sequence[int], until_ns: int) -> Choices:
        """``given`` (1, N), improved."""
        seeds = self._futures(slot, len(free))
        drawn = futures.Futures(
            seeds=seeds,
            slots=np.array([HORIZON]),
            base=self._base,
            load=np.array([self._expectation.load(slot)]),
            costs=np.full((2, len(seeds)), np.inf),
        )
        spare = self.policy.think_ns // self._future_ns

        def attempt(moves: Moves) -> NDArray[np.float64]:
            nonlocal spare
            changes = np.zeros(len(moves))
            spare -= futures.attempt(
                self._belief.twin.state,
                self._room,
                self._expectation.fixed,
                drawn,
                given=given,
                moves=moves,
                change=changes,
                by=self._network,
            )
            return changes

        def may_try() -> bool:
            return self._clock() < until_ns if self._clock is not None else spare > 0

        improve(free, attempt, may_try)
        return given

    @property
    def _future_ns(self) -> int:
        """What a future takes on one core, about."""
        a_ue = PLAYED_UE_NS if self._network is None else NETWORK_UE_NS
        return HORIZON * (PLAYED_SLOT_NS + a_ue * len(self._belief.system.ues))

    def _futures(self, slot: int, free: int) -> NDArray[np.uint64]:
        """Seeds of futures: fewer where there would be no time to try the decisions of ``free`` UEs twice otherwise."""
        fitting = self.policy.think_ns // (self._future_ns * (2 * free + 1))
        count = max(FEWEST_FUTURES, min(FUTURES, fitting))
        keys = [random.hash_key(self._seed, random.POLICY, slot, n, FIELD_FUTURE) for n in range(count)]
        return np.array(keys, np.uint64)


def _has_a_choice(cell: CellView, ue: UeView) -> bool:
    """Whether there is an ES that a UE could offload to."""
    return cell.edge_servers[cell.cell].alive and ue.reachable


def _network_of(base: Policy, system: System) -> Deciding | None:
    """The base policy if it is a network that remembers nothing; what one remembers no future could begin with."""
    if isinstance(base, Learned | AtOnce) and is_network(base, system) and not base.remembers:
        return deciding(base, system, worlds=1)
    return None


def _record_of(base: Policy) -> NDArray[np.void]:
    """The base policy as futures are played by it; one that is not compiled plans with the usual base after a slot."""
    record = np.zeros(1, futures.BASE_POLICY)
    if not isinstance(base, (FixedChoice, Coin, Priced)):
        base = USUAL_BASE
    if isinstance(base, FixedChoice):
        record["policy"] = state.OFFLOAD_CODE if base.choice else state.LC_CODE
    elif isinstance(base, Coin):
        record["policy"], record["probability"] = state.COIN, base.probability
    else:
        record["policy"], record["beta"], record["beta0"] = state.PRICED, base.beta, base.beta0
    return record
