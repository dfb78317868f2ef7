"""Parameters and optimiser statistics in shared memory, updated without locks (Hogwild!, Recht et al. 2011)."""

from multiprocessing import shared_memory

import numpy as np

from controller.network import Array

UPDATES, SLOTS, LAG, COUNTS = 0, 1, 2, 3
ENTROPY, REWARD, GAUGES = 0, 1, 2


class Shared:
    """One block with ``size`` parameters, their RMSProp squares, and what each of ``workers`` counted.

    ``counts`` (workers, 3): updates, world slots, and updates by others between reading parameters and changing them;
    ``gauges`` (workers, 2): entropy and mean reward of the last rollout. Each worker writes its own row only.
    """

    def __init__(self, size: int, workers: int, name: str | None = None) -> None:
        numbers = 1 + workers * (COUNTS + GAUGES)
        self._block = shared_memory.SharedMemory(name, create=name is None, size=8 * (numbers + size))
        self._mine = name is None
        assert self._block.buf is not None
        counters = np.frombuffer(self._block.buf, np.int64, 1 + workers * COUNTS)
        gauges = np.frombuffer(self._block.buf, np.float64, workers * GAUGES, 8 * len(counters))
        floats = np.frombuffer(self._block.buf, np.float32, 2 * size, 8 * numbers)
        self._stop, self.counts = counters[:1], counters[1:].reshape(workers, COUNTS)
        self.gauges = gauges.reshape(workers, GAUGES)
        self.flat: Array = floats[:size]
        self.square: Array = floats[size:]

    @property
    def name(self) -> str:
        """What another process opens it by."""
        return self._block.name

    @property
    def updates(self) -> int:
        """Updates by all workers."""
        return int(self.counts[:, UPDATES].sum())

    @property
    def stopping(self) -> bool:
        """Whether workers are to end."""
        return bool(self._stop[0])

    def stop(self) -> None:
        """Tell the workers to end."""
        self._stop[0] = 1

    def close(self) -> None:
        """Let go; the one who made it also removes it."""
        if self._mine:
            self._block.unlink()
        del self._stop, self.counts, self.gauges, self.flat, self.square
        self._block.close()
