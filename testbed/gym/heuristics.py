"""Heuristics as callables on observations: what ``greedy`` and ``priced`` decide, from the numbers that agents see.

They work wherever an agent does: in a wrapper, a vector, an evaluation, or as an expert to imitate.
"""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from testbed.gym import spaces
from testbed.gym.config import EnvironmentConfig
from testbed.model.errors import UsageError
from testbed.policy import loading
from testbed.policy.features import CELL_FEATURES, DECISION_FEATURES
from testbed.policy.heuristics import Coin, FixedChoice, Policy, Priced

_MARGIN, RADIO_WAIT, AIRTIME, EXECUTION = 0, 3, 4, 6
_BACKLOG, _FORWARDED, AIR, TASKS = 7, 9, 10, 21
ModelState = tuple[NDArray[Any], ...] | None  # what a model with a memory would keep from slot to slot


class _Model(ABC):
    """What decides from observations alone, with the face of Stable-Baselines3's models."""

    @abstractmethod
    def __call__(self, seen: ArrayLike) -> NDArray[np.int8]:
        """The action (N,) for an observation (L,), or (W, N) for (W, L)."""

    def predict(
        self, observation: Any, state: ModelState = None, *_: object, **__: object
    ) -> tuple[NDArray[np.int8], ModelState]:
        """As a model of Stable-Baselines3 decides, for its ``evaluate_policy``."""
        return self(observation), state


class Heuristic(_Model):
    """``greedy`` (``beta`` = ``beta0`` = 0) or ``priced`` for an environment: observations in, actions out.

    UEs of a cell decide in order, each seeing what those before it send: the first feature, C_l − C_o, does not know
    that, because all UEs are observed at once. The decisions are exactly those of `testbed.policy.heuristics.Priced`
    as long as no feature is at its limit of 8 s and no UE has more than one undecided task.
    """

    def __init__(self, env: object, beta: float = 0.0, beta0: float = 0.0) -> None:
        self.config = config_of(env)
        if self.config.observation != "full":
            raise UsageError('the observation is "paper"', 'heuristics need observation="full"')
        system = self.config.system
        self._beta, self._beta0 = beta, beta0
        self._cells = [[ue.index for ue in system.cell_ues(es.index)] for es in system.edge_servers]
        self._cores = [es.cores for es in system.edge_servers]
        self._weight = np.array([ue.weight_delay for ue in system.ues])
        self._latency_s = system.radio.latency_ns * 1e-9
        self._unit = spaces.scale(self.config).astype(np.float64) if self.config.normalize else None

    def __call__(self, seen: ArrayLike) -> NDArray[np.int8]:
        """The action (N,) for an observation (L,), or (W, N) for (W, L)."""
        observation = np.asarray(seen, np.float64)
        batch = np.atleast_2d(observation if self._unit is None else observation / self._unit)
        at = len(self._cells) * CELL_FEATURES
        ues = batch[:, at:].reshape(len(batch), -1, DECISION_FEATURES)
        chosen = np.zeros(ues.shape[:2], np.int8)
        for cores, members in zip(self._cores, self._cells, strict=True):
            sent = np.zeros(len(batch))
            for n in members:
                gain = self._gain(ues[:, n], sent, n, cores)
                chosen[:, n] = (ues[:, n, TASKS] > 0) & (gain > 0)
                sent += chosen[:, n] * ues[:, n, EXECUTION]
        return chosen if observation.ndim == 2 else chosen[0]

    def _gain(self, ue: NDArray[np.float64], sent: NDArray[np.float64], n: int, cores: int) -> NDArray[np.float64]:
        """By how much offloading is cheaper, when ``sent`` seconds of work are under way, (W,)."""
        travel = ue[:, RADIO_WAIT] + ue[:, AIRTIME] + self._latency_s
        wait = np.maximum(0.0, ue[:, _BACKLOG] + sent - travel) - np.maximum(0.0, ue[:, _BACKLOG] - travel)
        gain: NDArray[np.float64] = ue[:, _MARGIN] - self._weight[n] * np.maximum(1.0, ue[:, TASKS]) * wait
        if self._beta == 0.0 and self._beta0 == 0.0:
            return gain
        occupied = ue[:, _BACKLOG] - ue[:, _FORWARDED] + ue[:, AIR] + sent
        return gain - self._beta * np.maximum(0.0, occupied) * ue[:, EXECUTION] * cores - self._beta0


class Constant(_Model):
    """``lc``, ``offload`` or a coin of ``probability`` for each UE and slot, drawn from ``seed`` on."""

    def __init__(self, env: object, probability: float, seed: int = 0) -> None:
        self.config = config_of(env)
        self._ues, self._probability = len(self.config.system.ues), probability
        self._rng = np.random.default_rng(seed)

    def __call__(self, seen: ArrayLike) -> NDArray[np.int8]:
        """The action (N,) for an observation (L,), or (W, N) for (W, L)."""
        shape = (*np.asarray(seen).shape[:-1], self._ues)
        return (self._rng.random(shape) < self._probability).astype(np.int8)


def heuristic(name: str, env: object) -> Heuristic | Constant:
    """The strategy called ``name`` for an environment: ``lc``, ``offload``, ``random``, ``greedy``, ``priced:FILE``,
    ``coin:FILE``, each also with ``-do``.

    Whether edge servers hand on is the environment's matter: raises `UsageError` if ``name`` says otherwise.
    """
    policy, double = loading.load(name)
    config = config_of(env)
    if double != config.second_offload:
        what = f'"{name}" {"needs" if double else "knows no"} second offload'
        raise UsageError(what, f"make the environment with second_offload={double}")
    if config.system.chosen_target:
        what = f'"{name}" does not see in an observation where else tasks could go'
        raise UsageError(what, "ask testbed.policy.loading.load(name)[0] for its decisions on env.backend.views()")
    return _of(policy, name, env)


def _of(policy: Policy, name: str, env: object) -> Heuristic | Constant:
    if isinstance(policy, Priced):
        return Heuristic(env, policy.beta, policy.beta0)
    if isinstance(policy, FixedChoice):
        return Constant(env, float(policy.choice))
    if isinstance(policy, Coin):
        return Constant(env, policy.probability)
    raise UsageError(f'"{name}" is no heuristic', "lc, offload, random, coin, greedy and priced are")


def config_of(env: object) -> EnvironmentConfig:
    """The config of an environment (wrapped or not), a batch, or an `EnvironmentConfig` itself."""
    config = env if isinstance(env, EnvironmentConfig) else None
    for name in ("unwrapped", "batch"):
        if config is None:
            config = getattr(getattr(env, name, env), "config", None)
    if not isinstance(config, EnvironmentConfig):
        raise UsageError(f"{type(env).__name__} is no environment of this testbed", "give what testbed.gym made")
    return config
