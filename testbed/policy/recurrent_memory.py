"""What a policy with a recurrent core remembers of its cells while it decides on any clock (numpy)."""

import numpy as np

from testbed.model.mdp import CellView
from testbed.policy import network
from testbed.policy.network import Array, Layout


class Memory:
    """One memory for each cell, which takes in what is seen there once a slot, however often it is asked.

    A slot before the last one seen begins another run, with an empty memory. A controller that was killed returns
    with empty memories too.
    """

    def __init__(self, shape: Layout) -> None:
        self._shape = shape
        self._kept: dict[tuple[int, int], tuple[int, Array]] = {}

    def look(self, params: Array, cell: CellView, seen: tuple[float, ...]) -> Array:
        """The memory (H,) of ``cell`` once it has ``seen`` (8,) its slot."""
        key = cell.seed, cell.cell
        slot, memory = self._kept.get(key, (-1, np.zeros(0, np.float32)))
        if cell.slot == slot:
            return memory
        if slot < 0 or cell.slot < slot:
            memory = np.zeros(self._shape.gru_units, np.float32)
        if self._shape.core:
            memory = network.remember(params, self._shape, np.array(seen, np.float32), memory)
        self._kept[key] = cell.slot, memory
        return memory
