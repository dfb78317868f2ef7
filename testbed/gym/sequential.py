"""`EdgeOffloadSequential-v0`: one UE after another, two actions, so that DQN and its kin can play.

A slot is as many steps as UEs have something to decide. Each step sees what was already sent in its slot.
"""

from typing import Any, Unpack

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete
from numpy.typing import NDArray

from testbed.gym import config as environment_config
from testbed.gym import spaces
from testbed.gym.config import Options, Source
from testbed.gym.episode import Episode, backend_of
from testbed.gym.render import RENDER_MODES, render_mode_of, rendered
from testbed.gym.seeds import seed_of
from testbed.gym.spec import PortableSpec
from testbed.gym.told import Info, RegionInfo, payment
from testbed.model.errors import UsageError
from testbed.model.mdp import CellView, UeView
from testbed.model.targets import known_actions
from testbed.model.task import OFFLOAD
from testbed.policy.features import CELL_FEATURES, DECISION_FEATURES
from testbed.policy.learned import cell_features, decision_features

OBSERVED = DECISION_FEATURES + CELL_FEATURES
COUNTED = ("decided", "offloaded", "forwarded", "rejected", "finished", "hits", "fallback", "missed")
SUMMED = ("energy_j", "overhead", "delay_s", "lag_s")


class EdgeOffloadSequential(PortableSpec, gymnasium.Env[NDArray[np.float32], np.int64]):
    """One UE with undecided tasks at a time: action 0 local or 1 offload, observation (30,) of that UE and its cell.

    The observation is the 22 numbers of the UE in ``full`` (with what UEs before it send, and what those after it still
    have to decide), then the 8 of its cell. A slot's reward is paid with its last decision; slots without any are
    passed, and paid with the decision before. ``info["ue"]`` is the index of who decides next, -1 when nobody does.
    Arguments as for `EdgeOffload`, but that there is one observation and one kind of action.
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
        for name in ("actions", "observation"):
            if choices.get(name) is not None:
                raise UsageError(
                    f"{name} is {choices.get(name)!r}", "one UE at a time has one kind of it; leave it out"
                )
        self.render_mode = render_mode_of(render_mode)
        choices["observation"] = "full"
        self.config = environment_config.make(scenario, **choices)
        self.action_space = Discrete(self.config.system.actions)
        self.observation_space = self._space()
        self._episode = Episode(self.config, backend_of(backend, self.config, **others))
        self._region_info = RegionInfo()
        self._paid, self._scale = payment(self.config)
        self._repeats = backend == "twin"
        self._double = self.config.second_offload and len(self.config.system.edge_servers) > 1
        self._choices = np.zeros(len(self.config.system.ues), np.int8)
        self._asking: list[tuple[CellView, UeView]] = []
        self._sent, self._info = 0, Info()
        self._ends, self._ended_at_once = (False, False), False

    def _space(self) -> Box[np.float32]:
        """The bounds of the first UE and its cell, which are those of all."""
        region, at = spaces.observation_space(self.config), len(self.config.system.edge_servers) * CELL_FEATURES
        low, high = (
            np.r_[side[at : at + DECISION_FEATURES], side[:CELL_FEATURES]] for side in (region.low, region.high)
        )
        unit = spaces.scale(self.config)
        self._unit = np.r_[unit[at : at + DECISION_FEATURES], unit[:CELL_FEATURES]]
        return Box(low, high, dtype=np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], Info]:
        """Begin the workload of ``seed``; without one, the next of its stream (`testbed.gym.seeds`)."""
        super().reset(seed=None if seed is None else seed_of(seed))
        self._region_info.begin(self._episode.reset(seed, options)[1])
        self._info, self._ends = self._region_info.info(self._episode.backend), (False, False)
        self._look()
        if not self._asking:
            self._play()
        self._ended_at_once = any(self._ends)
        return self._observe(), self._named(self._info)

    def step(self, action: np.int64 | int) -> tuple[NDArray[np.float32], float, bool, bool, Info]:
        """Decide for one UE; raises `UsageError` for a wrong action or outside an episode."""
        self._episode.must_be_open()
        if not self._asking:
            return self._nobody_asks()
        if np.ndim(action) or action not in range(self.config.system.actions):
            known = known_actions(self.config.system.actions)
            raise UsageError(f"the action is {action!r:.60}", f"{known} is needed")
        view, ue = self._asking.pop(0)
        self._choices[ue.index] = action
        self._sent += int(action == OFFLOAD) * _cycles(ue)
        reward = 0.0 if self._asking else self._play()
        if self._asking and self._asking[0][0].cell != view.cell:
            self._sent = 0
        info = self._named(self._info)
        self._info = {**self._info, **dict.fromkeys(COUNTED, 0), **dict.fromkeys(SUMMED, 0.0)}
        return self._observe(), reward, *self._ends, info

    def _nobody_asks(self) -> tuple[NDArray[np.float32], float, bool, bool, Info]:
        """A workload without tasks ends with its first step; every other step is outside an episode."""
        if not self._ended_at_once:
            self._episode.step(self._choices)
        self._ended_at_once = False
        return self._observe(), 0.0, *self._ends, self._named(self._info)

    def _play(self) -> float:
        """Play slots until a UE has something to decide, or the episode has ended; returns what they paid."""
        reward, info = 0.0, self._info
        while not self._asking and not any(self._ends):
            self._ends = self._episode.step(self._choices)[1:]
            self._choices = np.zeros_like(self._choices)
            reward += self._episode.backend.totals[self._paid] * self._scale
            slot_info = self._region_info.info(self._episode.backend)
            info = slot_info | {key: info[key] + slot_info[key] for key in (*COUNTED, *SUMMED)}
            if not any(self._ends):
                self._look()
        self._info = info
        return reward

    def _look(self) -> None:
        """Who has something to decide now."""
        self._sent = 0
        self._asking = [(view, ue) for view in self._episode.backend.views() for ue in view.ues if ue.tasks]

    def _observe(self) -> NDArray[np.float32]:
        if not self._asking:
            return np.zeros(OBSERVED, np.float32)
        view, ue = self._asking[0]
        later = sum(_cycles(other) for cell, other in self._asking[1:] if cell.cell == view.cell)
        features = decision_features(view, ue, view.edge_servers[view.cell], self._sent, later, double=self._double)
        seen = np.array((*features, *cell_features(view)), np.float32)
        if self.config.normalize:
            spaces.to_unit_size(seen, self._unit)
        return seen

    def _named(self, info: Info) -> Info:
        ue = self._asking[0][1].index if self._asking else -1
        return {**info, "ue": ue, "action_mask": self.action_masks().view(np.int8)}

    def action_masks(self) -> NDArray[np.bool_]:
        """Local, and everything else unless the UE that is asked cannot reach its edge server, (2,) or more."""
        possible = np.ones(self.config.system.actions, np.bool_)
        possible[1:] = not self._asking or self._asking[0][1].reachable
        return possible

    def render(self) -> str | None:
        """The region as text, in the render mode ``ansi``; None without one."""
        return rendered(self.render_mode, self._episode.backend.views)

    def close(self) -> None:
        """End what the backend started; may be called again."""
        self._episode.close()


def _cycles(ue: UeView) -> int:
    return sum(task.cycles for task in ue.tasks)
