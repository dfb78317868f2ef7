"""A trained network of the heads `joint` and `continuous` as a policy: one action for all UEs of a cell."""

import numpy as np

from controller import network
from controller.learned import see_cell, see_ue
from testbed.model.mdp import CellView
from testbed.model.task import LOCAL, OFFLOAD


class AtOnce:
    """Decides from flat parameters of ``shape``; ``double`` and ``paper`` as in `controller.learned.Learned`."""

    def __init__(self, flat: network.Array, shape: network.Layout, double: bool, paper: bool = False) -> None:
        self.flat, self.shape, self.double, self.paper = flat, shape, double, paper

    def decide(self, cell: CellView, rng: object) -> dict[str, int]:
        """See `testbed.model.decide.Policy`; a cell of another size than it was trained on is a `ValueError`."""
        if len(cell.ues) != self.shape.ues:
            raise ValueError(f"trained for {self.shape.ues} UEs in a cell, not {len(cell.ues)}")
        alive = cell.ess[cell.cell].alive
        blocks = [see_ue(cell, ue, 0, 0, self.double, self.paper) for ue in cell.ues]
        x = np.array([*(value for block in blocks for value in block), *see_cell(cell, self.paper)], np.float32)
        said = network.actor(self.flat, self.shape, x)
        offload = network.vectors(self.shape.ues)[said.argmax()] if self.shape.head == network.JOINT else said
        return {ue.name: OFFLOAD if alive and offload[n] > 0.0 else LOCAL for n, ue in enumerate(cell.ues) if ue.tasks}
