"""The region as a PettingZoo `ParallelEnv`: one agent for each cell."""

from collections.abc import Mapping
from typing import Any, Unpack

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from testbed.gym import config as environment_config
from testbed.gym import spaces
from testbed.gym.backend import Backend
from testbed.gym.config import Options, Source
from testbed.gym.episode import Episode, backend_of
from testbed.gym.render import RENDER_MODES, render_mode_of, rendered
from testbed.gym.told import Info, RunningMean, paid, summed
from testbed.model.errors import UsageError
from testbed.model.packages import naming_extras

with naming_extras():
    from pettingzoo import ParallelEnv

RESET_OPTIONS = ("options",)  # means nothing; PettingZoo's own test of environments gives it
Views = dict[str, NDArray[np.float32]]


class EdgeOffloadCells(ParallelEnv):  # type: ignore[misc] # pettingzoo has no types
    """Agents ``cell-1``, ``cell-2``, …; arguments as for `EdgeOffload`.

    An agent's action (N_i,) decides for its cell's UEs; it sees its part of the region's observation. ``agent.team`` of
    the scenario is the weight t of the region's reward: an agent is paid t·(sum over cells) + (1 − t)·(its own cell's).
    """

    metadata = {"name": "edge_offload_v0", "render_modes": list(RENDER_MODES), "render_fps": 1}  # noqa: RUF012 - pettingzoo's way

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
        self._cells = {f"cell-{es.index + 1}": es.index for es in self.config.system.edge_servers}
        self._places = {agent: spaces.places(self.config, cell) for agent, cell in self._cells.items()}
        self._ues = {agent: [ue.index for ue in self.config.system.cell_ues(c)] for agent, c in self._cells.items()}
        self.possible_agents = list(self._cells)
        self.agents: list[str] = []
        self.state_space = region = spaces.observation_space(self.config)
        self.observation_spaces = {
            agent: Box(region.low[at], region.high[at], dtype=np.float32) for agent, at in self._places.items()
        }
        self.action_spaces = {
            agent: spaces.action_space(self.config, len(members)) for agent, members in self._ues.items()
        }
        self._episode = Episode(self.config, backend_of(backend, self.config, **others), RESET_OPTIONS)
        self._region = np.zeros(region.shape, np.float32)
        self._seed, self._mean = 0, RunningMean((len(self._cells),))

    @property
    def backend(self) -> Backend:
        """The twin or the testbed on which it plays."""
        return self._episode.backend

    def observation_space(self, agent: str) -> Box:
        """What ``agent`` sees; always the same object."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.ActionSpace:
        """What ``agent`` may do; always the same object."""
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Views, dict[str, Info]]:
        """Begin the workload of ``seed``; without one, the next of its stream (`testbed.gym.seeds`)."""
        self._region, self._seed = self._episode.reset(seed, options)
        self.agents = list(self.possible_agents)
        self._mean.begin()
        return self._views(), self._infos()

    def step(
        self, actions: Mapping[str, Any]
    ) -> tuple[Views, dict[str, float], dict[str, bool], dict[str, bool], dict[str, Info]]:
        """Play one slot; every agent acts, and all end together. Raises `UsageError` for wrong or missing actions."""
        choices = self._choices(actions)
        self._region, terminated, truncated = self._episode.step(choices)
        views, agents = self._views(), self.agents
        rewards, infos = self._rewards(), self._infos()
        if terminated or truncated:
            self.agents = []
        return views, rewards, dict.fromkeys(agents, terminated), dict.fromkeys(agents, truncated), infos

    def state(self) -> NDArray[np.float32]:
        """The observation of the whole region, (L,)."""
        return self._region.copy()

    def action_masks(self, agent: str) -> NDArray[np.bool_]:
        """Which choices of ``agent`` make a difference now, (2·N_i,); see `EdgeOffload.action_masks`."""
        return spaces.flat_masks(self._episode.backend.can_offload[self._ues[agent]], self.config.system.actions)

    def render(self) -> str | None:
        """The region as text, in the render mode ``ansi``; None without one."""
        return rendered(self.render_mode, self._episode.backend.views)

    def close(self) -> None:
        """End what the backend started; may be called again."""
        self.agents = []
        self._episode.close()

    def _masks(self, can_offload: NDArray[np.bool_]) -> Info:
        """Under ``action_mask`` libraries of agents expect what ``sample`` of the space takes, and all the choices."""
        masks: Info = {"offload_mask": can_offload.view(np.int8)}
        if self.config.actions == "multidiscrete":
            masks["action_mask"] = tuple(spaces.told_mask(can_offload, self.config.system.actions))
        return masks

    def _choices(self, actions: Mapping[str, Any]) -> NDArray[np.int8]:
        if not isinstance(actions, Mapping):
            raise UsageError(f"the actions are {actions!r:.60}", f"a mapping from {', '.join(self._cells)} is needed")
        unknown = [agent for agent in actions if agent not in self._cells]
        missing = [agent for agent in self.agents if agent not in actions]
        if unknown or missing:
            what = f'"{unknown[0]}" is no agent' if unknown else f"no action for {missing[0]}"
            raise UsageError(what, f"an action for each of {', '.join(self._cells)} is needed")
        parts = [
            spaces.checked_cell(actions[agent], self.config, cell, agent)
            for agent, cell in self._cells.items()
            if agent in actions
        ]
        return np.concatenate(parts) if parts else np.zeros(0, np.int8)

    def _views(self) -> Views:
        return {agent: self._region[self._places[agent]] for agent in self.agents}

    def _rewards(self) -> dict[str, float]:
        each, team = paid(self._episode.backend.cells, self.config), self.config.team
        shared = float(each.sum())
        return {agent: team * shared + (1.0 - team) * float(each[self._cells[agent]]) for agent in self.agents}

    def _infos(self) -> dict[str, Info]:
        backend = self._episode.backend
        numbers = summed(backend.cells)
        numbers["mean_overhead"] = self._mean.add(numbers["overhead"], numbers["finished"])
        numbers |= {"fallback": backend.fallback, "lag_s": backend.lag_ns * 1e-9}
        region = {"seed": self._seed, "slot": backend.slot, "missed": backend.missed}
        can_offload = backend.can_offload
        return {
            agent: {
                **region,
                **{key: value[self._cells[agent]].item() for key, value in numbers.items()},
                **self._masks(can_offload[self._ues[agent]]),
            }
            for agent in self.agents
        }
