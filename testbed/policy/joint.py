"""A trained network of the heads `joint` and `continuous` as a policy: one action for all UEs of a cell."""

import numpy as np

from testbed.model.mdp import CellView
from testbed.model.task import LOCAL, OFFLOAD
from testbed.policy import network
from testbed.policy.learned import RecurrentPolicy, see_cell, see_ue


class AtOnce(RecurrentPolicy):
    """Decides from flat parameters of ``shape``; ``double`` and ``paper`` as in `testbed.policy.learned.Learned`."""

    def __init__(self, params: network.Array, shape: network.Layout, *, double: bool, paper: bool = False) -> None:
        super().__init__(params, shape, paper=paper)
        self.double = double

    def decide(self, cell: CellView, rng: object) -> dict[str, int]:
        """See `testbed.policy.heuristics.Policy`; a cell of another size than it was trained on is a `ValueError`."""
        if len(cell.ues) != self.shape.ues:
            raise ValueError(f"trained for {self.shape.ues} UEs in a cell, not {len(cell.ues)}")
        blocks = [see_ue(cell, ue, 0, 0, double=self.double, paper=self.paper) for ue in cell.ues]
        cell_features = see_cell(cell, paper=self.paper)
        memory = self._memory.look(self.params, cell, cell_features) if self.remembers else ()
        x = np.array([*(value for block in blocks for value in block), *cell_features, *memory], np.float32)
        logits = network.actor(self.params, self.shape, x)
        offload = network.vectors(self.shape.ues)[logits.argmax()] if self.shape.head == network.JOINT else logits
        return {
            ue.name: OFFLOAD if ue.reachable and offload[n] > 0.0 else LOCAL
            for n, ue in enumerate(cell.ues)
            if ue.tasks
        }
