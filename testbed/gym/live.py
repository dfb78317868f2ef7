"""The environment's other backend: running processes, a slot at a time, on the wall clock.

Time does not wait for whoever decides, with one exception: an episode's clock starts with its first step. From then on
every wall second between an answer and the asks that it answers is charged to the tasks, one to one. What is answered
within the decision timeout is done as told; later, the UEs have fallen back. A step hands out the next slot that half
the decision timeout can still serve: a slow caller loses slots now and then, but never plays in the distant past.
"""

import contextlib
import os
import time
import warnings
import weakref
from collections.abc import Callable
from typing import cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from controller.gather import Gathering
from testbed.gym import players
from testbed.gym.accounting import Accounting
from testbed.gym.backend import Totals
from testbed.gym.config import EnvironmentConfig, emulated
from testbed.gym.observation import observed
from testbed.gym.players import Players
from testbed.live import host_costs, payload, preflight
from testbed.model.errors import LostError
from testbed.model.mdp import CellView
from testbed.model.system import Plan
from testbed.node.socket import SEND_LIMIT
from testbed.protocol.messages import Announce, Ask
from testbed.trace import inputs
from testbed.twin.state import CELL

SILENCE_NS = 5_000_000_000
KEPT_SLOTS = 64
MESSAGES_A_SLOT = 4
_OPEN: "weakref.WeakSet[LiveBackend]" = weakref.WeakSet()


class LiveBackend:
    """Processes that `reset` starts when there are none, and `close`, the collector or the interpreter's end ends.

    ``speed``, ``payload`` (``real`` or ``declared``) and ``decision_timeout_s`` (wall seconds) replace those of the
    scenario. Raises `UsageError` for what they cannot be; `reset` and `step` raise `LostError` when a process dies, and
    have then ended the others: the next `reset` starts anew.
    """

    def __init__(
        self,
        config: EnvironmentConfig,
        speed: float | None = None,
        payload: str | None = None,
        decision_timeout_s: float | None = None,
    ) -> None:
        self._config = emulated(config, speed, payload, decision_timeout_s)
        self._system = self._config.system
        self._players: Players | None = None
        self._warned, self.stepped_ns = False, 0
        self._release: Callable[[], object] | None = None
        self._begin(self._plan(self._system.seed))

    def _begin(self, plan: Plan) -> None:
        system = self._system = plan.system
        self._gathering = Gathering(system)
        self._accounting = Accounting(system, plan.workload, self._config.reward, plan.emulation.speed)
        self._asks: dict[int, dict[str, Ask]] = {}
        self._news: list[Announce] = []
        self._choices: dict[int, NDArray[np.int8]] = {}
        self.cells: NDArray[np.void] = np.zeros(len(system.edge_servers), CELL)
        self.fallback, self.lag_ns = np.zeros((2, len(system.edge_servers)), np.int64)
        self.slot = self.missed = 0
        self._views = self._look(0)

    def _plan(self, seed: int) -> Plan:
        """The episode of workload ``seed``, its UEs telling how tasks end."""
        config, resolved = self._config, self._config.resolved
        scenario = msgspec.structs.replace(config.scenario, seed=seed)
        system = msgspec.structs.replace(resolved.system, seed=seed)
        workload = tuple(inputs.generate(scenario, system))
        plan = Plan(
            system=system,
            workload=workload,
            policy="",
            second_offload=config.second_offload,
            emulation=resolved.emulation,
            learn=True,
        )
        payload.refuse(plan)
        return preflight.fitted(plan, host_costs.known_costs() or host_costs.HostCosts())

    @property
    def totals(self) -> Totals:
        """See `Backend`."""
        return cast(Totals, tuple(self.cells[name].sum().item() for name in CELL.names or ()))

    @property
    def measured(self) -> tuple[int, float]:
        """See `Backend`."""
        return int(self.fallback.sum()), float(self.lag_ns.sum()) * 1e-9

    @property
    def inside(self) -> int:
        """See `Backend`."""
        return self._accounting.inside

    @property
    def actions(self) -> int:
        """See `Backend`."""
        return self._config.system.actions

    @property
    def can_offload(self) -> NDArray[np.bool_]:
        """See `Backend`."""
        return np.array([bool(ue.tasks) and ue.reachable for view in self._views for ue in view.ues], np.bool_)

    def views(self) -> list[CellView]:
        """See `Backend`."""
        return self._views

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by name; empty when none run."""
        return {} if self._players is None else self._players.pids

    def reset(self, seed: int) -> None:
        """See `Backend`. What is left of the episode before is given up; the clock starts with the first step."""
        plan = self._plan(seed)
        if self._players is not None:
            try:
                self._players.turn_to(plan)
            except (LostError, OSError):
                self.close()
        if self._players is None:
            self._enlist(plan)
        self._begin(plan)

    def observe(self) -> NDArray[np.float32]:
        """See `Backend`."""
        return observed(self._views, self._config)

    def close(self) -> None:
        """See `Backend`."""
        if self._release is not None:
            self._release()
        self._players = None
        _OPEN.discard(self)

    def _enlist(self, plan: Plan) -> None:
        """Start the processes, in a folder of their own; whatever happens, `close` or the collector ends them."""
        stack = contextlib.ExitStack()
        self._release = weakref.finalize(self, players.release, stack, os.getpid())
        try:
            self._players = players.started(plan, stack)
            _OPEN.add(self)
        except BaseException:
            self.close()
            raise

    # A slot ----------------------------------------------------------------------------------------------------------

    def step(self, choices: NDArray[np.int8]) -> None:
        """See `Backend`: answers the present slot, if it is not too late, and waits for the next one."""
        assert self._players is not None
        try:
            self._decide(self._players, choices)
            target = max(self.slot + 1, self._servable(self._players))
            self._await(self._players, target)
        except LostError:
            self.close()
            raise
        for slot in range(self.slot, target):
            if slot not in self._choices:
                self._accounting.missed(slot)
                self.missed += 1
        if self.missed:
            self._warn_of_others()
        self.cells, self.fallback, self.lag_ns = self._accounting.settle(target)
        self._views, self.slot = self._look(target), target
        self._forget(target)
        self.stepped_ns = time.monotonic_ns()

    def _warn_of_others(self) -> None:
        """Say so if slots passed because one program steps several testbeds in turn."""
        others = sum(other.stepped_ns > self.stepped_ns for other in _OPEN)
        if others and not self._warned:
            self._warned = True
            warnings.warn(
                f"{self.missed} slots passed without an answer: this program also steps {others} other testbed "
                "environment(s), and no clock waits; give each a process (AsyncVectorEnv, SubprocVecEnv)",
                stacklevel=5,
            )

    def _decide(self, played: Players, choices: NDArray[np.int8]) -> None:
        slot, self.missed = self.slot, 0
        if played.begun:
            self._take(played, 0)
        else:
            played.go()
        think = max(0, time.monotonic_ns() - played.clock.wall_ns(slot * self._system.slot_ns))
        if think > self._system.decision_timeout_ns:
            return self._must_have_heard(think)
        self._choices[slot] = choices
        for ask in self._asks.get(slot, {}).values():
            if ask.tasks:
                played.answer(ask, choices)
        self._accounting.decided(slot, choices)
        for view in self._views:
            self._accounting.expect(view, choices, think)

    def _must_have_heard(self, away_ns: int) -> None:
        """Raises `LostError` if the caller was away for so long that the inbox cannot have held everything."""
        emulation = self._config.resolved.emulation
        slots = away_ns * emulation.speed / self._system.slot_ns
        if slots * emulation.ues_per_process * MESSAGES_A_SLOT > SEND_LIMIT:
            what = f"nobody decided for {away_ns * 1e-9:.0f} s of wall time"
            raise LostError(what, "an episode cannot be left for so long; reset() begins the next one")

    def _servable(self, played: Players) -> int:
        """The first slot whose asks, if they have come, have waited for less than half the decision timeout."""
        since = time.monotonic_ns() - self._system.decision_timeout_ns // 2
        return -(-played.clock.emulated_ns(since) // self._system.slot_ns)

    def _await(self, played: Players, slot: int) -> None:
        """Until every UE has asked and every ES announced for ``slot``, or the gather timeout after the first has."""
        limit = played.clock.wall_ns(slot * self._system.slot_ns) + SILENCE_NS
        limit = max(limit, time.monotonic_ns() + self._system.gather_timeout_ns)
        first = True
        while not self._is_complete(slot):
            if first and slot in self._asks:
                first, limit = False, time.monotonic_ns() + self._system.gather_timeout_ns
            if time.monotonic_ns() >= limit:
                if slot in self._asks:
                    return
                raise LostError(f"no UE has asked in slot {slot} for 5 s", "is the host able to run so many processes?")
            self._take(played, limit)

    def _is_complete(self, slot: int) -> bool:
        """Also hears the announcements up to that slot's, and not later ones."""
        for news in self._news:
            if news.slot <= slot:
                self._gathering.announce(news)
        self._news = [news for news in self._news if news.slot > slot]
        asks = self._gathering.by_cell(self._asks.get(slot, {}))
        return all(self._gathering.is_complete(cell, slot, asks_of_cell) for cell, asks_of_cell in enumerate(asks))

    def _take(self, played: Players, until_ns: int) -> None:
        for outcome in played.hear(until_ns):
            if isinstance(outcome, Announce):
                self._news.append(outcome)
            elif isinstance(outcome, Ask):
                self._asks.setdefault(outcome.slot, {})[outcome.ue] = outcome
                self._accounting.asked(outcome)
                if outcome.tasks and outcome.slot in self._choices:
                    played.answer(outcome, self._choices[outcome.slot])
            else:
                self._accounting.ended(outcome)

    def _look(self, slot: int) -> list[CellView]:
        """The views of all cells, from the asks of ``slot``; in slot 0 nobody has to ask: nothing waits anywhere."""
        system, asks = self._system, dict(self._asks.get(slot, {}))
        for ue in system.ues:
            if ue.name not in asks:
                tasks = self._accounting.waiting(slot, ue.index) if slot == 0 else ()
                asks[ue.name] = Ask(ue=ue.name, slot=slot, at_ns=slot * system.slot_ns, queue_ns=0, tasks=tasks)
        return [
            self._gathering.view(cell, slot, asks_of_cell)
            for cell, asks_of_cell in enumerate(self._gathering.by_cell(asks))
        ]

    def _forget(self, slot: int) -> None:
        """Asks answered, and choices that nobody will ask for any more."""
        self._asks = {at: asks for at, asks in self._asks.items() if at >= slot}
        self._choices = {at: choices for at, choices in self._choices.items() if at >= slot - KEPT_SLOTS}
