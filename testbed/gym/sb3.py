"""The native batch for Stable-Baselines3, which has a vector interface of its own."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from testbed.gym.config import Source
from testbed.gym.evaluation import EVALUATION_SEEDS, Evaluation, EvaluationOptions, evaluate
from testbed.gym.told import SUMS
from testbed.gym.vector import EdgeOffloadVector, VectorOptions
from testbed.model.errors import UsageError
from testbed.model.packages import naming_extras

with naming_extras():
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.vec_env.base_vec_env import VecEnv, VecEnvIndices, VecEnvStepReturn

_LAST = ("seed", "slot", "mean_overhead", "inside", "fallback", "lag_s", "missed")
Predict = Callable[..., object]


class Batch(VecEnv):
    """``num_envs`` worlds of the twin as a `VecEnv`; further arguments are those of `EdgeOffloadVector`.

    ``infos`` are empty but at an episode's end. Then they hold what SB3 needs of it (``episode``: sum of rewards ``r``
    and length ``l``; ``terminal_observation``, ``TimeLimit.truncated``) and the numbers of the whole episode, under the
    keys of ``info`` (docs/reference/environments.md): ``VecMonitor(batch, info_keywords=("mean_overhead",))`` keeps
    some of them.
    """

    def __init__(self, num_envs: int, scenario: Source = "region", **options: Unpack[VectorOptions]) -> None:
        if "autoreset_mode" in options:
            raise UsageError("autoreset_mode is given", "a VecEnv resets in the same step, always")
        self.batch = EdgeOffloadVector(num_envs, scenario, **options)
        self._actions = np.zeros((num_envs, 1), np.int8)
        self._earned = np.zeros(num_envs)
        self._sums = {key: np.zeros(num_envs) for key in SUMS}
        super().__init__(num_envs, self.batch.single_observation_space, self.batch.single_action_space)

    def reset(self) -> NDArray[np.float32]:
        """Begin every world; `seed` before this chooses the workloads."""
        seeds, self._seeds = self._seeds, [None] * self.num_envs
        self._forget(np.ones(self.num_envs, np.bool_))
        return self.batch.reset(seed=seeds)[0]

    def step_async(self, actions: NDArray[Any]) -> None:
        """Keep ``actions`` (W, N) for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Play a slot of every world: observations, rewards (float32), ends, infos."""
        seen, rewards, terminated, truncated, info = self.batch.step(self._actions)
        ended = terminated | truncated
        last = info.get("final_info", info)
        self._earned += rewards
        for key, sums in self._sums.items():
            sums += last[key]
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for w in np.flatnonzero(ended):
            infos[w] = {
                **{key: sums[w].item() for key, sums in self._sums.items()},
                **{key: last[key][w].item() for key in _LAST},
                "episode": {"r": float(self._earned[w]), "l": int(last["slot"][w])},
                "TimeLimit.truncated": bool(truncated[w]),
                "terminal_observation": info["final_obs"][w],
            }
        self._forget(ended)
        return seen, rewards.astype(np.float32), ended, infos

    def _forget(self, ended: NDArray[np.bool_]) -> None:
        for sums in (self._earned, *self._sums.values()):
            sums[ended] = 0.0

    def close(self) -> None:
        """End the batch."""
        self.batch.close()

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """An attribute of single worlds (`testbed.gym.world.SingleWorld`), or of the batch, once for each of them."""
        return [getattr(self.batch.worlds[w], attr_name) for w in self._chosen(indices)]

    def set_attr(self, attr_name: str, value: object, indices: VecEnvIndices = None) -> None:
        """Set ``backlog_s`` of single worlds; raises `UsageError` for what worlds have not of their own."""
        for w in self._chosen(indices):
            setattr(self.batch.worlds[w], attr_name, value)

    def env_method(self, method_name: str, *args: object, indices: VecEnvIndices = None, **kwargs: object) -> list[Any]:
        """Call a method of single worlds, like ``action_masks``; raises `UsageError` for what they have not."""
        worlds = [self.batch.worlds[w] for w in self._chosen(indices)]
        if not callable(getattr(type(worlds[0]), method_name, None)) if worlds else False:
            known = "action_masks(), render() and views() can"
            raise UsageError(
                f"{method_name}() cannot be called for single worlds", f"{known}; or use the attribute batch"
            )
        return [getattr(world, method_name)(*args, **kwargs) for world in worlds]

    def env_is_wrapped(self, wrapper_class: type, indices: VecEnvIndices = None) -> list[bool]:
        """Episodes are told as a `Monitor` would; nothing else is wrapped."""
        return [wrapper_class.__name__ == "Monitor"] * len(self._chosen(indices))

    def _chosen(self, indices: VecEnvIndices) -> Sequence[int]:
        return list(self._get_indices(indices))


class OverheadCallback(BaseCallback):
    """Every ``every`` steps of the training (calls of `Batch.step`), evaluate on fixed ``seeds`` and log
    ``eval/overhead``; the best model so far is saved to ``save_best`` if that is given.

    ``found`` lists (timesteps, `Evaluation`). ``options`` are those of `testbed.gym.evaluation.evaluate`: the scenario
    and what the training's environments were made with.
    """

    def __init__(
        self,
        every: int,
        seeds: Sequence[int] = EVALUATION_SEEDS,
        save_best: str | Path | None = None,
        **options: Unpack[EvaluationOptions],
    ) -> None:
        super().__init__()
        self.every, self.seeds, self.save_best, self.options = every, tuple(seeds), save_best, options
        self.found: list[tuple[int, Evaluation]] = []

    def _on_step(self) -> bool:
        if self.n_calls % self.every == 0:
            best = min((one.overhead for _, one in self.found), default=float("inf"))
            evaluation = evaluate(_Normalized(self.model), self.seeds, **self.options)
            self.found.append((self.num_timesteps, evaluation))
            for name in ("overhead", "delay_s", "energy_j", "hit_rate", "reward"):
                self.logger.record(f"eval/{name}", getattr(evaluation, name))
            if self.save_best is not None and evaluation.overhead < best:
                self.model.save(self.save_best)
        return True


class _Normalized:
    """A model that sees what its training's `VecNormalize` would make of observations."""

    def __init__(self, model: BaseAlgorithm) -> None:
        self._model, self._normal = model, model.get_vec_normalize_env()

    @property
    def predict(self) -> Predict:
        """The model's own ``predict``, its signature included."""
        normal = self._normal
        if normal is None:
            return self._model.predict

        own: Predict = self._model.predict

        @functools.wraps(own)
        def predict(seen: NDArray[np.float32], **more: object) -> object:
            return own(normal.normalize_obs(seen), **more)

        return predict
