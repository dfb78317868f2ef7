"""The parameters that the workers of a run share: in a file of the run that is mapped into their memory.

It goes with the run's private folder, and stays whoever is killed: a worker that comes back finds what all have
learned.
"""

import contextlib
import mmap
from pathlib import Path

import numpy as np

from controller.learn.shared import SharedArrays, block_bytes
from testbed.policy.network import Array
from testbed.record.files import make_once


class SharedFile(SharedArrays):
    """The arrays at ``path``, for ``workers``; made of ``params`` and ``square_avg`` if the file is not there yet."""

    def __init__(self, path: Path, params: Array, square_avg: Array, workers: int) -> None:
        size = len(params)
        length = block_bytes(size, workers)
        counters = bytes(length - 8 * size)
        make_once(path, lambda: counters + np.concatenate([params, square_avg]).astype(np.float32).tobytes())
        with open(path, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), length)
        super().__init__(self._map, size, workers)

    def close(self) -> None:
        """Let go of the file."""
        self.let_go()
        with contextlib.suppress(BufferError):  # somebody may still look at it, as the frames of an error do
            self._map.close()
