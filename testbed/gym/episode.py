"""The rules of episodes, whatever face they wear: which workload, no step outside, how they end."""

import inspect
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from testbed.gym import options as check
from testbed.gym import spaces
from testbed.gym.backend import Backend, TwinBackend
from testbed.gym.config import Choices, EnvironmentConfig
from testbed.gym.seeds import Seeds, seed_of
from testbed.model.errors import UsageError

ENVIRONMENT_BACKENDS = ("twin", "testbed")


def backend_of(name: str, config: EnvironmentConfig, **options: object) -> Backend:
    """The backend called ``name``; ``options`` are those of `TwinBackend` or of `testbed.gym.live.LiveBackend`."""
    check.one_of("backend", name, ENVIRONMENT_BACKENDS)
    backend_type: Callable[..., Backend] = TwinBackend
    if name == "testbed":
        from testbed.gym.live import LiveBackend

        backend_type = LiveBackend
    known = list(inspect.signature(backend_type).parameters)[1:]
    unknown = [option for option in options if option not in known]
    check.refuse_unknown(unknown, [*known, *Choices.__annotations__], f'backend "{name}"')
    return backend_type(config, **options)


class Episode:
    """One episode after another of one region."""

    def __init__(self, config: EnvironmentConfig, backend: Backend, reset_options: tuple[str, ...] = ()) -> None:
        self.config, self.backend, self._reset_options = config, backend, reset_options
        self._seeds = Seeds()
        self._slots, self._limit = config.system.slots, config.episode_slots
        self._unit = spaces.scale(config) if config.normalize else None
        self._ended, self._closed = "no episode has begun", False

    @property
    def ended(self) -> bool:
        """Whether there is no slot to decide."""
        return bool(self._ended)

    def reset(self, seed: object, options: object = None) -> tuple[NDArray[np.float32], int]:
        """Begin the episode of workload ``seed``, or of the one that follows; returns the observation and the seed."""
        if self._closed:
            raise UsageError("reset(): the environment is closed", "make a new one")
        check.refuse_reset_options(options, self._reset_options)
        chosen = self._seeds.chosen(0, None if seed is None else seed_of(seed))
        self._ended = "the last reset failed"
        self.backend.reset(chosen)
        self._ended = ""
        return self._observe(), chosen

    def step(self, choices: NDArray[np.int8]) -> tuple[NDArray[np.float32], bool, bool]:
        """Play a slot; returns the observation, and whether the episode is terminated or truncated by it."""
        self.must_be_open()
        if self._ended:
            raise UsageError(f"step(): {self._ended}", "call reset() first")
        self._ended = "the last step failed"
        self.backend.step(choices)
        slot = self.backend.slot
        terminated = slot >= self._slots and self.backend.inside == 0
        truncated = not terminated and 0 < self._limit <= slot
        self._ended = f"the episode ended in slot {slot}" if terminated or truncated else ""
        return self._observe(), terminated, truncated

    def must_be_open(self) -> None:
        """Raise `UsageError` for a step of a closed environment."""
        if self._closed:
            raise UsageError(f"step(): {self._ended}", "make a new one")

    def _observe(self) -> NDArray[np.float32]:
        seen = self.backend.observe()
        if self._unit is not None:
            spaces.to_unit_size(seen, self._unit)
        return seen

    def close(self) -> None:
        """End the backend."""
        self._ended, self._closed = "the environment is closed", True
        self.backend.close()
