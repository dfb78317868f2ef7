"""Experience from the twin: rollouts for A3C, transitions for DQN, whole evaluations of a network."""

from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from controller.learn import acting
from controller.learn.a3c import Rollout
from controller.learn.acting import Recurrent
from controller.learn.dqn import Transitions
from controller.learn.recurrent import Remembered
from testbed.model.errors import UsageError
from testbed.model.system import System
from testbed.policy import network, q_network
from testbed.policy.arrays import fitting
from testbed.policy.features import CELL_FEATURES
from testbed.policy.network import Array, Layout
from testbed.twin import compiled_network, heads, region_head, target_heads
from testbed.twin.build import Source
from testbed.twin.heads import CompiledNetwork, DecisionRule
from testbed.twin.state import CELL
from testbed.twin.twin import Twin

BACKLOG_NS, FIRST_TRAINING_SEED = 2_000_000_000, 2**32
HEAD_KINDS = {"a3c": heads.A3C_CODE, "dqn": heads.DQN_CODE}


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """How networks decide: algorithm ``a3c`` or ``dqn`` with its head, observation ``full`` or ``paper``, and options;
    ``gru_units`` are those of A3C's recurrent core, 0 for none."""

    algorithm: str = "a3c"
    head: str = network.SEQUENTIAL
    observation: str = "full"
    dueling: bool = True
    epsilon: float = 0.0
    gru_units: int = 0

    def rule(self, explore: float, *, double: bool) -> DecisionRule:
        """How it decides, in compiled code, with second offload or without."""
        kind, head = HEAD_KINDS[self.algorithm], network.HEADS.index(self.head)
        return DecisionRule(
            kind=kind,
            head=head,
            paper=self.observation == "paper",
            dueling=self.dueling,
            double=double,
            explore=explore,
            epsilon=self.epsilon,
        )

    def layout(self, system: System) -> Layout:
        """Where its parameters are. Raises `UsageError` for cells that a head for all at once cannot serve."""
        sizes = {len(ues) for ues in system.ues_by_cell()}
        if self.head in (network.JOINT, network.CONTINUOUS) and len(sizes) > 1:
            raise UsageError(f"head {self.head}: cells have different numbers of UEs", "use the head sequential")
        return network.layout(self.head, max(sizes), self.gru_units)


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """``num_envs`` worlds played ``rollout_length`` slots at a time, renewed by ``seed`` every ``episode`` slots on
    average (0: never).

    Without episodes a world's room is for ``capacity`` tasks.
    """

    num_envs: int
    rollout_length: int
    seed: int = 0
    episode: int = 500
    capacity: int | None = None


class Collector:
    """W worlds of one system, played T slots at a time; worlds begin with random backlogs and are renewed now and then.

    Their seeds lie from `FIRST_TRAINING_SEED` on, where no evaluation draws. ``episode`` is the mean number of slots
    between renewals, 0 for none ever; else a world that fills up (of ``capacity`` tasks) is renewed at once. Everything
    that the next rollout depends on is in `state_arrays`, so that a run can be continued exactly. With ``team`` below
    1 each cell is a world of its own to the learner, its reward its own and ``team`` times the others'. ``earned``
    (W, C), records of `testbed.twin.state.CELL`, is what each cell earned in the last rollout.
    """

    def __init__(
        self,
        system: System,
        source: Source,
        sampling: Sampling,
        *,
        double: bool,
        actor: Actor,
        reward: str = "holding",
        team: float = 1.0,
    ) -> None:
        worlds, slots = sampling.num_envs, sampling.rollout_length
        self.twin = Twin(system, source, worlds, double=double, capacity=sampling.capacity, reward=reward)
        self.twin.use(None)
        self._actor, self._slots, self._episode, self._team = actor, slots, sampling.episode, team
        self._rng = np.random.default_rng(sampling.seed)
        self._room = self.twin.state.tasks.shape[1]
        shape, f32 = actor.layout(system), np.float32
        layers = shape.actor if actor.algorithm == "a3c" else q_network.DENSE
        self._layers = np.array(list(layers), np.int64)
        rows, cells = worlds * slots * len(system.ues), len(system.edge_servers)
        self._trace = heads.trace(rows, shape, cells)
        self._region, self._known = region_head.ledger(cells), target_heads.ledger(cells)
        self._cells = np.zeros((slots + 1, worlds, cells, CELL_FEATURES), f32)
        self._rewards = np.zeros((slots, worlds, cells), f32)
        self.earned = np.zeros((worlds, cells), CELL)
        self._cell_of = np.array([ue.cell for ue in system.ues])
        self._scratch = compiled_network.scratch(layers[-1].outputs)
        self._recurrent = Recurrent(
            np.array(list(shape.core), np.int64).reshape(-1, 3),
            np.zeros((slots + 1, worlds, cells, CELL_FEATURES if shape.core else 0), f32),
            np.zeros((worlds, cells, shape.gru_units), f32),
        )
        self._renew(np.ones(worlds, np.bool_))

    def restart(self) -> None:
        """Begin every world anew, on a workload of its own and with empty queues."""
        self._renew(np.ones(self.twin.worlds, np.bool_), backlog_ns=0)

    def _renew(self, chosen: NDArray[np.bool_], backlog_ns: int = BACKLOG_NS) -> None:
        seeds = self._rng.integers(FIRST_TRAINING_SEED, 2 * FIRST_TRAINING_SEED, len(chosen))
        self.twin.reset(seeds, chosen, backlog_ns)
        self._recurrent.memory[chosen] = 0.0

    def _renew_tired(self) -> None:
        tired = self._rng.random(self.twin.worlds) < self._slots / self._episode
        tired |= self.twin.inside > self._room // 2
        if tired.any():
            self._renew(tired)

    def rollout(
        self, params: Array, explore: float = 1.0, slots: int | None = None
    ) -> tuple[Rollout, NDArray[np.int64]]:
        """The next T slots of every world under the network ``params``, and each decision's UE, shape (D,).

        The arrays are overwritten by the next call. ``slots``, at most T, are played instead if they are given.
        """
        length = self._slots if slots is None else slots
        cells, each = self._cells[: length + 1], self._rewards[:length]
        going = self._recurrent._replace(seen=self._recurrent.seen[: length + 1])
        if self._episode:
            self._renew_tired()
        state, trace, memory = self.twin.state, self._trace, self._recurrent.memory.copy()
        count = acting.act(
            worlds=state,
            fixed=self.twin.fixed,
            rule=self._actor.rule(explore, double=self.twin.double),
            net=CompiledNetwork(params, self._layers, self._scratch),
            trace=trace,
            recurrent=going,
            region=self._region,
            known=self._known,
            cells=cells,
            rewards=each,
            earned=self.earned,
        )
        full = state.status["full"].astype(np.bool_)
        if self._episode and full.any():
            self._renew(full)
        actions, ues, slot = trace.actions[:count], trace.where[:count, 1], trace.where[:count, 0]
        rewards = each.sum(axis=2)
        seen, cell = going.seen, self._cell_of[ues]
        if self._team < 1.0:
            mixed = (1.0 - self._team) * each + self._team * rewards[:, :, None]
            rewards, slot = mixed.reshape(len(rewards), -1), slot * cells.shape[2] + cell
            apart = rewards.shape[1], 1
            cells, seen, memory = (x.reshape(*x.shape[:-3], *apart, x.shape[-1]) for x in (cells, seen, memory))
            cell = np.zeros_like(cell)
        rollout = Rollout(
            features=trace.features[:count],
            actions=actions,
            log_probability=self._log_probability(count),
            slot=slot,
            weight=np.ones(count, np.float32),
            cells=cells,
            rewards=rewards,
            remembered=Remembered(memory, seen, cell) if memory.size else None,
        )
        return rollout, ues

    def _log_probability(self, count: int) -> Array:
        """Of what was done, under what was done by (the policy, mixed with a coin)."""
        actions, logits, epsilon = self._trace.actions[:count], self._trace.logits[:count], self._actor.epsilon
        if self._actor.head in (network.JOINT, network.CONTINUOUS, *network.CHOOSING.values()):
            return np.array(logits, np.float32)
        own = -np.logaddexp(0.0, np.where(actions > 0, -logits, logits))
        mixed = np.log((1.0 - epsilon) * np.exp(own) + 0.5 * epsilon) if epsilon else own
        return np.asarray(mixed, np.float32)

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

    def state_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Everything that decides the next rollout, as arrays."""
        arrays = {
            f"twin_{name}": array for name, array in zip(type(self.twin.state)._fields, self.twin.state, strict=True)
        }
        rng = self._rng.bit_generator.state["state"]
        words = [rng["state"] >> 64, rng["state"] & (2**64 - 1), rng["inc"] >> 64, rng["inc"] & (2**64 - 1)]
        memory = {"memory": self._recurrent.memory} if self._recurrent.memory.size else {}
        return {**arrays, **memory, "rng": np.array(words, np.uint64)}

    def load_arrays(self, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue from `state_arrays` of a collector made with the same arguments; `InvalidError` for any other."""
        for name, array in zip(type(self.twin.state)._fields, self.twin.state, strict=True):
            array[...] = fitting(arrays, f"twin_{name}", array)
        if self._recurrent.memory.size:
            self._recurrent.memory[...] = fitting(arrays, "memory", self._recurrent.memory)
        high, low, inc_high, inc_low = (int(word) for word in fitting(arrays, "rng", np.zeros(4, np.uint64)))
        state = dict(self._rng.bit_generator.state)
        state["state"] = {"state": (high << 64) | low, "inc": (inc_high << 64) | inc_low}
        self._rng.bit_generator.state = state
