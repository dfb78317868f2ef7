"""`EdgeOffload-v0`: the region as one agent, a step a slot, on the twin or on running processes."""

import copy
import importlib
import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from testbed.gym import setting as settings_of
from testbed.gym.backend import Backend, TwinBackend, measured, paid, told
from testbed.gym.setting import Setting
from testbed.model.errors import UsageError
from testbed.model.schema import Scenario

BACKENDS = ("twin", "testbed")
Info = dict[str, Any]


def backend_of(name: str, setting: Setting, **options: Any) -> Backend:
    """The backend called ``name``; ``options`` are those of `TwinBackend` or of `testbed.gym.live.LiveBackend`."""
    if name not in BACKENDS:
        raise UsageError(f'unknown backend "{name}"', f"known: {', '.join(BACKENDS)}")
    made = TwinBackend if name == "twin" else importlib.import_module("testbed.gym.live").LiveBackend
    known = list(inspect.signature(made).parameters)[1:]
    for option in options:
        if option not in known:
            raise UsageError(f'backend "{name}" has no option "{option}"', f"known: {', '.join(known)}")
    backend: Backend = made(setting, **options)
    return backend


class Episode:
    """The rules of episodes, whatever face they wear: seeds in order, no step outside, how they end."""

    def __init__(self, setting: Setting, backend: Backend) -> None:
        self.setting, self.backend = setting, backend
        self._following = setting.system.seed
        self._ended, self._closed = "no episode has begun", False

    def reset(self, seed: int | None) -> tuple[NDArray[np.float32], Info]:
        """Begin the episode of workload ``seed``, or of the one after the last."""
        if self._closed:
            raise UsageError("reset(): the environment is closed", "make a new one")
        chosen = settings_of.seed_of(seed, self._following)
        self._following = (chosen + 1) % settings_of.SEEDS
        self._ended = "the last reset failed"
        self.backend.reset(chosen)
        self._ended = ""
        return self.backend.observe(), {"seed": chosen}

    def step(self, choices: NDArray[np.int8]) -> tuple[NDArray[np.float32], bool, bool]:
        """Play a slot; returns the observation, and whether the episode is terminated or truncated by it."""
        if self._ended:
            raise UsageError(f"step(): {self._ended}", "make a new one" if self._closed else "call reset() first")
        self._ended = "the last step failed"
        self.backend.step(choices)
        slot, setting = self.backend.slot, self.setting
        terminated = slot >= setting.system.slots and self.backend.inside == 0
        truncated = not terminated and 0 < setting.episode_slots <= slot
        self._ended = f"the episode ended in slot {slot}" if terminated or truncated else ""
        return self.backend.observe(), terminated, truncated

    def close(self) -> None:
        """End the backend."""
        self._ended, self._closed = "the environment is closed", True
        self.backend.close()

    def info(self) -> Info:
        """What the region did in the slot just played; see docs/gym.md."""
        backend = self.backend
        numbers = {key: value.sum().item() for key, value in (told(backend.cells) | measured(backend)).items()}
        return {"slot": backend.slot, **numbers, "inside": backend.inside, "missed": backend.missed}


class EdgeOffload(gymnasium.Env[NDArray[np.float32], NDArray[np.int8]]):
    """The region as one agent: action (N,) of 0 local and 1 offload for each UE, observation (L,), a step a slot.

    ``scenario`` is a name, a file or a `Scenario`; ``settings``, ``second_offload``, ``observation``, ``reward`` and
    ``episode_slots`` are those of `testbed.gym.setting.make`. ``backend`` is ``twin`` or ``testbed``; what else is
    given goes to it. Spaces, units and ``info``: docs/gym.md.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 - gymnasium's own convention

    def __init__(
        self, scenario: str | Path | Scenario = "region", backend: str = "twin", settings: Sequence[str] = (),
        second_offload: bool = True, observation: str | None = None, reward: str | None = None,
        episode_slots: int | None = None, render_mode: str | None = None, **options: Any,
    ) -> None:  # fmt: skip
        self.render_mode = render_mode
        self.setting = settings_of.make(scenario, settings, second_offload, observation, reward, episode_slots)
        self.action_space = settings_of.action_space(self.setting)
        self.observation_space: Any = settings_of.observation_space(self.setting)
        self._episode = Episode(self.setting, backend_of(backend, self.setting, **options))
        self._repeats = backend == "twin"
        self._spec: Any = None

    @property
    def spec(self) -> Any:
        """What it was made from; a testbed is never the same twice, and its spec says so."""
        return self._spec

    @spec.setter
    def spec(self, spec: Any) -> None:
        self._spec = copy.copy(spec)
        if spec is not None and not self._repeats:
            self._spec.nondeterministic = True

    @property
    def backend(self) -> Backend:
        """What it plays on."""
        return self._episode.backend

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], Info]:
        """Begin the workload of ``seed``; without one, that after the last (at first the scenario's)."""
        super().reset(seed=seed)
        return self._episode.reset(seed)

    def step(self, action: Any) -> tuple[NDArray[np.float32], float, bool, bool, Info]:
        """Play one slot; raises `UsageError` for a wrong action or outside an episode."""
        choices = settings_of.checked(action, self.setting)
        seen, terminated, truncated = self._episode.step(choices)
        reward = float(paid(self._episode.backend.cells, self.setting.reward).sum())
        return seen, reward, terminated, truncated, self._episode.info()

    def close(self) -> None:
        """End what the backend started; may be called again."""
        self._episode.close()
