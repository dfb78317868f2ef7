"""`EdgeOffload-v0`: the region as one agent, a step a slot, on the twin or on running processes."""

from typing import Any, Unpack

import gymnasium
import numpy as np
from numpy.typing import NDArray

from testbed.gym import config as environment_config
from testbed.gym import spaces
from testbed.gym.backend import Backend
from testbed.gym.config import Options, Source
from testbed.gym.episode import Episode, backend_of
from testbed.gym.render import RENDER_MODES, render_mode_of, rendered
from testbed.gym.seeds import seed_of
from testbed.gym.spec import PortableSpec
from testbed.gym.told import Info, RegionInfo, payment


class EdgeOffload(PortableSpec, gymnasium.Env[NDArray[np.float32], NDArray[np.integer[Any]]]):
    """The region as one agent: action (N,) of 0 local and 1 offload for each UE, observation (L,), a step a slot.

    ``scenario`` is a name, a file, the text of one, or a `Scenario`. ``backend`` is ``twin`` or ``testbed``. The other
    options are those of `testbed.gym.config.make` and of the backend; an unknown one is an `UnknownOptionError`, which
    is a `UsageError` and a `TypeError`. Spaces, units and ``info``: docs/reference/environments.md.
    """

    metadata = {"render_modes": list(RENDER_MODES), "render_fps": 1}  # noqa: RUF012 - gymnasium's own convention

    def __init__(
        self,
        scenario: Source = "region",
        backend: str = "twin",
        render_mode: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        choices, others = environment_config.split(options)
        self.render_mode = render_mode_of(render_mode)
        self.config = environment_config.make(scenario, **choices)
        self.action_space = spaces.action_space(self.config)
        self.observation_space = spaces.observation_space(self.config)
        self._episode = Episode(self.config, backend_of(backend, self.config, **others))
        self._region_info = RegionInfo()
        self._paid, self._scale = payment(self.config)
        self._repeats = backend == "twin"

    @property
    def backend(self) -> Backend:
        """The twin or the testbed on which it plays."""
        return self._episode.backend

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], Info]:
        """Begin the workload of ``seed``; without one, the next of its stream (`testbed.gym.seeds`)."""
        super().reset(seed=None if seed is None else seed_of(seed))
        seen, chosen = self._episode.reset(seed, options)
        self._region_info.begin(chosen)
        return seen, self._region_info.info(self._episode.backend)

    def step(self, action: object) -> tuple[NDArray[np.float32], float, bool, bool, Info]:
        """Play one slot; raises `UsageError` for a wrong action or outside an episode."""
        episode = self._episode
        seen, terminated, truncated = episode.step(spaces.checked(action, self.config))
        reward = episode.backend.totals[self._paid] * self._scale
        return seen, reward, terminated, truncated, self._region_info.info(episode.backend)

    def action_masks(self) -> NDArray[np.bool_]:
        """Which choices make a difference now, (2·N,): for each UE local, and offload if it has an undecided task and
        its edge server is within reach."""
        return spaces.flat_masks(self._episode.backend.can_offload, self.config.system.actions)

    def render(self) -> str | None:
        """The region as text, in the render mode ``ansi``; None without one."""
        return rendered(self.render_mode, self._episode.backend.views)

    def close(self) -> None:
        """End what the backend started; may be called again."""
        self._episode.close()
