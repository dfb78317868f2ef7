"""Weights in a memory-mapped file of the run: one process publishes them, others read them, nobody ever waits.

A seqlock: the sequence number is odd while the weights are being written, so a reader that finds it odd, or changed
after copying, keeps what it had. The checksum also covers a writer that died half-way and processors that reorder
stores. A file leaves nothing behind when processes are killed: it goes with the run's private folder.
"""

import mmap
import zlib
from pathlib import Path

import numpy as np

from testbed.policy.network import Array
from testbed.record.files import make_once

SEQUENCE, VERSION, CHECKSUM, _NUMBERS = 0, 1, 2, 3
ATTEMPTS = 3


class Weights:
    """The published weights of a run, ``size`` float32 values with a version that never falls."""

    def __init__(self, path: Path, size: int) -> None:
        with open(path, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), 8 * _NUMBERS + 4 * size)
        self._numbers = np.frombuffer(self._map, np.int64, _NUMBERS)
        self._params: Array = np.frombuffer(self._map, np.float32, size, 8 * _NUMBERS)
        self._read_at = -1
        self.version = 0
        self.params: Array = np.zeros(0, np.float32)

    @classmethod
    def create(cls, path: Path, params: Array) -> "Weights":
        """The weights at ``path``; made from ``params`` as version 0, all at once, if the file is not there yet."""
        numbers = np.array([0, 0, zlib.crc32(params.tobytes())], np.int64)
        make_once(path, lambda: numbers.tobytes() + params.tobytes())
        return cls(path, len(params))

    def publish(self, params: Array, version: int | None = None) -> int:
        """Replace the weights by ``params``; returns their version, the next one unless told. For one writer."""
        numbers = self._numbers
        numbers[SEQUENCE] |= 1
        self._params[:] = params
        numbers[CHECKSUM] = zlib.crc32(params.tobytes())
        numbers[VERSION] = numbers[VERSION] + 1 if version is None else version
        numbers[SEQUENCE] += 1
        return int(numbers[VERSION])

    def refresh(self) -> bool:
        """Bring ``params`` and ``version`` up to date; False if that is not possible now: they stay as they were."""
        for _ in range(ATTEMPTS):
            sequence = int(self._numbers[SEQUENCE])
            if sequence == self._read_at:
                return True
            version, checksum, params = int(self._numbers[VERSION]), int(self._numbers[CHECKSUM]), self._params.copy()
            whole = sequence % 2 == 0 and sequence == int(self._numbers[SEQUENCE])
            if whole and zlib.crc32(params.tobytes()) == checksum:
                self._read_at, self.version, self.params = sequence, version, params
                return True
        return False

    def close(self) -> None:
        """Let go of the file."""
        del self._numbers, self._params
        self._map.close()
