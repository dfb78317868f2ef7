"""One world of a batch: what callers ask of single environments, and what they may change."""

from typing import Protocol

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from testbed.gym import config as environment_config
from testbed.gym import spaces
from testbed.gym.backend import undecided
from testbed.gym.render import drawn
from testbed.model.errors import UsageError
from testbed.model.mdp import CellView
from testbed.twin.twin import Twin
from testbed.twin.views import cell_view

CHANGEABLE = ("backlog_s",)


class WorldBatch(Protocol):
    """What a world has from the batch that it is in."""

    seeds: NDArray[np.int64]
    backlog_ns: NDArray[np.int64]
    twin: Twin
    config: environment_config.EnvironmentConfig

    @property
    def single_action_space(self) -> spaces.ActionSpace:
        """The action space of one world."""

    @property
    def single_observation_space(self) -> Box[np.float32]:
        """The observation space of one world."""


class SingleWorld:
    """World ``index`` of ``batch``. What it has not, such as spaces and the config, it has from its batch.

    ``backlog_s`` (queues to begin with, from its next episode on) can be set: for a curriculum, say.
    """

    batch: WorldBatch
    index: int

    def __init__(self, batch: WorldBatch, index: int) -> None:
        self.__dict__.update(batch=batch, index=index)

    @property
    def seed(self) -> int:
        """The workload it plays."""
        return int(self.batch.seeds[self.index])

    @property
    def slot(self) -> int:
        """The slot to be decided next."""
        return int(self.batch.twin.slot[self.index])

    @property
    def inside(self) -> int:
        """Tasks in the system."""
        return int(self.batch.twin.inside[self.index])

    @property
    def backlog_s(self) -> float:
        """Queues to begin with, in seconds of work."""
        return float(self.batch.backlog_ns[self.index]) * 1e-9

    @property
    def action_space(self) -> spaces.ActionSpace:
        """The action space of one world."""
        return self.batch.single_action_space

    @property
    def observation_space(self) -> Box[np.float32]:
        """The observation space of one world."""
        return self.batch.single_observation_space

    def action_masks(self) -> NDArray[np.bool_]:
        """See `EdgeOffload.action_masks`."""
        return spaces.flat_masks(undecided(self.batch.twin)[self.index], self.batch.config.system.actions)

    def views(self) -> list[CellView]:
        """What the agents see, as the model's own structs, a cell each."""
        cells = range(len(self.batch.config.system.edge_servers))
        return [cell_view(self.batch.twin, self.index, cell) for cell in cells]

    def render(self) -> str:
        """The world as text."""
        return drawn(self.views())

    def __getattr__(self, name: str) -> object:
        if name.startswith("__") or "batch" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self.batch, name)

    def __setattr__(self, name: str, value: object) -> None:
        if name not in CHANGEABLE:
            remedy = f"{', '.join(CHANGEABLE)} can; give others when the batch is made"
            raise UsageError(f"{name} cannot be set for single worlds", remedy)
        self.batch.backlog_ns[self.index] = environment_config.backlog_ns(value)
