"""Parameters and optimiser statistics in shared memory, updated without locks (Hogwild!, Recht et al. 2011)."""

from multiprocessing import shared_memory

import numpy as np

from controller.network import Array

COUNTERS = 4
UPDATES, SLOTS, STOP = 0, 1, 2


class Shared:
    """One block with ``size`` parameters, their RMSProp squares, and counters: updates, world slots, a stop flag."""

    def __init__(self, size: int, name: str | None = None) -> None:
        length = 8 * COUNTERS + 8 * size
        self._block = shared_memory.SharedMemory(name, create=name is None, size=length)
        self._mine = name is None
        assert self._block.buf is not None
        self.counters = np.frombuffer(self._block.buf, np.int64, COUNTERS)
        floats = np.frombuffer(self._block.buf, np.float32, 2 * size, 8 * COUNTERS)
        self.flat: Array = floats[:size]
        self.square: Array = floats[size:]
        if self._mine:
            self.counters[:] = 0

    @property
    def name(self) -> str:
        """What another process opens it by."""
        return self._block.name

    def close(self) -> None:
        """Let go; the one who made it also removes it."""
        del self.counters, self.flat, self.square
        self._block.close()
        if self._mine:
            self._block.unlink()
