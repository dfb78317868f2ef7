"""A causal planner: it tries other decisions than its base policy's on sampled futures, and keeps what costs less.

What it tries is played in the twin, from what the agents know, on the same futures for all, which the task model draws.
"""

from collections.abc import Callable, Sequence
from functools import partial

from testbed.model.mdp import CellView, UeView
from testbed.model.system import Plan
from testbed.model.targets import target_of
from testbed.model.task import LOCAL, OFFLOAD
from testbed.planning.belief import Belief, Choices, offloading
from testbed.planning.future_search import FutureSearch
from testbed.policy.planned import Planned, Regional


class Planner:
    """Decides all cells of a slot together; see `testbed.policy.planned.Regional`.

    With a ``clock`` (ns) it stops when its time is up; without one after as many tries as usually fit into it, so that
    it decides the same wherever and whenever it is asked.
    """

    def __init__(self, plan: Plan, policy: Planned, clock: Callable[[], int] | None = None) -> None:
        self.policy, self._clock, self._seed = policy, clock, plan.system.seed
        self._belief = Belief(plan.system, double=plan.second_offload)
        room = 2 * self._belief.twin.state.tasks.shape[1]
        self._search = FutureSearch(self._belief.system, plan.task_model, policy, room, double=plan.second_offload)
        self._chosen = offloading(plan.system, {})
        if clock is not None:
            self._rehearse(clock())

    def _rehearse(self, now_ns: int) -> None:
        """Have compiled code ready before time matters; it changes nothing."""
        self._belief.hear(())
        self._planned(self._chosen.copy(), (), now_ns)

    def decide(self, cell: CellView, rng: object) -> dict[str, int]:
        """What a cell does that comes too late to be planned with the others: as the base policy says."""
        return self.policy.base.decide(cell, rng)

    def decide_region(self, cells: Sequence[CellView]) -> dict[str, int]:
        """Decisions for every UE of ``cells`` that has tasks."""
        until_ns = self._clock() + self.policy.think_ns if self._clock is not None else 0
        slot, system = cells[0].slot, self._belief.system
        free = {ue.name: ue.index for cell in cells for ue in cell.ues if ue.tasks and _has_a_choice(cell, ue)}
        choices = self._base_choices(cells)
        given = offloading(system, {name: choice for name, choice in choices.items() if name in free})
        self._belief.live_on(slot, self._chosen)
        self._belief.hear(cells)
        self._search.expectation.learn(cells)
        self._chosen = self._planned(given, list(free.values()), until_ns)
        if system.chosen_target:
            _keep_within_reach(cells, self._chosen)
        return {ue.name: int(self._chosen[0, ue.index]) for cell in cells for ue in cell.ues if ue.tasks}

    def _planned(self, given: Choices, free: Sequence[int], until_ns: int) -> Choices:
        """``given`` (1, N), improved."""
        in_time = None if self._clock is None else partial(_in_time, self._clock, until_ns)
        self._search.improve(self._belief.twin.state, given, free, self._seed, in_time)
        return given

    def _base_choices(self, cells: Sequence[CellView]) -> dict[str, int]:
        base = self.policy.base
        if isinstance(base, Regional):
            return base.decide_region(cells)
        return {name: choice for cell in cells for name, choice in base.decide(cell, None).items()}


def _in_time(clock: Callable[[], int], until_ns: int) -> bool:
    return clock() < until_ns


def _keep_within_reach(cells: Sequence[CellView], choices: Choices) -> None:
    """Let what is to go to an ES that is out of reach stay at the own one, as it would."""
    for cell in cells:
        for ue in cell.ues:
            action = int(choices[0, ue.index])
            if action != LOCAL and not cell.edge_servers[target_of(action, cell.cell)].reachable:
                choices[0, ue.index] = OFFLOAD


def _has_a_choice(cell: CellView, ue: UeView) -> bool:
    """Whether there is an ES that a UE could offload to."""
    return cell.edge_servers[cell.cell].alive and ue.reachable
