"""Many worlds of one system at once, stepped slot by slot by given decisions or by policies of their own."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from testbed.model.delay import NEVER
from testbed.model.errors import TestbedError, UsageError
from testbed.model.system import System
from testbed.model.targets import known_actions
from testbed.policy.choosing import PricedAny, Shortest
from testbed.policy.heuristics import Coin, Policy, Priced
from testbed.policy.heuristics import FixedChoice as Constant
from testbed.twin import build, kernels, networks, state
from testbed.twin.noting import Noted
from testbed.twin.observe import sizes

REWARDS = {"holding": state.HOLDING_REWARD, "paper": state.PAPER, "paper-sign": state.PAPER_SIGN}
OBSERVATIONS = {"full": state.FULL_VIEW, "paper": state.PAPERS}
TASKS_PER_UE = 64


class ArenaFullError(TestbedError):
    """A world has more tasks in the system than it has room for: its backlog grows without end, or room is short."""


class Twin:
    """``worlds`` copies of ``system``, their tasks coming from ``source``; ``double`` switches second offload on.

    ``cells`` (W, M) tells what each cell earned in the last call, a record of `state.CELL`: counts of tasks decided,
    offloaded, forwarded, rejected, finished and in time; ``delay_ns``, ``energy_j`` and ``overhead`` summed over
    finished tasks; ``cost`` = λt·(time its tasks spent in the system) + λe·(energy spent) and ``spent_j``, in the slots
    played; ``score`` of the reward ``paper`` or ``paper-sign``. ``capacity`` is the room of one world in tasks, 64 a UE
    by default.
    """

    def __init__(
        self,
        system: System,
        source: build.Source,
        worlds: int = 1,
        *,
        double: bool = False,
        capacity: int | None = None,
        reward: str = "holding",
        recording: bool = False,
    ) -> None:
        if worlds < 1:
            raise UsageError(f"{worlds} worlds", "at least 1 is needed")
        if reward not in REWARDS:
            raise UsageError(f'unknown reward "{reward}"', f"known: {', '.join(REWARDS)}")
        if recording and source.arrivals != state.TABLE_SOURCE:
            raise UsageError("tasks that are drawn as they come have no rows to be recorded in", "give a table of them")
        self.system, self.worlds, self.double = system, worlds, double
        room = TASKS_PER_UE * len(system.ues) if capacity is None else capacity
        self.fixed = build.fixed(system, source, double=double, recording=recording, reward=REWARDS[reward])
        self.state = build.worlds(worlds, self.fixed, room)
        self.cells = self.state.cells
        self._earned = np.zeros(worlds, state.CELL)
        self._nothing = np.zeros((worlds, 1, len(system.ues)), np.int8)
        self._all = np.ones(worlds, np.bool_)
        self._seen: dict[str, NDArray[np.float32]] = {}
        self._begun = False
        self._network: networks.Deciding | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of the state of all worlds."""
        return sum(array.nbytes for array in self.state)

    @property
    def inside(self) -> NDArray[np.int32]:
        """Tasks in the system of each world, shape (W,)."""
        return self.state.status["inside"]

    @property
    def slot(self) -> NDArray[np.int64]:
        """The slot each world is about to decide, shape (W,)."""
        return self.state.status["slot"]

    def use(self, policy: Policy | None, chosen: Any = slice(None)) -> None:
        """Let the ``chosen`` worlds, an index or bool (W,), decide by one of `testbed.policy.heuristics` or a network.

        For None they decide as they are told. All worlds that decide by a network decide by the one used last. Raises
        `UsageError` for a policy that cannot be compiled.
        """
        status = self.state.status
        if policy is None:
            status["policy"][chosen] = state.GIVEN
        elif isinstance(policy, Constant):
            status["policy"][chosen] = state.OFFLOAD_CODE if policy.choice else state.LC_CODE
        elif isinstance(policy, Coin):
            status["policy"][chosen], status["probability"][chosen] = state.COIN, policy.probability
        elif isinstance(policy, Priced):
            status["policy"][chosen] = state.PRICED
            status["beta"][chosen], status["beta0"][chosen] = policy.beta, policy.beta0
        elif isinstance(policy, networks.Network) and networks.is_network(policy, self.system):
            status["policy"][chosen] = state.NETWORK_CODE
            self._network = networks.deciding(policy, self.system, self.worlds)
        elif isinstance(policy, PricedAny):
            status["policy"][chosen], status["probability"][chosen] = state.PRICED_ANY, policy.away
            status["beta"][chosen], status["beta0"][chosen] = policy.beta, policy.beta0
        elif isinstance(policy, Shortest):
            status["policy"][chosen], status["probability"][chosen] = state.SHORTEST, float(policy.sampled)
        else:
            raise UsageError(f"the twin cannot compile {type(policy).__name__}", "give its decisions to step()")

    def reset(self, seeds: ArrayLike, chosen: ArrayLike | None = None, backlog_ns: int = 0) -> None:
        """Begin every world (or the ``chosen``, bool (W,)) at instant 0 with a seed each, shape (W,) or one for all.

        ``backlog_ns`` draws initial queues, uniform up to that length, at UEs and servers.
        """
        given = np.array(np.broadcast_to(np.asarray(seeds, np.uint64), (self.worlds,)))
        which = self._which(chosen)
        if self._network is not None:
            self._network.memory[which] = 0.0
        self._check(kernels.reset(self.state, self.fixed, given, which, int(backlog_ns)))
        self._begun = True

    def step(self, actions: ArrayLike) -> NDArray[Any]:
        """Play one slot with ``actions`` (W, N), 0 local or 1 offload for each UE, or more where agents choose; worlds
        with a policy ignore theirs.

        Returns ``cells``, overwritten by the next call.
        """
        return self._play(self._given(actions)[:, None, :], 1)

    def advance(self, slots: int) -> NDArray[Any]:
        """Play ``slots`` slots, every world by its own policy; returns ``cells`` (W, M), summed over them."""
        return self._play(self._nothing, slots)

    def drain(self, decisions: ArrayLike | None = None) -> NDArray[Any]:
        """Play to the end of the workload and on until no task is left; returns ``cells``, summed over all that.

        ``decisions`` (W, K, N) are those of the slots from 0 on, the last row serving ever after.
        """
        given = self._nothing if decisions is None else self._given(decisions, slots=True)
        return self._play(given, 0, self.system.slots)

    def repeat(self, decisions: NDArray[np.int8], think_ns: NDArray[np.int64]) -> None:
        """Play the only world to its end by ``decisions`` (K, N), by slot, that took ``think_ns`` (K, N) each.

        A decision that took as long as a slot, or a server that may reject, is beyond it: what happens meanwhile would
        come too late.
        """
        self._must_have_begun()
        self._check(kernels.repeat(self.state, self.fixed, decisions, think_ns))

    def note(self, noted: Noted, world: int = 0) -> None:
        """Note the boundary that ``world`` is at."""
        kernels.note(self.state, self.fixed, world, noted)

    def advance_noting(self, noted: Noted, empty: int, until: int = NEVER) -> int:
        """Play the only world by its own policy and note its boundaries, until there is no room for more, slot
        ``until`` is there, or all is over; slots that come after `kernels.EMPTY` boundaries in a row without a task are
        passed over, up to the next one.

        ``empty`` boundaries were without a task so far; returns how many are now.
        """
        self._must_have_begun()
        found = kernels.step_noting(self.state, self.fixed, self._nothing, noted, empty, until, self._network)
        self._check(0 if found < 0 else state.NONE)
        return int(found)

    def pass_over_idle_slots(self) -> None:
        """Let the slots pass in which no world has anything to do, up to the one at whose end the next task comes.

        Servers must have announced that they are idle. It is meant for a table of tasks, and earns nothing.
        """
        status, slot_ns = self.state.status, self.system.slot_ns
        if self.inside.any() or self.state.announced_ns.any():
            return
        next_ns = self.state.ues["next_ns"].min(axis=1)
        slot = np.maximum(status["slot"], -(-np.minimum(next_ns, self.system.end_ns) // slot_ns) - 1)
        status["slot"], status["start_ns"], status["end_ns"] = slot, slot * slot_ns, (slot + 1) * slot_ns

    def hold(self, rows: NDArray[Any], outcomes: NDArray[Any]) -> None:
        """Have these tasks from now on: ``rows`` of a table of which each UE knows its part, and room for ``outcomes``
        (1, R), where what is known of those that were there is kept. There is a single world.
        """
        ues, constants, inside = self.state.ues[0], self.fixed.ues, int(self.inside[0])
        self.fixed = self.fixed._replace(rows=rows if len(rows) else np.zeros(1, state.ROW))
        at = constants["first_row"] + ues["number"]
        to_come = at < constants["last_row"]
        ues["next_ns"] = np.where(to_come, self.fixed.rows["generated_ns"][np.where(to_come, at, 0)], NEVER)
        needed = inside + int((constants["last_row"] - at)[to_come].sum())
        tasks = self.state.tasks
        if needed > tasks.shape[1]:
            larger = np.zeros((1, needed + needed // 2), state.TASK)
            larger[:, : tasks.shape[1]] = tasks
            tasks = larger
        self.state = self.state._replace(tasks=tasks, outcomes=outcomes)

    def turn(self, actions: ArrayLike, kind: str = "full", out: NDArray[np.float32] | None = None) -> NDArray[Any]:
        """As `step` and then `observe` into ``out``, in one go, which is faster.

        Returns a record of `state.CELL` a world, summed over its cells, shape (W,); overwritten by the next call.
        """
        self._must_have_begun()
        return self.turn_checked(self._given(actions)[:, None, :], OBSERVATIONS[kind], self._room_to_see(kind, out))

    def turn_checked(self, given: NDArray[np.int8], kind: int, out: NDArray[np.float32]) -> NDArray[Any]:
        """As `turn`, for a caller that has looked at its arguments: ``given`` is int8 (W, 1, N)."""
        self._check(kernels.turn(self.state, self.fixed, given, kind, self._earned, out))
        return self._earned

    def observe(
        self, kind: str = "full", out: NDArray[np.float32] | None = None, chosen: ArrayLike | None = None
    ) -> NDArray[np.float32]:
        """What the agents (of the ``chosen`` worlds) see before they decide, (W, L), in ``out`` if that is given.

        ``full``: per cell the 8 features of `testbed.policy.features.cell`, then per UE the 22 of ``decision``.
        ``paper``: per cell its UEs' queues, its ES's, the burden signal and the target, one-hot (`observe_paper`).
        Without ``out``, the array is overwritten by the next call.
        """
        seen = self._room_to_see(kind, out)
        self._must_have_begun()
        kernels.look(self.state, self.fixed, OBSERVATIONS[kind], self._which(chosen), seen)
        return seen

    def _room_to_see(self, kind: str, out: NDArray[np.float32] | None) -> NDArray[np.float32]:
        if kind not in OBSERVATIONS:
            raise UsageError(f'unknown observation "{kind}"', f"known: {', '.join(OBSERVATIONS)}")
        shape = (self.worlds, sizes(len(self.system.ues), len(self.system.edge_servers))[kind])
        if out is None:
            out = self._seen.setdefault(kind, np.zeros(shape, np.float32))
        if out.shape != shape or out.dtype != np.float32 or not out.flags.c_contiguous:
            raise UsageError(f"out has shape {out.shape} of {out.dtype}", f"{shape} of float32 is needed, contiguous")
        return out

    def _which(self, chosen: ArrayLike | None) -> NDArray[np.bool_]:
        which = self._all if chosen is None else np.array(chosen, np.bool_)
        if which.shape != (self.worlds,):
            raise UsageError(f"chosen has shape {which.shape}", f"({self.worlds},) is needed")
        return which

    def _must_have_begun(self) -> None:
        if not self._begun:
            raise UsageError("the twin is used before its first reset", "call reset(seeds) first")

    def _play(self, given: NDArray[np.int8], slots: int, until: int = -1) -> NDArray[Any]:
        self._must_have_begun()
        self._check(kernels.step(self.state, self.fixed, given, slots, until, self._network))
        return self.cells

    def _given(self, actions: ArrayLike, *, slots: bool = False) -> NDArray[np.int8]:
        given, ues = np.asarray(actions), len(self.system.ues)
        shape: tuple[Any, ...] = (self.worlds, ues)
        if slots:
            shape = (self.worlds, given.shape[1] if given.ndim == 3 else "slots", ues)
        if given.shape != shape:
            raise UsageError(f"actions have shape {given.shape}", f"{shape} is needed: one for each world and UE")
        right = (given == 0) | (given == 1)
        if self.system.chosen_target:
            right = np.isin(given, np.arange(self.system.actions))
        if not right.all():
            where = tuple(int(i) for i in np.argwhere(~right)[0])
            raise UsageError(f"action {given[where]} at {where}", f"{known_actions(self.system.actions)} is needed")
        return np.array(given, np.int8)

    def _check(self, full: int) -> None:
        if full == state.NONE:
            return
        room, slot = self.state.tasks.shape[1], int(self.slot[full])
        self._begun = False
        raise ArenaFullError(
            f"world {full} holds {room} tasks in slot {slot} and can hold no more",
            "the backlog grows without end under this policy, or give more room (capacity)",
        )
