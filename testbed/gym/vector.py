"""The native batch: W worlds of the twin stepped by one call of compiled code."""

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import ArrayLike, NDArray

from testbed.gym import config as environment_config
from testbed.gym import options as check
from testbed.gym import spaces
from testbed.gym.backend import undecided, worlds
from testbed.gym.config import Options, Source
from testbed.gym.render import RENDER_MODES, render_mode_of
from testbed.gym.seeds import SEED_LIMIT, Seeds, seed_of
from testbed.gym.spec import PortableSpec
from testbed.gym.told import Info, RunningMean, paid, summed
from testbed.gym.world import SingleWorld
from testbed.model.errors import UsageError

VECTOR_OPTIONS = ("backlog_s", "capacity", "copy", "autoreset_mode", "max_episode_steps")


class VectorOptions(Options, total=False):
    """What a batch takes besides the scenario."""

    copy: bool
    autoreset_mode: AutoresetMode | str
    max_episode_steps: int | None


class EdgeOffloadVector(PortableSpec, VectorEnv[NDArray[np.float32], NDArray[np.int8], NDArray[Any]]):
    """``num_envs`` = W regions at once: actions (W, N), observations (W, L), rewards (W,); see `EdgeOffload`.

    Autoreset is *same step* unless ``autoreset_mode`` says ``next_step`` or ``disabled``, as Gymnasium defines them.
    SingleWorld w plays the workload of seed s + w first, and then those of that seed's stream (`testbed.gym.seeds`).
    ``max_episode_steps`` cuts episodes too. With ``copy`` false, observations are overwritten by the next call.
    """

    def __init__(
        self,
        num_envs: int = 1,
        scenario: Source = "region",
        backend: str = "twin",
        render_mode: str | None = None,
        **options: Unpack[VectorOptions],
    ) -> None:
        if backend != "twin":
            raise UsageError(f'a vector of environments has no backend "{backend}"', "it plays on the twin only")
        choices, others = environment_config.split(options)
        check.refuse_unknown(
            others, (*VECTOR_OPTIONS, *environment_config.Choices.__annotations__), "the vector environment"
        )
        self.config = environment_config.make(scenario, **choices)
        self.num_envs = check.count("num_envs", num_envs, 1, "at least 1 is needed")
        self.render_mode = render_mode_of(render_mode)
        self.mode = _mode(others.get("autoreset_mode", AutoresetMode.SAME_STEP))
        self.metadata = {"autoreset_mode": self.mode, "render_modes": list(RENDER_MODES)}
        self._copy = check.flag("copy", others.get("copy", True))
        self._limit = _limit(self.config.episode_slots, others.get("max_episode_steps"))
        self.backlog_ns = np.full(self.num_envs, environment_config.backlog_ns(others.get("backlog_s", 0.0)), np.int64)
        self.twin = worlds(self.config, self.num_envs, others.get("capacity"))
        self.single_action_space: spaces.ActionSpace = spaces.action_space(self.config)
        self.single_observation_space: Box[np.float32] = spaces.observation_space(self.config)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self._unit = spaces.scale(self.config) if self.config.normalize else None
        self._buffer = np.zeros((self.num_envs, *self.single_observation_space.shape), np.float32)
        self._seeds, self.seeds = Seeds(self.num_envs), np.zeros(self.num_envs, np.int64)
        self._mean = RunningMean((self.num_envs,))
        self._ended = np.zeros(self.num_envs, np.bool_)
        self.worlds = [SingleWorld(self, w) for w in range(self.num_envs)]

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: Info | None = None
    ) -> tuple[NDArray[np.float32], Info]:
        """Begin every world, or those of ``options["reset_mask"]`` (bool, W).

        SingleWorld w plays the workload of ``seed`` + w, or of its seed in a list, or (None) the next of its stream.
        """
        self._must_be_open("reset()")
        chosen = self._mask(check.refuse_reset_options(options, ("reset_mask",)).get("reset_mask"))
        if isinstance(seed, (int, np.integer)):
            first = seed_of(seed)
            super().reset(seed=first)
            seed = [(first + w) % SEED_LIMIT for w in range(self.num_envs)]
        workloads = [None] * self.num_envs if seed is None else [None if s is None else seed_of(s) for s in seed]
        if len(workloads) != self.num_envs:
            raise UsageError(f"{len(workloads)} seeds", f"{self.num_envs} are needed, one for each world")
        self._begin(chosen, workloads)
        seen = self._room()
        self._observe(seen, np.ones(self.num_envs, np.bool_))
        return seen, self._masked(self._nothing(), chosen)

    def step(self, actions: ArrayLike) -> tuple[NDArray[np.float32], NDArray[Any], NDArray[Any], NDArray[Any], Info]:
        """Play a slot of every world; ``info`` holds arrays (W,) of what `EdgeOffload` tells of the slot played."""
        self._must_be_open("step()")
        late = self._ended.copy()
        if late.any():
            if self.mode == AutoresetMode.DISABLED:
                where = int(np.flatnonzero(late)[0])
                raise UsageError(f"step(): the episode of world {where} has ended", "reset it (options: reset_mask)")
            self._begin(late)
            fresh = self.seeds.copy()
        twin, config, seen = self.twin, self.config, self._room()
        earned = twin.turn(actions, config.observation, seen)
        if self._unit is not None:
            spaces.to_unit_size(seen, self._unit)
        if late.any():
            self._restart(late, fresh)
            earned[late] = 0
            self._observe(seen, late)
        rewards = paid(earned, config)
        info = self._info_of(summed(earned))
        terminated = (info["slot"] >= config.system.slots) & (info["inside"] == 0) & ~late
        truncated = ~terminated & (info["slot"] >= (self._limit or np.inf)) & ~late
        self._ended = terminated | truncated
        info = self._masked(info, np.ones(self.num_envs, np.bool_))
        if self.mode == AutoresetMode.SAME_STEP and self._ended.any():
            info = self._same_step(info, seen)
        return seen, rewards, terminated, truncated, info

    def _same_step(self, info: Info, seen: NDArray[np.float32]) -> Info:
        """Begin what has ended: its last observation and info go to ``final_obs`` and ``final_info``."""
        ended = self._ended
        final = np.full(self.num_envs, None, object)
        for w in np.flatnonzero(ended):
            final[w] = seen[w].copy()
        last = {key: value if key.startswith("_") else value.copy() for key, value in info.items()}
        for key in [key for key in last if key.startswith("_")]:
            last[key] = ended.copy()
        self._begin(ended)
        self._observe(seen, ended)
        fresh = self._nothing()
        for key, value in fresh.items():
            info[key][ended] = value[ended]
        self._ended = np.zeros(self.num_envs, np.bool_)
        return {**info, "final_obs": final, "_final_obs": ended.copy(), "final_info": last, "_final_info": ended.copy()}

    # Single worlds ---------------------------------------------------------------------------------------------------

    def call(self, name: str, *args: object, **kwargs: object) -> tuple[Any, ...]:
        """What the method or attribute ``name`` of every world returns; see `testbed.gym.world.SingleWorld`."""
        attributes = [getattr(world, name) for world in self.worlds]
        return tuple(one(*args, **kwargs) if callable(one) else one for one in attributes)

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """As `call`, in the manner of Gymnasium's own vectors."""
        return self.call(name)

    def set_attr(self, name: str, values: object) -> None:
        """Set an attribute of every world, from a list or to the same value; ``backlog_s`` can be set."""
        listed = values if isinstance(values, (list, tuple)) else [values] * self.num_envs
        if len(listed) != self.num_envs:
            raise UsageError(f"{len(listed)} values of {name}", f"{self.num_envs} are needed, one for each world")
        for world, value in zip(self.worlds, listed, strict=True):
            setattr(world, name, value)

    def action_masks(self) -> NDArray[np.bool_]:
        """Which choices make a difference now, (W, 2·N); see `EdgeOffload.action_masks`."""
        return spaces.flat_masks(undecided(self.twin), self.config.system.actions)

    def render(self) -> tuple[Any, ...] | None:
        """Every world as text, in the render mode ``ansi``; None without one."""
        return None if self.render_mode is None else tuple(world.render() for world in self.worlds)

    # Beginnings ------------------------------------------------------------------------------------------------------

    def _mask(self, mask: object) -> NDArray[np.bool_]:
        if mask is None:
            return np.ones(self.num_envs, np.bool_)
        chosen = np.asarray(mask)
        if chosen.shape != (self.num_envs,) or chosen.dtype != np.bool_ or not chosen.any():
            needed = f"an array of {self.num_envs} truth values is needed, at least one of them true"
            raise UsageError(f"reset(): reset_mask is {mask!r:.60}", needed)
        return chosen

    def _begin(self, chosen: NDArray[np.bool_], workloads: Sequence[int | None] | None = None) -> None:
        """Begin the ``chosen`` worlds with the workloads ``workloads``, None being the next of a world's stream."""
        seeds = self.seeds.copy()
        for w in np.flatnonzero(chosen).tolist():
            seeds[w] = self._seeds.chosen(w, None if workloads is None else workloads[w])
        self._restart(chosen, seeds)

    def _restart(self, chosen: NDArray[np.bool_], seeds: NDArray[np.int64]) -> None:
        self.seeds = seeds
        for backlog in np.unique(self.backlog_ns[chosen]):
            self.twin.reset(seeds.astype(np.uint64), chosen & (self.backlog_ns == backlog), int(backlog))
        self._mean.begin(chosen)
        self._ended = self._ended & ~chosen

    # What is seen and told -------------------------------------------------------------------------------------------

    def _observe(self, seen: NDArray[np.float32], chosen: NDArray[np.bool_]) -> None:
        self.twin.observe(self.config.observation, seen, chosen)
        if self._unit is not None:
            part = seen[chosen]
            spaces.to_unit_size(part, self._unit)
            seen[chosen] = part

    def _info_of(self, numbers: Info) -> Info:
        zeros = np.zeros(self.num_envs, np.int64)
        return {
            "seed": self.seeds.copy(),
            "slot": self.twin.slot.copy(),
            **numbers,
            "mean_overhead": self._mean.add(numbers["overhead"], numbers["finished"]),
            "inside": self.twin.inside.astype(np.int64),
            "fallback": zeros,
            "lag_s": np.zeros(self.num_envs),
            "missed": zeros.copy(),
            "action_mask": spaces.told_mask(undecided(self.twin), self.config.system.actions),
        }

    def _nothing(self) -> Info:
        """``info`` where no slot has been played."""
        return self._info_of(summed(np.zeros(self.num_envs, self.twin.cells.dtype)))

    def _masked(self, info: Info, chosen: NDArray[np.bool_]) -> Info:
        return info | {f"_{key}": chosen.copy() for key in info}

    def _room(self) -> NDArray[np.float32]:
        """Where the next observations go."""
        return np.empty_like(self._buffer) if self._copy else self._buffer

    def _must_be_open(self, what: str) -> None:
        if self.closed:
            raise UsageError(f"{what}: the environment is closed", "make a new one")


def _mode(chosen: AutoresetMode | str) -> AutoresetMode:
    names = {mode.name.lower(): mode for mode in AutoresetMode}
    if isinstance(chosen, AutoresetMode):
        return chosen
    return names[check.one_of("autoreset_mode", str(chosen).lower(), names)]


def _limit(episode_slots: int, max_episode_steps: object) -> int:
    """After how many slots an episode is cut (0: never)."""
    if max_episode_steps is None:
        return episode_slots
    steps = check.count("max_episode_steps", max_episode_steps, 1, "a number of steps is needed, at least 1")
    return min(steps, episode_slots) if episode_slots else steps
