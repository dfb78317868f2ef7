"""Experience from the twin: rollouts for A3C, transitions for DQN, whole evaluations of a network."""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from controller import acting, network
from controller.a3c import Rollout
from controller.dqn import Transitions
from controller.network import Array
from testbed.model.features import CELL_FEATURES
from testbed.model.system import System
from testbed.twin.build import Source
from testbed.twin.twin import Twin

BACKLOG_NS, FIRST_SEED = 2_000_000_000, 2**32
LAYERS = {acting.A3C: acting.A3C_LAYERS, acting.DQN: acting.DQN_LAYERS}


class Actor(msgspec.Struct, frozen=True):
    """What acts: ``kind`` `acting.A3C` or `acting.DQN`, with its head and, for DQN, its dueling option."""

    kind: int = acting.A3C
    sequential: bool = True
    dueling: bool = True


class Collector:
    """W worlds of one system, played T slots at a time; worlds begin with random backlogs and are renewed now and then.

    Their seeds lie from `FIRST_SEED` on, where nobody evaluates. ``episode`` is the mean number of slots between
    renewals, 0 for none ever; else a world that fills up (of ``capacity`` tasks) is renewed at once. Everything that
    the next rollout depends on is in `state_arrays`, so that a run can be continued exactly.
    """

    def __init__(
        self, system: System, source: Source, worlds: int, slots: int, double: bool, seed: int, actor: Actor,
        episode: int = 500, capacity: int | None = None,
    ) -> None:  # fmt: skip
        self.twin = Twin(system, source, worlds, double, capacity)
        self.twin.use(None)
        self._actor, self._slots, self._episode = actor, slots, episode
        self._rng = np.random.default_rng(seed)
        self._room = self.twin.state.tasks.shape[1]
        rows, cells, f32 = worlds * slots * len(system.ues), len(system.ess), np.float32
        self._features = np.zeros((rows, network.INPUTS), f32)
        self._actions, self._preferences = np.zeros(rows, f32), np.zeros(rows, f32)
        self._where = np.zeros((rows, 2), np.int64)
        self._cells = np.zeros((slots + 1, worlds, cells, CELL_FEATURES), f32)
        self._rewards = np.zeros((slots, worlds), f32)
        self._scratch = np.zeros(acting.SCRATCH, f32)
        self._renew(np.ones(worlds, np.bool_))

    def _renew(self, chosen: NDArray[np.bool_]) -> None:
        seeds = self._rng.integers(FIRST_SEED, 2 * FIRST_SEED, len(chosen))
        self.twin.reset(seeds, chosen, BACKLOG_NS)

    def _renew_tired(self) -> None:
        tired = self._rng.random(self.twin.worlds) < self._slots / self._episode
        tired |= self.twin.inside > self._room // 2
        if tired.any():
            self._renew(tired)

    def rollout(self, flat: Array, explore: float = 1.0) -> tuple[Rollout, NDArray[np.int64]]:
        """The next T slots of every world under the network ``flat``, and each decision's UE, shape (D,).

        The arrays are overwritten by the next call.
        """
        if self._episode:
            self._renew_tired()
        actor, state = self._actor, self.twin.state
        count = acting.act(
            state, self.twin.fixed, actor.kind, flat, LAYERS[actor.kind], actor.dueling, actor.sequential, explore,
            self._features, self._actions, self._preferences, self._where, self._cells, self._rewards, self._scratch,
        )  # fmt: skip
        full = state.status["full"].astype(np.bool_)
        if self._episode and full.any():
            self._renew(full)
        actions, logit = self._actions[:count], self._preferences[:count]
        log_probability = -np.logaddexp(0.0, np.where(actions > 0, -logit, logit)).astype(np.float32)
        rollout = Rollout(
            self._features[:count], actions, log_probability, self._where[:count, 0], np.ones(count, np.float32),
            self._cells, self._rewards,
        )  # fmt: skip
        return rollout, self._where[:count, 1]

    def transitions(self, rollout: Rollout, ues: NDArray[np.int64], gamma: float) -> Transitions:
        """DQN's transitions within a rollout: each UE's decision and its next one."""
        worlds = rollout.rewards.shape[1]
        slot, world = rollout.slot // worlds, rollout.slot % worlds
        order = np.lexsort((slot, ues, world))
        before, after = order[:-1], order[1:]
        same = (ues[before] == ues[after]) & (world[before] == world[after])
        before, after = before[same], after[same]
        power = gamma ** np.arange(len(rollout.rewards) + 1)
        earned = np.concatenate([np.zeros((1, worlds)), np.cumsum(rollout.rewards * power[:-1, None], axis=0)])
        here, there, w = slot[before], slot[after], world[before]
        reward = (earned[there, w] - earned[here, w]) / power[here]
        state, f32 = rollout.features, np.float32
        discount = power[there - here].astype(f32)
        return Transitions(state[before], rollout.actions[before], reward.astype(f32), discount, state[after])

    def state_arrays(self) -> dict[str, Any]:
        """Everything that decides the next rollout, as arrays."""
        arrays = {
            f"twin_{name}": array for name, array in zip(type(self.twin.state)._fields, self.twin.state, strict=True)
        }
        rng = self._rng.bit_generator.state["state"]
        words = [rng["state"] >> 64, rng["state"] & (2**64 - 1), rng["inc"] >> 64, rng["inc"] & (2**64 - 1)]
        return {**arrays, "rng": np.array(words, np.uint64)}

    def load_arrays(self, arrays: dict[str, Any]) -> None:
        """Continue from `state_arrays` of a collector made with the same arguments."""
        for name, array in zip(type(self.twin.state)._fields, self.twin.state, strict=True):
            array[...] = arrays[f"twin_{name}"]
        high, low, inc_high, inc_low = (int(word) for word in arrays["rng"])
        state = dict(self._rng.bit_generator.state)
        state["state"] = {"state": (high << 64) | low, "inc": (inc_high << 64) | inc_low}
        self._rng.bit_generator.state = state
