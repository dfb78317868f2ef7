"""When a learning curve has converged, and whether it rose at all (pure).

Curves are sequences of an episode's reward, the first episode first.
"""

import itertools
from collections.abc import Sequence

from testbed.model.statistics import mean

WINDOW, FINAL_SHARE, _NEAR, _HELD = 50, 0.1, 0.05, 50


def smoothed(rewards: Sequence[float], window: int = WINDOW) -> list[float]:
    """The mean of each episode and those before it, ``window`` at most together."""
    sums = list(itertools.accumulate(rewards, initial=0.0))
    return [(sums[n] - sums[max(0, n - window)]) / min(n, window) for n in range(1, len(sums))]


def first_level(rewards: Sequence[float]) -> float:
    """The mean of the first tenth of all episodes."""
    return mean(rewards[: _tenth(rewards)])


def final_level(rewards: Sequence[float]) -> float:
    """The mean of the last tenth of all episodes."""
    return mean(rewards[-_tenth(rewards) :])


def _tenth(rewards: Sequence[float]) -> int:
    return max(1, round(FINAL_SHARE * len(rewards)))


def converged_at(rewards: Sequence[float], window: int = WINDOW, held: int = _HELD) -> int | None:
    """The first episode, counted from 1, whose smoothed reward is within 5 % of the final level and stays so for
    ``held`` episodes, itself among them; None if there is none before the last tenth, whose mean that level is.
    """
    final, last = final_level(rewards), len(rewards) - _tenth(rewards)
    since = 0
    for n, level in enumerate(smoothed(rewards, window), 1):
        since = since + 1 if abs(level - final) <= _NEAR * abs(final) else 0
        if since == held:
            begun = n - held + 1
            return begun if begun <= last else None
    return None


def blocks(values: Sequence[float], size: int) -> list[float]:
    """Means of ``size`` values each, one block after another; the last may be of fewer."""
    return [mean(values[begin : begin + size]) for begin in range(0, len(values), size)]


def per_episode(ends: Sequence[float], values: Sequence[float], episodes: int) -> list[float]:
    """A value for each of ``episodes``, that of the round of several episodes in which it ended.

    ``ends`` tell how many episodes were over after each round, in order.
    """
    by_episode, at = [], 0
    for episode in range(1, episodes + 1):
        while at < len(ends) - 1 and ends[at] < episode:
            at += 1
        by_episode.append(values[at])
    return by_episode
