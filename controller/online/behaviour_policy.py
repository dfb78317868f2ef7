"""The behaviour policy of a run that learns: each cell follows what its worker publishes, explores, and tells
what it saw."""

from collections.abc import Callable, Sequence

import numpy as np

from testbed.model.mdp import CellView
from testbed.model.task import OFFLOAD
from testbed.policy.learned import Chosen, Learned, see_cell
from testbed.policy.network import Array
from testbed.protocol.messages import Chose, Seen

Source = Callable[[], tuple[Array, int]]


class BehaviourPolicy:
    """A learned policy whose weights come, with their version, from ``latest`` before every answer: a source for each
    cell."""

    def __init__(self, learned: Learned, latest: Sequence[Source]) -> None:
        self._learned, self._latest = learned, latest
        self._version = 0
        self._chosen: dict[str, Chosen] = {}

    def decide(self, cell: CellView, rng: object) -> dict[str, int]:
        """See `testbed.policy.heuristics.Policy`."""
        self._chosen = {}
        self._learned.params, self._version = self._latest[cell.cell]()
        self._chosen = self._learned.choose(cell)
        return {name: chosen.choice for name, chosen in self._chosen.items()}

    def account(self, cell: CellView) -> Seen:
        """What there was to see in ``cell``, and the decisions made there; see `controller.server.LearningPolicy`."""
        chose = tuple(
            Chose(ue.index, chosen.choice, log_probability(chosen), tuple(chosen.inputs.tolist()))
            for ue in cell.ues
            if (chosen := self._chosen.get(ue.name)) is not None and chosen.free
        )
        self._chosen = {}
        tasks = tuple(task for ue in cell.ues for task in ue.tasks)
        return Seen(
            cell=cell.cell,
            slot=cell.slot,
            version=self._version,
            features=see_cell(cell, paper=self._learned.paper),
            tasks=tasks,
            chose=chose,
        )


def log_probability(chosen: Chosen) -> float:
    """The logarithm of the probability with which the choice was drawn."""
    towards = chosen.preference if chosen.choice == OFFLOAD else -chosen.preference
    return -float(np.logaddexp(0.0, -towards))
