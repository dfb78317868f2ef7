"""One learner: plays its own worlds with the shared parameters and applies its gradients to them, until stopped."""

from typing import Protocol

import msgspec
import numpy as np

from controller.learn import a3c, dqn
from controller.learn.collect import Actor, Collector, Sampling
from controller.learn.dqn import Replay
from controller.learn.hyperparameters import OPTION_NAMES, Count, Kept, Positive
from controller.learn.optimiser import rmsprop
from testbed.model.errors import InvalidError, UsageError
from testbed.model.system import System
from testbed.policy import network, q_network
from testbed.policy.arrays import fitting
from testbed.policy.network import Array, Layout
from testbed.twin.build import Source
from testbed.twin.state import TASK
from testbed.twin.twin import TASKS_PER_UE

OBSERVATION_NAMES = ("full", "paper")
RECORDED = (
    "algorithm",
    "head",
    "observation",
    "reward",
    "team",
    "gru_units",
    "num_envs",
    "rollout_length",
    "learning_rate",
    "average",
    "seed",
)


class TrainConfig(msgspec.Struct, frozen=True, kw_only=True, rename=OPTION_NAMES):
    """Everything that training depends on besides the parameters; ``updates`` scales the learning-rate's decay.

    ``reward``: see `testbed.model.mdp`; with ``team`` below 1 each cell values its own and that share of others'.
    Every worker plays ``num_envs`` worlds, ``rollout_length`` slots at a time. ``gru_units`` are a recurrent core's, 0
    for none. What is judged and kept is the mean of the parameters over about the last 1/(1 − ``average``) updates.
    """

    system: System
    source: Source
    double: bool
    algorithm: str = "a3c"
    head: str = network.SEQUENTIAL
    observation: str = "full"
    reward: str = "holding"
    team: float = 1.0
    gru_units: int = 0
    num_envs: Count = 8
    rollout_length: Count = 20
    learning_rate: Positive = 2e-3
    average: Kept = 0.0
    updates: int = 12_000
    seed: int = 1
    actor_critic: a3c.A3cConfig = a3c.A3cConfig()
    values: dqn.DqnConfig = dqn.DqnConfig()

    @property
    def actor(self) -> Actor:
        """How its learners decide: algorithm, head, observation, exploration, recurrent core."""
        epsilon = self.actor_critic.epsilon if self.algorithm == "a3c" else 0.0
        return Actor(
            algorithm=self.algorithm,
            head=self.head,
            observation=self.observation,
            dueling=self.values.dueling,
            epsilon=epsilon,
            gru_units=self.gru_units,
        )

    @property
    def layout(self) -> Layout:
        """Where A3C's parameters are. Raises `UsageError` for what cannot be combined."""
        shape = self.actor.layout(self.system)
        if self.observation not in OBSERVATION_NAMES:
            raise UsageError(f'unknown observation "{self.observation}"', f"known: {', '.join(OBSERVATION_NAMES)}")
        chooses = network.CHOOSING.values()
        more = self.head in (network.JOINT, network.CONTINUOUS, *chooses)
        if more and (self.algorithm == "dqn" or self.actor_critic.epsilon):
            raise UsageError(f"head {self.head} is for a3c without coin", "use the head sequential or factored")
        if self.gru_units and self.algorithm == "dqn":
            raise UsageError(f"a memory of {self.gru_units} is for a3c", "leave it out")
        if self.head in (network.REGIONAL, *chooses) and (self.algorithm == "dqn" or self.observation == "paper"):
            raise UsageError(f"head {self.head} is for a3c with the observation full", "use the head sequential")
        if self.system.chosen_target != (self.head in chooses):
            what = "are for" if self.head in chooses else "know nothing of"
            raise UsageError(f"head {self.head}: its networks {what} chosen targets", "train a3c-any for them")
        return shape

    @property
    def start(self) -> Array:
        """Fresh parameters (`layout.size`,), or DQN's (`q_network.Q_SIZE`,), drawn with ``seed``."""
        shape = self.layout
        return network.initial(self.seed, shape) if self.algorithm == "a3c" else q_network.initial(self.seed)

    def collector(self, rollout_length: int, number: int) -> Collector:
        """The worlds of learner ``number``."""
        seed = self.seed * 1000 + number
        return Collector(
            self.system,
            self.source,
            Sampling(num_envs=self.num_envs, rollout_length=rollout_length, seed=seed),
            double=self.double,
            actor=self.actor,
            reward=self.reward,
            team=self.team,
        )

    def learner(self, number: int) -> "TwinLearner":
        """The learner ``number`` of those that work side by side."""
        return A3cLearner(self, number) if self.algorithm == "a3c" else DqnLearner(self, number)

    @property
    def about(self) -> dict[str, object]:
        """What a checkpoint must tell for its network to be used, and what else it was trained by."""
        names = dict(zip(self.__struct_fields__, self.__struct_encode_fields__, strict=True))
        return {
            **{names[field]: getattr(self, field) for field in RECORDED},
            "cell_ues": self.layout.ues,
            "second_offload": self.double,
            "dueling": self.values.dueling,
            "settings": msgspec.to_builtins(self.hyper),
        }

    @property
    def hyper(self) -> msgspec.Struct:
        """The algorithm's own hyper-parameters."""
        return self.actor_critic if self.algorithm == "a3c" else self.values

    @property
    def nbytes(self) -> int:
        """What a learner's arrays take at the least: decisions of a rollout with their activations, worlds, replay."""
        shape, ues, plays_twice = self.layout, len(self.system.ues), 1 + (self.algorithm == "dqn")
        rows = ues * (len(self.system.edge_servers) if self.system.chosen_target else 1)
        decisions = plays_twice * self.num_envs * self.rollout_length * rows * 4 * (shape.inputs + 2 * network.HIDDEN)
        worlds = self.num_envs * ues * TASKS_PER_UE * TASK.itemsize
        replay = self.values.capacity * 8 * network.INPUTS if self.algorithm == "dqn" else 0
        return decisions + worlds + replay

    def learning_rate_at(self, update: int) -> float:
        """The learning rate falls linearly to a tenth."""
        base = self.learning_rate if self.algorithm == "a3c" else self.values.learning_rate
        return base * (1.0 - 0.9 * min(1.0, update / self.updates))

    def epsilon_at(self, slots: int) -> float:
        """DQN's ε after that many world ``slots``."""
        share = min(1.0, slots / self.values.epsilon_slots)
        return self.values.epsilon_first + share * (self.values.epsilon_last - self.values.epsilon_first)


class Step(msgspec.Struct, frozen=True):
    """What one update did: loss, entropy (A3C) and mean reward per world and slot."""

    loss: float
    entropy: float
    reward: float


class A3cLearner:
    """A rollout, one batched backward pass, one RMSProp step on the shared parameters."""

    def __init__(self, config: TrainConfig, number: int) -> None:
        self.config = config
        self.collector, self._layout = config.collector(config.rollout_length, number), config.layout

    def step(self, params: Array, square_avg: Array, update: int) -> Step:
        """One update of ``params`` and ``square_avg`` (P,) in place; others may change them meanwhile."""
        grad, step = self.grad(params.copy(), update)
        rmsprop(params, square_avg, grad, self.config.learning_rate_at(update))
        return step

    def grad(self, params: Array, update: int) -> tuple[Array, Step]:
        """The gradient (P,) at ``params`` (P,), by the next rollout under them."""
        rollout, _ = self.collector.rollout(params)
        grad, losses = a3c.gradient(params, rollout, self.config.actor_critic, self._layout)
        return grad, Step(losses.policy + losses.value, losses.entropy, float(rollout.rewards.mean()))

    def arrays(self) -> dict[str, np.ndarray]:
        """What decides the next rollout beside the parameters: the worlds and the generator of their seeds."""
        return self.collector.state_arrays()

    def load(self, arrays: dict[str, np.ndarray]) -> None:
        """Continue from `arrays`; `InvalidError` if they are not those of such a learner."""
        self.collector.load_arrays(arrays)


class DqnLearner:
    """A rollout into the ring, then as many batches as keep the replay ratio, against a frozen target network."""

    BATCHES = 8

    def __init__(self, config: TrainConfig, number: int) -> None:
        self.config = config
        self.collector = config.collector(2 * config.rollout_length, number)
        self.replay = Replay(config.values.capacity, config.seed * 1000 + number)
        self._target: Array | None = None
        self._age = 0
        self._slots = 0

    def step(self, params: Array, square_avg: Array, update: int) -> Step:
        """One rollout and its batches: ``params`` and ``square_avg`` (P,) are updated in place."""
        values = self.config.values
        epsilon = self.config.epsilon_at(self._slots)
        rollout, ues = self.collector.rollout(params.copy(), max(epsilon, 1e-9))
        self._slots += rollout.rewards.size
        self.replay.add(self.collector.transitions(rollout, ues, values.gamma))
        loss = 0.0
        for _ in range(self.BATCHES):
            if self._target is None or self._age % values.target_every == 0:
                self._target = params.copy()
            self._age += 1
            grad, loss = dqn.gradient(params, self._target, self.replay.sample(values.batch), values)
            rmsprop(params, square_avg, grad, self.config.learning_rate_at(update))
        return Step(loss, 0.0, float(rollout.rewards.mean()))

    def arrays(self) -> dict[str, np.ndarray]:
        """State beyond the parameters: worlds, ring, target and counters."""
        target = self._target if self._target is not None else np.zeros(0, np.float32)
        counters = np.array([self._age, self._slots], np.int64)
        return {**self.collector.state_arrays(), **self.replay.arrays(), "target": target, "counters": counters}

    def load(self, arrays: dict[str, np.ndarray]) -> None:
        """Continue from `arrays`; `InvalidError` if they are not those of such a learner."""
        self.collector.load_arrays(arrays)
        self.replay.load(arrays)
        target = fitting(arrays, "target", self.config.start, rows=True)
        if len(target) not in (0, q_network.Q_SIZE):
            raise InvalidError(f"target of shape {target.shape}")
        self._target = target.copy() if len(target) else None
        self._age, self._slots = (int(count) for count in fitting(arrays, "counters", np.zeros(2, np.int64)))


class TwinLearner(Protocol):
    """What learns: it plays, and improves shared parameters by what it saw."""

    @property
    def config(self) -> TrainConfig:
        """What its next update depends on besides the parameters."""

    def step(self, params: Array, square_avg: Array, update: int) -> Step:
        """One update of ``params`` and ``square_avg`` (P,) in place."""

    def arrays(self) -> dict[str, np.ndarray]:
        """Its state beyond the parameters."""

    def load(self, arrays: dict[str, np.ndarray]) -> None:
        """Continue from `arrays`; `InvalidError` if they are not those of such a learner."""


def make(config: TrainConfig, number: int = 0) -> TwinLearner:
    """The learner of a config; ``number`` tells apart those that work side by side."""
    return config.learner(number)
