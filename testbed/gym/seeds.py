"""Which workload an episode plays: streams of seeds that do not overlap, and that no comparison evaluates on.

A seed given to ``reset`` names a workload. It also names a stream: the episodes that follow without a seed play the
workloads of that stream. Without any seed, the operating system's entropy chooses a stream. Streams are disjoint blocks
of seeds from `TRAINING` on, far above what scenarios, tuning and the training of networks use.
"""

import secrets

from testbed.gym.options import plain
from testbed.model.errors import UsageError
from testbed.model.random import mix

SEED_LIMIT = 2**63
TRAINING = 2**62
EPISODE_BITS, STREAM_BITS = 24, 37


def seed_of(value: object) -> int:
    """The seed of a workload; raises `UsageError` for what cannot be one."""
    seed = plain(value)
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < SEED_LIMIT:
        raise UsageError(f"seed {value!r}", f"a whole number from 0 to {SEED_LIMIT - 1} is needed")
    return seed


def stream_of(seed: int) -> int:
    """The stream that follows a seed: its own for every seed below 2^37, a hashed one for the larger ones."""
    return seed if seed >> STREAM_BITS == 0 else mix(seed) % (1 << STREAM_BITS)


def entropy() -> int:
    """A stream that no seed names, and that no other call returns (but for one chance in 2^37)."""
    return (1 << STREAM_BITS) + secrets.randbits(STREAM_BITS)


def workload(stream: int, episode: int) -> int:
    """The seed of a stream's ``episode``, in [2^62, 2^63): 2^24 of them, then the first again."""
    return TRAINING + (stream << EPISODE_BITS) + episode % (1 << EPISODE_BITS)


class Seeds:
    """The workloads of ``count`` environments, each a stream of its own."""

    def __init__(self, count: int = 1) -> None:
        self._streams: list[int | None] = [None] * count
        self._episodes = [0] * count

    def following(self, world: int = 0) -> int:
        """The next workload of one environment."""
        stream = self._streams[world]
        if stream is None:
            stream = self._streams[world] = entropy()
        self._episodes[world] += 1
        return workload(stream, self._episodes[world])

    def chosen(self, world: int, seed: int | None) -> int:
        """The workload of ``seed``, or for None the next one."""
        if seed is None:
            return self.following(world)
        self._streams[world], self._episodes[world] = stream_of(seed), 0
        return seed
