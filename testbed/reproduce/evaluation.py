"""Frozen strategies on workloads of their own: what the figures against density show, workload by workload."""

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from controller.learn.collect import Collector, Sampling
from controller.learn.learner import TrainConfig
from testbed.model import statistics
from testbed.model.delay import S_PER_NS
from testbed.model.system import System
from testbed.policy.heuristics import Policy
from testbed.policy.network import Array
from testbed.twin.build import Source
from testbed.twin.twin import Twin

FIRST_EVALUATION_SEED, MOST_DRAIN, ROOM_PER_SLOT = 1, 4, 4
Cells = NDArray[np.void]
EARNED_COLUMNS = (
    "decided",
    "offloaded",
    "forwarded",
    "finished",
    "hits",
    "delay_ns",
    "energy_j",
    "overhead",
    "cost",
    "score",
)


class StrategyMeasures(msgspec.Struct, frozen=True, kw_only=True):
    """By workload: means over finished tasks, ``reward`` a slot, shares of tasks, whether the backlog was ``stable``.

    By workload and ES: ``utilisation`` in the slots of generation, and ``idle_share``, the share of slot boundaries at
    which the ES had announced no backlog while another's announced one exceeded the threshold.
    """

    delay_s: list[float]
    energy_j: list[float]
    overhead: list[float]
    reward: list[float]
    hit_rate: list[float]
    offloaded: list[float]
    forwarded: list[float]
    stable: list[bool]
    utilisation: list[list[float]]
    idle_share: list[list[float]]


class Player:
    """W worlds, played slot by slot; ``cells`` (W, C) is what was earned in the last one."""

    def __init__(self, twin: Twin, slot: Callable[[], Cells], reward: str) -> None:
        self.twin, self.reward, self._slot = twin, reward, slot

    def play(self) -> Cells:
        """Play a slot."""
        return self._slot()


def by_network(config: TrainConfig, source: Source, params: Array, workloads: int, *, sampling: bool) -> Player:
    """The worlds in which ``params`` decide: by the likeliest or best action, with ``sampling`` as A3C draws it."""
    room = ROOM_PER_SLOT * len(config.system.ues) * config.system.slots
    collector = Collector(
        config.system,
        source,
        Sampling(num_envs=workloads, rollout_length=1, episode=0, capacity=room),
        double=config.double,
        actor=config.actor,
        reward=config.reward,
    )

    def slot() -> Cells:
        collector.rollout(params, explore=1.0 if sampling else 0.0)
        return collector.earned

    return Player(collector.twin, slot, config.reward)


def by_heuristic(
    system: System, source: Source, policy: Policy, workloads: int, *, double: bool, reward: str
) -> Player:
    """The worlds in which a heuristic decides."""
    room = ROOM_PER_SLOT * len(system.ues) * system.slots
    twin = Twin(system, source, workloads, double=double, capacity=room, reward=reward)
    twin.use(policy)
    return Player(twin, lambda: twin.advance(1), reward)


def measure(player: Player, seeds: Sequence[int]) -> StrategyMeasures:
    """Play the workloads of ``seeds`` to the end of their drain, which is cut at `MOST_DRAIN` times their length."""
    twin, count = player.twin, len(seeds)
    system, slots = twin.system, twin.system.slots
    threshold_ns, servers = system.threshold_ns, len(system.edge_servers)
    twin.reset(np.array(seeds))
    sums = {name: np.zeros(count) for name in EARNED_COLUMNS}
    backlog, idle = np.zeros((slots, count), np.int64), np.zeros((count, servers))
    busy = np.zeros((count, servers))
    for slot in range(slots * (1 + MOST_DRAIN)):
        cells = player.play()
        for name in EARNED_COLUMNS:
            sums[name] += cells[name].sum(axis=1)
        if slot < slots:
            backlog[slot] = twin.inside
            announced = twin.state.announced_ns
            over = announced > threshold_ns
            idle += (announced == 0) & (over.sum(axis=1, keepdims=True) > 0)
            busy = twin.state.edge_servers["busy_ns"].astype(float)
        elif not twin.inside.any():
            break
    finished, decided = np.maximum(sums["finished"], 1), np.maximum(sums["decided"], 1)
    cores = np.array([es.cores for es in system.edge_servers])
    earned = sums["score"] if player.reward != "holding" else -sums["cost"]
    return StrategyMeasures(
        delay_s=(sums["delay_ns"] * S_PER_NS / finished).tolist(),
        energy_j=(sums["energy_j"] / finished).tolist(),
        overhead=(sums["overhead"] / finished).tolist(),
        reward=(earned / slots).tolist(),
        hit_rate=(sums["hits"] / decided).tolist(),
        offloaded=(sums["offloaded"] / decided).tolist(),
        forwarded=(sums["forwarded"] / decided).tolist(),
        stable=[statistics.stable(backlog[:, w].tolist(), sums["decided"][w] / slots) for w in range(count)],
        utilisation=(busy / (cores * system.end_ns)).tolist(),
        idle_share=(idle / slots).tolist(),
    )
