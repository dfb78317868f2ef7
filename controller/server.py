"""The controller's core (sans-IO): gathers a cell's asks and the announcements of a slot, and answers with a policy."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Protocol, runtime_checkable

import msgspec

from controller import crowds
from controller.gather import Gathering
from testbed.model import random
from testbed.model.fallback import fallback_choices
from testbed.model.learning import LEARNER
from testbed.model.mdp import CellView
from testbed.model.system import EPOCH_ARRIVAL, System
from testbed.model.task import DECIDE, FAULT, Task
from testbed.policy.choosing import Heuristic
from testbed.policy.heuristics import Policy, checked, watching
from testbed.policy.planned import Planned, Regional, regional
from testbed.protocol.actions import Action, Alarm, Lost, Record, Send, Wake
from testbed.protocol.crowd_messages import Asks
from testbed.protocol.lives import Lives
from testbed.protocol.messages import Announce, Ask, Decision, Down, Seen, Up
from testbed.protocol.rows import policy_error

Decide = Callable[[CellView, object], dict[str, int]]


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
    """Whether all UEs have to ask ``policy`` in every slot: it learns or remembers, or waits for all of them."""
    if watching(policy) is not None or regional(policy) is not None:
        return True
    return isinstance(policy, (LearningPolicy, Planned))


class DecisionServer:
    """Answers every cell from one policy; ``from_ns`` is the instant this incarnation serves from."""

    name = "controller"

    def __init__(self, system: System, policy: Policy, incarnation: int = 0, from_ns: int = 0) -> None:
        self.system, self.policy = system, policy
        self._learning = policy if isinstance(policy, LearningPolicy) else None
        self._watching, self._regional = watching(policy), regional(policy)
        self.incarnation, self._from_ns = incarnation, from_ns
        self._told = Gathering(system)
        self._lives = Lives()
        self._gathering: dict[tuple[int, int], dict[str, Ask]] = {}
        self._last_slot = [-1] * len(system.edge_servers)
        self._crowd_of: dict[str, str] = {}

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
                return self._asked(now_ns, self._told.cell_of[event.ue], event.slot, {event.ue: event})
            case Asks():
                asks = crowds.asks_of(self.system, event)
                self._crowd_of |= dict.fromkeys(asks, event.crowd)
                return self._asked(now_ns, self.system.ues[event.ues[0]].cell, event.slot, asks)
            case Announce():
                self._told.announce(event)
                return self._decide_complete(now_ns)
            case GatherExpired():
                return self._expired(now_ns, event.cell, event.slot)
            case Down():
                return self._down(now_ns, event)
            case Lost() | Up():
                self._note(event)
        return []

    def waits_for(self, alarm: object) -> bool:
        """Whether it still waits for what ``alarm`` would end."""
        return isinstance(alarm, GatherExpired) and (alarm.cell, alarm.slot) in self._gathering

    def _down(self, now_ns: int, down: Down) -> list[Action]:
        self._note(down)
        lost = Lost(down.name, down.at_ns, down.incarnation)
        at = down.at_ns + self.system.detection_ns
        return [Wake(at, FAULT, lost), *self._decide_complete(now_ns)]

    def _note(self, event: Down | Lost | Up) -> None:
        """Somebody died, this was detected, or it serves again."""
        gathering, name = self._told, event.name
        self._lives.take(event)
        (gathering.dead.add if self._lives.is_down(name) else gathering.dead.discard)(name)
        if name in gathering.es_index:
            (gathering.es_lost.add if self._lives.is_lost(name) else gathering.es_lost.discard)(
                gathering.es_index[name]
            )

    def _asked(self, now_ns: int, cell: int, slot: int, new: dict[str, Ask]) -> list[Action]:
        if self.system.epoch == EPOCH_ARRIVAL:
            return self._answer(now_ns, cell, slot, new)
        if slot <= self._last_slot[cell]:
            return self._answer(now_ns, cell, slot, new) if any(ask.tasks for ask in new.values()) else []
        asks = self._gathering.get((cell, slot))
        actions: list[Action] = []
        if asks is None:
            asks = self._gathering[cell, slot] = {}
            actions.append(Alarm(self.system.gather_timeout_ns, GatherExpired(cell, slot)))
        asks |= new
        return [*actions, *self._decide_if_complete(now_ns, cell, slot)]

    def _decide_complete(self, now_ns: int) -> list[Action]:
        actions: list[Action] = []
        for cell, slot in list(self._gathering):
            actions += self._decide_if_complete(now_ns, cell, slot)
        return actions

    def _decide_if_complete(self, now_ns: int, cell: int, slot: int) -> list[Action]:
        """Decide a cell as soon as there is nothing to wait for; a policy of the whole region waits for all cells."""
        awaited = [cell] if self._regional is None else self._told.cells
        if all(self._told.is_complete(one, slot, self._gathering.get((one, slot), {})) for one in awaited):
            return self._expired(now_ns, cell, slot)
        return []

    def _expired(self, now_ns: int, cell: int, slot: int) -> list[Action]:
        """Wait no longer."""
        if self._regional is not None:
            return self._decide_region(now_ns, slot, self._regional)
        return self._decide(now_ns, cell, slot)

    def _decide_region(self, now_ns: int, slot: int, policy: Regional) -> list[Action]:
        """Decide all cells together, as far as their UEs have asked; who comes later is on its own."""
        asks = {cell: self._gathering.pop((cell, slot), {}) for cell in self._told.cells}
        self._last_slot = [max(last, slot) for last in self._last_slot]
        views = [self._told.view(cell, slot, own) for cell, own in asks.items() if own]
        if not any(ask.tasks for own in asks.values() for ask in own.values()):
            return []
        decide = _planned(policy, views)
        actions: list[Action] = []
        for cell, own in asks.items():
            actions += self._answer(now_ns, cell, slot, own, decide)
        return actions

    def _decide(self, now_ns: int, cell: int, slot: int) -> list[Action]:
        asks = self._gathering.pop((cell, slot), None)
        if asks is None:
            return []
        self._last_slot[cell] = max(self._last_slot[cell], slot)
        return self._answer(now_ns, cell, slot, asks)

    def _answer(
        self, now_ns: int, cell: int, slot: int, asks: dict[str, Ask], decide: Decide | None = None
    ) -> list[Action]:
        asking = any(ask.tasks for ask in asks.values())
        if not asking and self._learning is None and self._watching is None:
            return []
        view = self._told.view(cell, slot, asks)
        if not asking and self._watching is not None:
            return self._show(now_ns, view)
        actions, choices, fallback = (
            self._choose(now_ns, view, decide or self.policy.decide) if asking else ([], {}, "")
        )
        seen = self._learning.account(view) if self._learning is not None else None
        chose = {chose.ue: chose.log_probability for chose in seen.chose} if seen is not None else {}
        version = seen.version if seen is not None else 0
        decisions: list[tuple[int, Decision]] = []
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
                decisions.append((ue.index, decision))
        actions += crowds.answers(now_ns, decisions, self._crowd_of)
        return actions if seen is None else [*actions, Send(to=LEARNER, body=seen, at_ns=now_ns, phase=DECIDE)]

    def _choose(self, now_ns: int, view: CellView, decide: Decide) -> tuple[list[Action], dict[str, int], str]:
        """The policy's choices, or the fallback's with an event for the record and why."""
        rng = None
        if not isinstance(self.policy, Heuristic):  # these draw nothing from it, and it takes long to make
            rng = Random(random.hash_key(self.system.seed, random.POLICY, view.cell, view.slot, 1))
        try:
            return [], checked(decide(view, rng), view), ""
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


def _planned(policy: Regional, views: Sequence[CellView]) -> Decide:
    """What ``policy`` decides for all of ``views``, to be asked for each of them; an error is raised there."""
    try:
        chosen = policy.decide_region(views)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong in planning, the run goes on
        failure = error

        def fail(view: CellView, rng: object) -> dict[str, int]:
            raise failure

        return fail
    return lambda view, rng: chosen
