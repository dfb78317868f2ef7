"""The region as a PettingZoo `ParallelEnv`: one agent for each cell."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.spaces import Box, MultiBinary
from numpy.typing import NDArray
from pettingzoo import ParallelEnv

from testbed.gym import setting as settings_of
from testbed.gym.backend import measured, paid, told
from testbed.gym.env import Episode, Info, backend_of
from testbed.model.errors import UsageError
from testbed.model.schema import Scenario


class EdgeOffloadCells(ParallelEnv):
    """Agents ``cell-1``, ``cell-2``, …; arguments as for `EdgeOffload`.

    An agent's action (N_i,) decides for its cell's UEs; it sees its part of the region's observation. ``agent.team`` of
    the scenario is the weight t of the region's reward: an agent is paid t·(sum over cells) + (1 − t)·(its own cell's).
    """

    metadata = {"name": "edge_offload_v0", "render_modes": []}  # noqa: RUF012 - pettingzoo's own convention

    def __init__(
        self, scenario: str | Path | Scenario = "region", backend: str = "twin", settings: Sequence[str] = (),
        second_offload: bool = True, observation: str | None = None, reward: str | None = None,
        episode_slots: int | None = None, render_mode: str | None = None, **options: Any,
    ) -> None:  # fmt: skip
        self.render_mode = render_mode
        self.setting = settings_of.make(scenario, settings, second_offload, observation, reward, episode_slots)
        self._cells = {f"cell-{es.index + 1}": es.index for es in self.setting.system.ess}
        self._places = {agent: settings_of.places(self.setting, cell) for agent, cell in self._cells.items()}
        self.possible_agents = list(self._cells)
        self.agents: list[str] = []
        region = settings_of.observation_space(self.setting)
        self.state_space = region
        self.observation_spaces = {
            agent: Box(region.low[at], region.high[at], dtype=np.float32) for agent, at in self._places.items()
        }
        self.action_spaces = {
            agent: MultiBinary(len(self.setting.system.cell_ues(cell))) for agent, cell in self._cells.items()
        }
        self._episode = Episode(self.setting, backend_of(backend, self.setting, **options))
        self._region = np.zeros(region.shape, np.float32)

    def observation_space(self, agent: str) -> Box:
        """What ``agent`` sees; always the same object."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> MultiBinary:
        """What ``agent`` may do; always the same object."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, NDArray[np.float32]], dict[str, Info]]:
        """Begin the workload of ``seed``; without one, that after the last (at first the scenario's)."""
        self._region, info = self._episode.reset(seed)
        self.agents = list(self.possible_agents)
        return self._views(), {agent: dict(info) for agent in self.agents}

    def step(
        self, actions: Mapping[str, Any]
    ) -> tuple[
        dict[str, NDArray[np.float32]], dict[str, float], dict[str, bool], dict[str, bool], dict[str, Info]
    ]:  # fmt: skip
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

    def render(self) -> None:
        """There is nothing to draw; `testbed watch` shows runs."""

    def close(self) -> None:
        """End what the backend started; may be called again."""
        self.agents = []
        self._episode.close()

    def _choices(self, actions: Mapping[str, Any]) -> NDArray[np.int8]:
        unknown = [agent for agent in actions if agent not in self._cells]
        missing = [agent for agent in self.agents if agent not in actions]
        if unknown or missing:
            what = f'"{unknown[0]}" is no agent' if unknown else f"no action for {missing[0]}"
            raise UsageError(what, f"an action for each of {', '.join(self._cells)} is needed")
        parts = [
            settings_of.checked_cell(actions[agent], self.setting, cell, agent)
            for agent, cell in self._cells.items()
            if agent in actions
        ]
        return np.concatenate(parts) if parts else np.zeros(0, np.int8)

    def _views(self) -> dict[str, NDArray[np.float32]]:
        return {agent: self._region[self._places[agent]] for agent in self.agents}

    def _rewards(self) -> dict[str, float]:
        each, team = paid(self._episode.backend.cells, self.setting.reward), self.setting.team
        shared = float(each.sum())
        return {agent: team * shared + (1.0 - team) * float(each[self._cells[agent]]) for agent in self.agents}

    def _infos(self) -> dict[str, Info]:
        backend = self._episode.backend
        numbers = told(backend.cells) | measured(backend)
        region = {"slot": backend.slot, "missed": backend.missed}
        return {
            agent: {**region, **{key: value[self._cells[agent]].item() for key, value in numbers.items()}}
            for agent in self.agents
        }
