"""Training counted in episodes: what each of them earned, offloaded and spent, from the first one on.

The trainer of `controller.learn.train` tells how good frozen parameters are; this one tells what was earned while they
were learned, which is what learning curves in the literature show. It works in one process: a seed repeats it.
"""

from collections.abc import Callable

import msgspec
import numpy as np
import torch

from controller.learn import a3c, dqn
from controller.learn.collect import BACKLOG_NS, FIRST_TRAINING_SEED, Collector, Sampling
from controller.learn.dqn import Replay
from controller.learn.learner import TrainConfig
from controller.learn.optimiser import INITIAL_SQUARE_AVG, rmsprop
from testbed.model.system import System
from testbed.policy.heuristics import Policy
from testbed.policy.network import GAIN_AT, Array
from testbed.twin.build import Source
from testbed.twin.twin import REWARDS, Twin

RENEWED, EPISODES_OF_A_LIFE = 500, 10
Observer = Callable[[int], None]


class EpisodePlan(msgspec.Struct, frozen=True, kw_only=True):
    """``episodes`` of ``slots`` slots in every world, played in ``pieces`` (slots each), an update after each.

    An update is one gradient of A3C, or ``batches`` of DQN. With ``restart`` every round of pieces is one episode: it
    begins with empty queues, on a workload of its own, and its end is the end of the process (R = 0 in A3C). Otherwise
    worlds run on, and every end bootstraps. ``plain`` networks do not begin as a soft greedy.
    """

    episodes: int
    slots: int
    pieces: tuple[int, ...]
    batches: int = 1
    restart: bool = False
    plain: bool = False


class EpisodeLog(msgspec.Struct, kw_only=True):
    """A point for each round of pieces: how many ``episodes`` were over, and the mean of an episode's ``reward``,
    ``tasks`` decided, tasks ``offloaded``, energy ``energy_j`` spent by UEs, over the worlds of that round."""

    episodes: list[float] = []
    reward: list[float] = []
    tasks: list[float] = []
    offloaded: list[float] = []
    energy_j: list[float] = []

    def add(self, played: float, *, reward: float, tasks: float, offloaded: float, energy_j: float) -> None:
        """One more round: what all worlds earned in ``played`` episodes together."""
        self.episodes.append((self.episodes[-1] if self.episodes else 0.0) + played)
        for name, total in (("reward", reward), ("tasks", tasks), ("offloaded", offloaded), ("energy_j", energy_j)):
            getattr(self, name).append(total / played)


class _A3cUpdates:
    """A3C: one gradient for each piece, from the rollout that it is."""

    def __init__(self, config: TrainConfig, plan: EpisodePlan, collector: Collector) -> None:
        self._config, self._plan, self._collector = config, plan, collector
        self._square_avg = np.full_like(config.start, INITIAL_SQUARE_AVG)
        last = msgspec.structs.replace(config.actor_critic, terminal=plan.restart or config.actor_critic.terminal)
        self._configs = (config.actor_critic, last)

    def learn(self, params: Array, slots: int, decay: float, *, last: bool) -> float:
        """Play and learn a piece, in place; returns the summed reward."""
        rollout, _ = self._collector.rollout(params.copy(), slots=slots)
        grad, _ = a3c.gradient(params, rollout, self._configs[last], self._config.layout)
        rmsprop(params, self._square_avg, grad, decay * self._config.learning_rate)
        return float(rollout.rewards.sum())


class _DqnUpdates:
    """Transitions of each piece into the ring, then batches of it."""

    def __init__(self, config: TrainConfig, plan: EpisodePlan, collector: Collector) -> None:
        self._config, self._plan, self._collector = config, plan, collector
        self._square_avg, self._target = np.full_like(config.start, INITIAL_SQUARE_AVG), config.start
        self._replay = Replay(config.values.capacity, config.seed * 1000)
        self._age = self._slots = 0

    def learn(self, params: Array, slots: int, decay: float, *, last: bool) -> float:
        """Play and learn a piece, in place; returns the summed reward."""
        values = self._config.values
        epsilon = max(self._config.epsilon_at(self._slots), 1e-9)
        rollout, ues = self._collector.rollout(params.copy(), epsilon, slots)
        self._slots += rollout.rewards.size
        self._replay.add(self._collector.transitions(rollout, ues, values.gamma))
        for _ in range(self._plan.batches if self._replay.size else 0):
            if self._age % values.target_every == 0:
                self._target = params.copy()
            self._age += 1
            grad, _ = dqn.gradient(params, self._target, self._replay.sample(values.batch), values)
            rmsprop(params, self._square_avg, grad, decay * values.learning_rate)
        return float(rollout.rewards.sum())


def train(
    config: TrainConfig, plan: EpisodePlan, observe: Observer = lambda episodes: None
) -> tuple[Array, EpisodeLog]:
    """Train by ``plan``; returns the last parameters and the log. ``observe`` hears how many episodes are over.

    The learning rate falls linearly to a tenth of the config's over all episodes.
    """
    torch.set_num_threads(1)
    sampling = Sampling(
        num_envs=config.num_envs,
        rollout_length=max(plan.pieces),
        seed=config.seed * 1000,
        episode=0 if plan.restart else RENEWED,
    )
    collector = Collector(
        config.system,
        config.source,
        sampling,
        double=config.double,
        actor=config.actor,
        reward=config.reward,
        team=config.team,
    )
    params, log = config.start, EpisodeLog()
    if plan.plain:
        params[GAIN_AT] = 0.0
    updates = (_A3cUpdates if config.algorithm == "a3c" else _DqnUpdates)(config, plan, collector)
    over = 0.0
    with np.errstate(all="ignore"):
        while over < plan.episodes:
            decay = 1.0 - 0.9 * min(1.0, over / plan.episodes)
            _round(updates, collector, plan, params, decay, log)
            over = log.episodes[-1]
            observe(int(over))
    return params, log


def _round(
    updates: _A3cUpdates | _DqnUpdates,
    collector: Collector,
    plan: EpisodePlan,
    params: Array,
    decay: float,
    log: EpisodeLog,
) -> None:
    """Play and learn all pieces once."""
    if plan.restart:
        collector.restart()
    reward, totals = 0.0, dict.fromkeys(("decided", "offloaded", "spent_j"), 0.0)
    for number, slots in enumerate(plan.pieces, 1):
        reward += updates.learn(params, slots, decay, last=number == len(plan.pieces))
        for name in totals:
            totals[name] += float(collector.earned[name].sum())
    log.add(
        collector.twin.worlds * sum(plan.pieces) / plan.slots,
        reward=reward,
        tasks=totals["decided"],
        offloaded=totals["offloaded"],
        energy_j=totals["spent_j"],
    )


def play(
    system: System, source: Source, policy: Policy, plan: EpisodePlan, *, double: bool, reward: str, seed: int
) -> EpisodeLog:
    """The log of a heuristic, which learns nothing, over episodes like those of ``plan``.

    Where these do not restart, the world is renewed every `EPISODES_OF_A_LIFE` episodes, as often as a learner's is.
    """
    twin = Twin(system, source, double=double, reward=reward)
    twin.use(policy)
    rng, log = np.random.default_rng(seed * 1000), EpisodeLog()
    earned = "score" if REWARDS[reward] else "cost"
    for episode in range(plan.episodes):
        if plan.restart or episode % EPISODES_OF_A_LIFE == 0:
            twin.reset(
                rng.integers(FIRST_TRAINING_SEED, 2 * FIRST_TRAINING_SEED, 1),
                backlog_ns=0 if plan.restart else BACKLOG_NS,
            )
        cells = twin.advance(plan.slots)[0]
        total = float(cells[earned].sum())
        log.add(
            1.0,
            reward=total if earned == "score" else -total,
            tasks=float(cells["decided"].sum()),
            offloaded=float(cells["offloaded"].sum()),
            energy_j=float(cells["spent_j"].sum()),
        )
    return log
