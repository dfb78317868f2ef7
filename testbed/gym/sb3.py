"""The native batch for Stable-Baselines3, which has a vector interface of its own."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env.base_vec_env import VecEnv

from testbed.gym.vector import EdgeOffloadVector
from testbed.model.errors import UsageError


class Batch(VecEnv):
    """``num_envs`` worlds of the twin as a `VecEnv`; further arguments are those of `EdgeOffloadVector`.

    ``infos`` hold only what SB3 needs of an episode's end: ``episode`` (sum of rewards ``r`` and length ``l``),
    ``terminal_observation`` and ``TimeLimit.truncated``.
    """

    def __init__(self, num_envs: int, **options: Any) -> None:
        self.batch = EdgeOffloadVector(num_envs, **options)
        self._actions = np.zeros((num_envs, 1), np.int8)
        self._earned = np.zeros(num_envs)
        super().__init__(num_envs, self.batch.single_observation_space, self.batch.single_action_space)

    def reset(self) -> NDArray[np.float32]:
        """Begin every world; `seed` before this chooses the workloads."""
        seeds, self._seeds = self._seeds, [None] * self.num_envs
        self._earned[:] = 0.0
        return self.batch.reset(seed=seeds)[0]

    def step_async(self, actions: NDArray[Any]) -> None:
        """Keep ``actions`` (W, N) for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> Any:
        """Play a slot of every world: observations, rewards (float32), ends, infos."""
        seen, rewards, terminated, truncated, told = self.batch.step(self._actions)
        self._earned += rewards
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        ended = terminated | truncated
        for w in np.flatnonzero(ended):
            episode = {"r": float(self._earned[w]), "l": int(told["slot"][w])}
            infos[w] = {"episode": episode, "TimeLimit.truncated": bool(truncated[w])}
            infos[w]["terminal_observation"] = told["final_obs"][w]
        self._earned[ended] = 0.0
        return seen, rewards.astype(np.float32), ended, infos

    def close(self) -> None:
        """End the batch."""
        self.batch.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The batch's attribute, once for each of the worlds."""
        return [getattr(self.batch, attr_name)] * len(self._chosen(indices))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Worlds have no attributes of their own: raises `UsageError`."""
        raise UsageError(f"{attr_name} cannot be set for single worlds", "give it when the batch is made")

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        """Worlds have no methods of their own: raises `UsageError`."""
        raise UsageError(f"{method_name}() cannot be called for single worlds", "use the attribute batch")

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        """Episodes are told as a `Monitor` would; nothing else is wrapped."""
        return [wrapper_class.__name__ == "Monitor"] * len(self._chosen(indices))

    def _chosen(self, indices: int | Sequence[int] | None) -> Sequence[int]:
        return list(self._get_indices(indices))
