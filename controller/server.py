"""The controller's core (sans-IO): gathers a cell's asks and the announcements of a slot, and answers with a policy."""

from collections.abc import Sequence
from random import Random
from typing import Protocol, runtime_checkable

import msgspec

from controller.gather import Gathering
from testbed.model import random
from testbed.model.fallback import fallback_choices
from testbed.model.learning import LEARNER
from testbed.model.mdp import CellView
from testbed.model.system import EPOCH_ARRIVAL, System
from testbed.model.task import Phase, Task
from testbed.policy.heuristics import Policy, checked, watching
from testbed.protocol.actions import Action, Alarm, Lost, Record, Send, Wake
from testbed.protocol.lives import Lives
from testbed.protocol.messages import Announce, Ask, Decision, Down, Seen, Up
from testbed.protocol.rows import policy_error


class GatherExpired(msgspec.Struct, frozen=True):
    """Event: the gather timeout of a cell's slot has passed."""

    cell: int
    slot: int


@runtime_checkable
class LearningPolicy(Protocol):
    """A policy whose learner is told what it saw and did; how that ended, the UEs tell."""

    def account(self, cell: CellView) -> Seen:
        """What there was to see in ``cell``, and what was just decided there."""


def looks_on(policy: object) -> bool:
    """Whether ``policy`` is to see every slot, because it learns or remembers."""
    return isinstance(policy, LearningPolicy) or watching(policy) is not None


class DecisionServer:
    """Answers every cell from one policy; ``from_ns`` is the instant this incarnation serves from."""

    name = "controller"

    def __init__(self, system: System, policy: Policy, incarnation: int = 0, from_ns: int = 0) -> None:
        self.system, self.policy = system, policy
        self._learning = policy if isinstance(policy, LearningPolicy) else None
        self._watching = watching(policy)
        self.incarnation, self._from_ns = incarnation, from_ns
        self._told = Gathering(system)
        self._lives = Lives()
        self._gathering: dict[tuple[int, int], dict[str, Ask]] = {}
        self._last_slot = [-1] * len(system.edge_servers)

    def begin(self) -> list[Action]:
        """No actions: the server only answers."""
        return []

    def revise(self, now_ns: int, system: System, tasks: Sequence[Task]) -> list[Action]:
        """See `testbed.protocol.actions.Core`."""
        self.system = system
        self._told.revise(system)
        return []

    def handle(self, now_ns: int, event: object) -> list[Action]:
        """See `testbed.protocol.actions.Core`."""
        match event:
            case Ask():
                return self._asked(now_ns, event)
            case Announce():
                self._told.announce(event)
                return self._decide_complete(now_ns)
            case GatherExpired():
                return self._decide(now_ns, event.cell, event.slot)
            case Down():
                return self._down(now_ns, event)
            case Lost() | Up():
                self._note(event)
        return []

    def _down(self, now_ns: int, down: Down) -> list[Action]:
        self._note(down)
        lost = Lost(down.name, down.at_ns, down.incarnation)
        at = down.at_ns + self.system.detection_ns
        return [Wake(at, Phase.FAULT, lost), *self._decide_complete(now_ns)]

    def _note(self, event: Down | Lost | Up) -> None:
        """Somebody died, this was detected, or it serves again."""
        gathering, name = self._told, event.name
        self._lives.take(event)
        (gathering.dead.add if self._lives.is_down(name) else gathering.dead.discard)(name)
        if name in gathering.es_index:
            (gathering.es_lost.add if self._lives.is_lost(name) else gathering.es_lost.discard)(
                gathering.es_index[name]
            )

    def _asked(self, now_ns: int, ask: Ask) -> list[Action]:
        cell = self._told.cell_of[ask.ue]
        if self.system.epoch == EPOCH_ARRIVAL:
            return self._answer(now_ns, cell, ask.slot, {ask.ue: ask})
        if ask.slot <= self._last_slot[cell]:
            return self._answer(now_ns, cell, ask.slot, {ask.ue: ask}) if ask.tasks else []
        key = (cell, ask.slot)
        actions: list[Action] = []
        if key not in self._gathering:
            self._gathering[key] = {}
            actions.append(Alarm(self.system.gather_timeout_ns, GatherExpired(cell, ask.slot)))
        self._gathering[key][ask.ue] = ask
        if self._told.is_complete(cell, ask.slot, self._gathering[cell, ask.slot]):
            actions += self._decide(now_ns, cell, ask.slot)
        return actions

    def _decide_complete(self, now_ns: int) -> list[Action]:
        actions: list[Action] = []
        for (cell, slot), asks in list(self._gathering.items()):
            if self._told.is_complete(cell, slot, asks):
                actions += self._decide(now_ns, cell, slot)
        return actions

    def _decide(self, now_ns: int, cell: int, slot: int) -> list[Action]:
        asks = self._gathering.pop((cell, slot), None)
        if asks is None:
            return []
        self._last_slot[cell] = max(self._last_slot[cell], slot)
        return self._answer(now_ns, cell, slot, asks)

    def _answer(self, now_ns: int, cell: int, slot: int, asks: dict[str, Ask]) -> list[Action]:
        asking = any(ask.tasks for ask in asks.values())
        if not asking and self._learning is None and self._watching is None:
            return []
        view = self._told.view(cell, slot, asks)
        if not asking and self._watching is not None:
            return self._show(now_ns, view)
        actions, choices, fallback = self._choose(now_ns, view) if asking else ([], {}, "")
        seen = self._learning.account(view) if self._learning is not None else None
        chose = {chose.ue: chose.log_probability for chose in seen.chose} if seen is not None else {}
        version = seen.version if seen is not None else 0
        for ue in view.ues:
            if ue.tasks:
                decision = Decision(
                    ue=ue.name,
                    slot=slot,
                    choice=choices[ue.name],
                    version=version,
                    log_probability=chose.get(ue.index, 0.0),
                    fallback=fallback,
                    asked_ns=asks[ue.name].at_ns,
                )
                actions.append(Send(to=ue.name, body=decision, at_ns=now_ns, phase=Phase.DECIDE, ue=ue.index))
        return actions if seen is None else [*actions, Send(to=LEARNER, body=seen, at_ns=now_ns, phase=Phase.DECIDE)]

    def _choose(self, now_ns: int, view: CellView) -> tuple[list[Action], dict[str, int], str]:
        """The policy's choices, or the fallback's with an event for the record and why."""
        rng = Random(random.hash_key(self.system.seed, random.POLICY, view.cell, view.slot, 1))
        try:
            return [], checked(self.policy.decide(view, rng), view), ""
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a user's policy may raise anything; the run goes on
            choices = fallback_choices(self.system, view)
            return [self._failed(now_ns, view, error)], choices, "policy error"

    def _show(self, now_ns: int, view: CellView) -> list[Action]:
        """Let a policy that remembers see a slot in which there is nothing to decide."""
        assert self._watching is not None
        try:
            self._watching.see(view)
        except Exception as error:  # noqa: BLE001 - as above
            return [self._failed(now_ns, view, error)]
        return []

    def _failed(self, now_ns: int, view: CellView, error: BaseException) -> Record:
        return Record(policy_error(now_ns, self.name, view.cell, view.slot, error))
