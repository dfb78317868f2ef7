"""Parameters and optimiser statistics in shared memory, updated without locks (Hogwild!, Recht et al. 2011)."""

import contextlib
import mmap
import os
from multiprocessing import shared_memory

import numpy as np

from controller.learn.signals import sheltered
from testbed.model.errors import StartError
from testbed.model.human import size
from testbed.policy.network import Array

UPDATES, SLOT_COUNT, LAG, COUNTERS = 0, 1, 2, 3
ENTROPY, _REWARD, GAUGES = 0, 1, 2


SHARED_MEMORY = "/dev/shm"


def _opened(name: str | None, length: int) -> shared_memory.SharedMemory:
    """The block called ``name``, or a new one of ``length`` bytes that are really there.

    A new block is only promised: a page that cannot be had when it is first written ends the process with SIGBUS.
    """
    try:
        with sheltered():  # Python's tracker of shared memory may be started here: it cleans up after a hang-up
            block = shared_memory.SharedMemory(name, create=name is None, size=length)
        if name is None:
            _fill(block, length)
    except OSError as error:
        why = f"no shared memory for learners: {error.strerror or error}: {size(length)} are needed"
        raise StartError(why, f"free {SHARED_MEMORY}, or give it more space (docker run --shm-size)") from None
    return block


def _fill(block: shared_memory.SharedMemory, length: int) -> None:
    """Let the system find every page of a new ``block``; it is gone if that fails."""
    try:
        descriptor = os.open(f"{SHARED_MEMORY}/{block.name}", os.O_RDWR)
        try:
            os.posix_fallocate(descriptor, 0, length)
        finally:
            os.close(descriptor)
    except OSError:
        block.close()
        block.unlink()
        raise


def block_bytes(size: int, workers: int) -> int:
    """How long the memory of `SharedArrays` is."""
    return 8 * (2 + workers * (COUNTERS + GAUGES) + size)


class SharedArrays:
    """In ``memory``: ``size`` parameters, their RMSProp squares_avg, and what each of ``workers`` counted.

    ``counts`` (workers, 3): updates, world slots, and updates by others between reading parameters and changing them;
    ``gauges`` (workers, 2): entropy and mean reward of the last rollout. Each worker writes its own row only.
    """

    def __init__(self, memory: mmap.mmap | memoryview, size: int, workers: int) -> None:
        counters = np.frombuffer(memory, np.int64, 2 + workers * COUNTERS)
        gauges = np.frombuffer(memory, np.float64, workers * GAUGES, 8 * len(counters))
        floats = np.frombuffer(memory, np.float32, 2 * size, block_bytes(size, workers) - 8 * size)
        self._orders, self.counts = counters[:2], counters[2:].reshape(workers, COUNTERS)
        self.gauges = gauges.reshape(workers, GAUGES)
        self.params: Array = floats[:size]
        self.square_avg: Array = floats[size:]

    @property
    def updates(self) -> int:
        """How many updates all workers have made together."""
        return int(self.counts[:, UPDATES].sum())

    def let_go(self) -> None:
        """Leave the memory: nothing of it may be used any more."""
        del self._orders, self.counts, self.gauges, self.params, self.square_avg


class Shared(SharedArrays):
    """Such arrays in a block of shared memory, which the one who makes it removes in the end.

    Workers are to end when told to, and at ``limit`` updates (0: never). Raises `StartError`.
    """

    def __init__(self, size: int, workers: int, name: str | None = None) -> None:
        self._mine = name is None
        self._block = _opened(name, block_bytes(size, workers))
        assert self._block.buf is not None
        super().__init__(self._block.buf, size, workers)

    @property
    def name(self) -> str:
        """What another process opens it by."""
        return self._block.name

    @property
    def stopping(self) -> bool:
        """Whether workers are to end: told to `stop`, or because ``limit`` is reached."""
        stopped, limit = self._orders.tolist()
        return bool(stopped) or 0 < limit <= self.updates

    @property
    def limit(self) -> int:
        """The number of updates that ends training, 0 for none."""
        return int(self._orders[1])

    @limit.setter
    def limit(self, updates: int) -> None:
        self._orders[1] = updates

    def stop(self) -> None:
        """Tell the workers to end."""
        self._orders[0] = 1

    def close(self) -> None:
        """Let go; the one who made it also removes it."""
        if self._mine:
            self._block.unlink()
        self.let_go()
        with contextlib.suppress(BufferError):  # the frames of an interrupt may still look at it
            self._block.close()
