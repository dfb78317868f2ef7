"""One slot's decisions improved by trying others on sampled futures, from a world that stands for the present."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from testbed.model import random
from testbed.model.system import System
from testbed.model.task_model import TaskModel
from testbed.planning import futures
from testbed.planning.belief import Choices
from testbed.planning.expectation import Expectation
from testbed.planning.search import NO_MOVE, Moves, improve
from testbed.policy.choosing import Heuristic, PricedAny, Shortest
from testbed.policy.heuristics import Coin, FixedChoice, Policy
from testbed.policy.planned import USUAL_ANY_BASE, USUAL_BASE, Planned
from testbed.twin import build, state
from testbed.twin.networks import Deciding, Network, deciding, is_network

FUTURES, FEWEST_FUTURES = 128, 4
OPEN_SLOTS, PLAYED_SLOTS = 3, 9  # slots of a future with decisions, the present one included; and until it is cut off
PLAYED_SLOT_NS, PLAYED_UE_NS = 200, 50  # what a slot of a future takes on one core, about, and each UE in it
PLACE_NS = 25  # the same of each ES that a UE's tasks may go to, where agents choose
NETWORK_UE_NS = 1_500  # the same of a UE for which a network decides
FIELD_FUTURE = 3


class FutureSearch:
    """Futures of ``system``, whose tasks ``model`` draws, and the search for decisions that cost less in them.

    ``capacity`` is the room of a world in tasks.
    """

    def __init__(
        self, system: System, model: TaskModel | None, policy: Planned, capacity: int, *, double: bool
    ) -> None:
        self._ues, self._think_ns, self._actions = len(system.ues), policy.think_ns, system.actions
        self.expectation = Expectation(system, model, double=double)
        self._room = build.worlds(1, self.expectation.fixed, capacity)
        self._network = _network_of(policy.base, system)
        self._base = _record_of(policy.base, system)
        if self._network is not None:
            self._base["policy"] = state.NETWORK_CODE

    def improve(
        self,
        present: state.Worlds,
        given: Choices,
        free: Sequence[int],
        seed: int,
        in_time: Callable[[], bool] | None = None,
    ) -> Callable[[], NDArray[np.float64]]:
        """Improve in place what is ``given`` (1, N) to the ``free`` UEs in the ``present``, one world at a boundary.

        It goes on while it is ``in_time``; without that, for as many futures as are played in the time to think, about.
        Futures are keyed by ``seed``. Returns a function that tells by how much it would cost more, in the mean over
        futures, to change each of the ``free`` UEs' decisions alone to the next action.
        """
        slot = int(present.status["slot"][0])
        seeds = self._futures(seed, slot, len(free))
        self.expectation.end(slot + OPEN_SLOTS)
        drawn = futures.Futures(
            seeds=seeds,
            slots=np.array([OPEN_SLOTS, PLAYED_SLOTS]),
            base=self._base,
            load=np.array([self.expectation.load(slot)]),
            costs=np.full((2, len(seeds)), np.inf),
        )
        spare = self._think_ns // self._future_ns

        def attempt(moves: Moves) -> NDArray[np.float64]:
            nonlocal spare
            changes = np.zeros(len(moves))
            spare -= futures.attempt(
                present,
                self._room,
                self.expectation.fixed,
                drawn,
                given=given,
                moves=moves,
                change=changes,
                by=self._network,
            )
            return changes

        improve(free, attempt, in_time or (lambda: spare > 0), self._actions)
        return lambda: attempt(np.array([(ue, 1, *NO_MOVE) for ue in free], np.int64).reshape(-1, 4))

    @property
    def _future_ns(self) -> int:
        """What a future takes on one core, about; that it empties takes as long as one more slot."""
        places = self._actions - 1
        if self._network is not None:
            a_ue = NETWORK_UE_NS * places
        else:
            a_ue = PLAYED_UE_NS + (PLACE_NS * places if places > 1 else 0)
        return OPEN_SLOTS * (PLAYED_SLOT_NS + a_ue * self._ues) + PLAYED_SLOT_NS + PLAYED_UE_NS * self._ues

    def _futures(self, seed: int, slot: int, free: int) -> NDArray[np.uint64]:
        """Seeds of futures: fewer where there would be no time to try the decisions of ``free`` UEs twice otherwise."""
        fitting = self._think_ns // (self._future_ns * (2 * free * (self._actions - 1) + 1))
        count = max(FEWEST_FUTURES, min(FUTURES, fitting))
        keys = [random.hash_key(seed, random.POLICY, slot, n, FIELD_FUTURE) for n in range(count)]
        return np.array(keys, np.uint64)


def _network_of(base: Policy, system: System) -> Deciding | None:
    """The base policy if it is a network that remembers nothing; what one remembers no future could begin with."""
    if isinstance(base, Network) and is_network(base, system) and not base.remembers:
        return deciding(base, system, worlds=1)
    return None


def _record_of(base: Policy, system: System) -> NDArray[np.void]:
    """The base policy as futures are played by it; one that is not compiled plans with the usual base after a slot."""
    record = np.zeros(1, futures.BASE_POLICY)
    if not isinstance(base, Heuristic):
        base = USUAL_ANY_BASE if system.chosen_target else USUAL_BASE
    if isinstance(base, FixedChoice):
        record["policy"] = state.OFFLOAD_CODE if base.choice else state.LC_CODE
    elif isinstance(base, Coin):
        record["policy"], record["probability"] = state.COIN, base.probability
    elif isinstance(base, Shortest):
        record["policy"], record["probability"] = state.SHORTEST, float(base.sampled)
    else:
        record["policy"], record["beta"], record["beta0"] = state.PRICED, base.beta, base.beta0
        if isinstance(base, PricedAny):
            record["policy"], record["probability"] = state.PRICED_ANY, base.away
    return record
