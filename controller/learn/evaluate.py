"""A frozen network on workloads of its own: mean overhead, and whether it keeps up."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from controller.learn.collect import Actor, Collector, Sampling
from testbed.model import statistics
from testbed.model.system import System
from testbed.policy.network import Array
from testbed.twin.build import Source

_DRAIN, MOST_A_SLOT = 4, 4


class NetworkScore(msgspec.Struct, frozen=True):
    """By workload, shape (S,): mean ``overhead`` of finished tasks, their ``hits`` share, and whether the backlog was
    ``stable``."""

    overhead: NDArray[np.float64]
    hits: NDArray[np.float64]
    stable: NDArray[np.bool_]


def evaluate(
    system: System, source: Source, *, double: bool, params: Array, actor: Actor, seeds: Sequence[int]
) -> NetworkScore:
    """Let ``params`` (P,) decide, without exploring, the workloads of ``seeds`` (S,) to the end of their drain.

    A workload that has not drained after `_DRAIN` times its length has overhead infinity, one without tasks NaN.
    """
    count, slots = len(seeds), system.slots
    room = MOST_A_SLOT * len(system.ues) * slots
    collector = Collector(
        system, source, Sampling(num_envs=count, rollout_length=1, episode=0, capacity=room), double=double, actor=actor
    )
    twin = collector.twin
    twin.reset(np.array(seeds))
    sums, backlog = np.zeros((3, count)), np.zeros((slots, count), np.int64)
    for slot in range(slots * (1 + _DRAIN)):
        collector.rollout(params, explore=0.0)
        sums += [twin.cells[name].sum(axis=1) for name in ("overhead", "hits", "finished")]
        if slot < slots:
            backlog[slot] = twin.inside
        elif not twin.inside.any():
            break
    overhead, hits, finished = sums
    tasks = finished + twin.inside
    stable = [statistics.stable(backlog[:, w].tolist(), tasks[w] / slots) for w in range(count)]
    empty, finished = tasks == 0, np.maximum(finished, 1)
    means = np.where(twin.inside > 0, np.inf, np.where(empty, np.nan, overhead / finished))
    return NetworkScore(means, np.where(empty, np.nan, hits / finished), np.array(stable))
