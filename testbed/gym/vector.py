"""The native batch: W worlds of the twin stepped by one call of compiled code."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import ArrayLike, NDArray

from testbed.gym import setting as settings_of
from testbed.gym.backend import paid, told, worlds
from testbed.model.errors import UsageError
from testbed.model.schema import Scenario

Info = dict[str, Any]


class EdgeOffloadVector(VectorEnv[NDArray[np.float32], NDArray[np.int8], NDArray[Any]]):
    """``num_envs`` = W regions at once: actions (W, N), observations (W, L), rewards (W,); see `EdgeOffload`.

    Autoreset is *same step*: an episode's end returns the first observation of the next one, and the last of the old
    one in ``info["final_obs"]``. World w plays the seeds s_w, s_w + W, s_w + 2W, … from its first seed s_w on. With
    ``copy`` false, observations are overwritten by the next call.
    """

    def __init__(
        self, num_envs: int = 1, scenario: str | Path | Scenario = "region", settings: Sequence[str] = (),
        second_offload: bool = True, observation: str | None = None, reward: str | None = None,
        episode_slots: int | None = None, backlog_s: float = 0.0, capacity: int | None = None, copy: bool = True,
        backend: str = "twin",
    ) -> None:  # fmt: skip
        if backend != "twin":
            raise UsageError(f'a vector of environments has no backend "{backend}"', "it plays on the twin only")
        self.setting = settings_of.make(scenario, settings, second_offload, observation, reward, episode_slots)
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
        self.num_envs, self._copy, self._backlog_ns = num_envs, copy, settings_of.backlog_ns(backlog_s)
        self._twin = worlds(self.setting, num_envs, capacity)
        self.single_action_space = settings_of.action_space(self.setting)
        self.single_observation_space: Any = settings_of.observation_space(self.setting)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self._buffer = np.zeros((num_envs, *self.single_observation_space.shape), np.float32)
        self._following = self._from(self.setting.system.seed)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: Info | None = None
    ) -> tuple[NDArray[np.float32], Info]:
        """Begin every world: with ``seed`` + w in world w, or with the seeds listed, or with those that follow."""
        self._must_be_open("reset()")
        if isinstance(seed, (int, np.integer)) or seed is None:
            super().reset(seed=None if seed is None else settings_of.seed_of(seed, 0))
            seeds = self._following if seed is None else self._from(settings_of.seed_of(seed, 0))
        else:
            seeds = self._listed(seed)
        self._begin(seeds, None)
        seen = self._twin.observe(self.setting.observation, self._room())
        return seen, {"seed": seeds.copy(), "_seed": np.ones(self.num_envs, np.bool_)}

    def step(
        self, actions: ArrayLike
    ) -> tuple[NDArray[np.float32], NDArray[Any], NDArray[Any], NDArray[Any], Info]:  # fmt: skip
        """Play a slot of every world; ``info`` holds arrays (W,) of what `EdgeOffload` tells of the slot played."""
        self._must_be_open("step()")
        twin, setting = self._twin, self.setting
        seen = self._room()
        earned = twin.turn(actions, setting.observation, seen)
        rewards = paid(earned, setting.reward)
        info = {"slot": twin.slot.copy(), **told(earned), "inside": twin.inside.copy()}
        terminated = (info["slot"] >= setting.system.slots) & (info["inside"] == 0)
        truncated = ~terminated & (info["slot"] >= (setting.episode_slots or np.inf))
        info |= {f"_{key}": np.ones(self.num_envs, np.bool_) for key in info}
        ended = terminated | truncated
        if ended.any():
            info |= {"final_obs": seen.copy(), "_final_obs": ended.copy(), "final_info": dict(info)}
            info["_final_info"] = ended.copy()
            self._begin(self._following, ended)
            twin.observe(setting.observation, seen, ended)
        return seen, rewards, terminated, truncated, info

    def _from(self, seed: int) -> NDArray[np.uint64]:
        return (seed + np.arange(self.num_envs, dtype=np.uint64)) % np.uint64(settings_of.SEEDS)

    def _listed(self, seeds: Sequence[int | None]) -> NDArray[np.uint64]:
        if len(seeds) != self.num_envs:
            raise UsageError(f"{len(seeds)} seeds", f"{self.num_envs} are needed, one for each world")
        pairs = zip(seeds, self._following, strict=True)
        return np.array([settings_of.seed_of(seed, int(following)) for seed, following in pairs], np.uint64)

    def _begin(self, seeds: NDArray[np.uint64], chosen: NDArray[np.bool_] | None) -> None:
        self._twin.reset(seeds, chosen, self._backlog_ns)
        after = (seeds + np.uint64(self.num_envs)) % np.uint64(settings_of.SEEDS)
        self._following = after if chosen is None else np.where(chosen, after, self._following)

    def _room(self) -> NDArray[np.float32]:
        """Where the next observations go."""
        return np.empty_like(self._buffer) if self._copy else self._buffer

    def _must_be_open(self, what: str) -> None:
        if self.closed:
            raise UsageError(f"{what}: the environment is closed", "make a new one")
