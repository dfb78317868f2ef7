"""One run on the twin, recorded task by task: what the simulation records, at the twin's speed."""

from collections.abc import Iterable, Iterator, Mapping
from random import Random
from typing import Any

import msgspec
import numpy as np

from testbed.model import random
from testbed.model.delay import NEVER
from testbed.model.fallback import fallback_choices
from testbed.model.mdp import CellView
from testbed.model.system import CONTROLLER, Plan, System
from testbed.model.task import TaskTable
from testbed.policy.choosing import Heuristic
from testbed.policy.heuristics import Policy, checked, watching
from testbed.policy.planned import Regional, regional
from testbed.protocol.disturbances import disturbance_events
from testbed.protocol.rows import EventRow, TaskRow, policy_error
from testbed.protocol.stretch import Stretch, joined
from testbed.protocol.table import ColumnTable
from testbed.twin import build, refusals, rows
from testbed.twin.boundaries import Notes
from testbed.twin.kernels import EMPTY
from testbed.twin.link_rows import Transmissions
from testbed.twin.networks import is_network
from testbed.twin.twin import Twin
from testbed.twin.views import cell_view
from testbed.twin.window import Window

Decisions = Mapping[tuple[int, int], int]
STRETCH_ROWS = 1 << 16


def run(plan: Plan, policy: Policy | None, recorded: Decisions | None = None) -> Stretch:
    """Run ``plan`` to the end of its drain, deciding by ``policy`` or as ``recorded`` by (UE index, slot).

    Heuristics and networks decide in compiled code; any other policy is called with each view.
    Raises `ScenarioError` for what the twin cannot express.
    """
    made = list(stretches(plan, policy, [TaskTable.of(plan.workload)], recorded))
    return made[0] if len(made) == 1 else joined(made)


def stretches(
    plan: Plan, policy: Policy | None, parts: Iterable[TaskTable], recorded: Decisions | None = None
) -> Iterator[Stretch]:
    """As `run`, a stretch after another: the tasks of the workload come as ``parts``, none before those of the part
    before, and each time its rows are given as far as they are known.

    Put together, stretches are the record of the whole run, in its order, however they are cut. What is in memory is
    one part, what is under way, and the tasks since the first that is. ``plan.workload`` is not looked at.
    """
    refusals.refuse_faults(plan)
    nothing = build.table(plan.system, ())
    twin = Twin(plan.system, nothing, double=plan.second_offload, capacity=1, recording=True)
    return _Player(twin, plan, policy, recorded).stretches(parts)


def is_compiled(policy: Policy | None, system: System) -> bool:
    """Whether the twin decides ``system`` by ``policy`` in compiled code."""
    return isinstance(policy, Heuristic) or is_network(policy, system)


def _until_last(parts: Iterable[TaskTable]) -> Iterator[tuple[TaskTable, bool]]:
    """Each of ``parts``, and whether it is the last one."""
    coming = iter(parts)
    part = next(coming, None)
    while part is not None:
        after = next(coming, None)
        yield part, after is None
        part = after


class Outcomes(msgspec.Struct, kw_only=True):
    """What became of every task, in (UE, number) order: arrays (R,), all finished; instants and durations in ns."""

    generated_ns: Any
    finished_ns: Any
    deadline_ns: Any
    energy_j: Any
    overhead: Any


def outcomes(plan: Plan, policy: Policy, source: build.Source) -> Outcomes:
    """As `run`, of a compiled policy and tasks that `build.table` has taken: the ends of tasks alone, without rows."""
    refusals.refuse_faults(plan)
    twin = Twin(plan.system, source, double=plan.second_offload, capacity=max(1, len(source.rows)), recording=True)
    twin.use(policy)
    twin.reset(plan.system.seed)
    twin.drain()
    table, found = twin.fixed.rows[: len(source.rows)], twin.state.outcomes[0][: len(source.rows)]
    return Outcomes(
        generated_ns=table["generated_ns"],
        finished_ns=found["finished_ns"],
        deadline_ns=table["deadline_ns"],
        energy_j=found["energy_j"],
        overhead=found["overhead"],
    )


class _Player:
    def __init__(self, twin: Twin, plan: Plan, policy: Policy | None, recorded: Decisions | None) -> None:
        self.twin, self.plan, self.policy, self.recorded = twin, plan, policy, recorded
        self.own = recorded is None and is_compiled(policy, plan.system)
        self.watching, self.regional = watching(policy), regional(policy)
        self.failed: set[tuple[int, int]] = set()
        self.events: list[EventRow] = []
        self.notes = Notes(twin)
        self.window = Window(twin)
        self.transmissions = Transmissions(plan.system)
        self.empty = 0
        self.last_ns = 0

    def stretches(self, parts: Iterable[TaskTable]) -> Iterator[Stretch]:
        """See the function of that name. What happens up to an instant is known when later tasks have come."""
        slot_ns, begun = self.plan.system.slot_ns, False
        for part, is_last in _until_last(part for part in parts if len(part)):
            self._add(part)
            known_ns = self.window.last_ns - 1
            if not begun and (known_ns >= 0 or is_last):
                begun = True
                self._begin()
            if begun and not is_last:
                yield from self._play(until=known_ns // slot_ns)
        if not begun:
            self._begin()
        yield from self._play(until=None)
        yield self._last()

    def _begin(self) -> None:
        self.twin.use(self.policy if self.own else None)
        self.twin.reset(self.plan.system.seed)
        self.notes.note()

    def _add(self, part: TaskTable) -> None:
        build.check_table(self.plan.system, part)
        self.window.add({name: np.frombuffer(column, np.int64) for name, column in part.columns.items()})

    def _play(self, until: int | None) -> Iterator[Stretch]:
        """Play up to slot ``until``, or to the end of the drain; gives what has become known on the way, if it is
        much."""
        while not self._is_there(until):
            if self.own:
                limit = NEVER if until is None else until
                self.empty = self.twin.advance_noting(self.notes.noted, self.empty, limit)
                self.notes.settle_when_full()
            else:
                self._step(until)
            if len(self.notes) > STRETCH_ROWS:
                yield self._so_far()
        if until is not None:
            yield self._so_far()

    def _step(self, until: int | None) -> None:
        """Play a slot, unless ``until`` comes first, by decisions that are asked for."""
        self.empty = self.empty + 1 if self.twin.inside[0] == 0 else 0
        self._pass_over_idle_slots()
        if until is None or not self._is_there(until):
            self.twin.step(self._decide(int(self.twin.slot[0])))
            self.notes.note()

    def _is_there(self, until: int | None) -> bool:
        """Whether slot ``until`` has been reached or, for None, all is over."""
        if until is not None:
            return int(self.twin.slot[0]) >= until
        return int(self.twin.slot[0]) > self.plan.system.slots and int(self.twin.inside[0]) == 0

    def _so_far(self) -> Stretch:
        """What has become known since the last time."""
        tasks = self._ended()
        slots, ue_slots = self.notes.take()
        events, self.events = self.events, []
        return Stretch(
            tasks=tasks,
            slots=slots,
            ue_slots=ue_slots,
            links=self.transmissions.take(self.window.open_ns),
            end_ns=int(self.twin.state.status["start_ns"][0]),
            open_ns=self.window.open_ns,
            events=events,
        )

    def _ended(self) -> ColumnTable[TaskRow]:
        ended = rows.task_rows(self.plan.system, *self.window.take(), self.failed)
        if len(ended):
            self.last_ns = max(self.last_ns, int(ended.ints("finished_ns").max()))
        self.transmissions.add(ended)
        return ended

    def _last(self) -> Stretch:
        """What is left when all is over."""
        tasks = self._ended()
        slots, ue_slots = self.notes.take()
        end = max(self.plan.system.end_ns, self.last_ns)
        return Stretch(
            tasks=tasks,
            slots=slots.take(slots.ints("at_ns") <= end),
            ue_slots=ue_slots,
            links=self.transmissions.take(),
            end_ns=end,
            open_ns=NEVER,
            events=[*self.events, *(event for event in disturbance_events(self.plan) if event.at_ns <= end)],
        )

    def _pass_over_idle_slots(self) -> None:
        """Go on in the slot that ends with the next generation, if nothing would be recorded of those before it.

        The last boundary and the one before were idle if no task was there at three in a row.
        """
        if self.empty >= EMPTY and self.watching is None:
            self.twin.pass_over_idle_slots()

    def _decide(self, slot: int) -> Any:
        system, actions = self.plan.system, np.zeros((1, len(self.plan.system.ues)), np.int8)
        views = [cell_view(self.twin, 0, es.index) for es in system.edge_servers]
        if self.regional is not None and self.recorded is None:
            chosen = self._ask_region(self.regional, views, slot)
        else:
            chosen = {name: choice for view in views for name, choice in self._decide_cell(view, slot).items()}
        for view in views:
            for ue in view.ues:
                if ue.tasks:
                    actions[0, ue.index] = chosen[ue.name]
        return actions

    def _decide_cell(self, view: CellView, slot: int) -> dict[str, int]:
        if self.recorded is not None:
            return {ue.name: self.recorded[ue.index, slot] for ue in view.ues if ue.tasks}
        if any(ue.tasks for ue in view.ues):
            return self._ask(view, slot)
        if self.watching is not None:
            self.watching.see(view)
        return {}

    def _ask(self, view: CellView, slot: int) -> dict[str, int]:
        assert self.policy is not None
        try:
            rng = Random(random.hash_key(self.plan.system.seed, random.POLICY, view.cell, slot, 1))
            return checked(self.policy.decide(view, rng), view)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a user's policy may raise anything; the run goes on
            return self._fall_back(view, slot, error)

    def _ask_region(self, policy: Regional, views: list[CellView], slot: int) -> dict[str, int]:
        asking = [view for view in views if any(ue.tasks for ue in view.ues)]
        if not asking:
            return {}
        try:
            chosen = policy.decide_region([view for view in views if view.ues])
            return {name: choice for view in asking for name, choice in checked(chosen, view).items()}
        except KeyboardInterrupt:
            raise
        except Exception as error:  # noqa: BLE001 - as on the other clocks, the run goes on
            return {name: one for view in asking for name, one in self._fall_back(view, slot, error).items()}

    def _fall_back(self, view: CellView, slot: int, error: BaseException) -> dict[str, int]:
        """What the fallback policy decides, once the record knows why."""
        self.events.append(policy_error(view.now_ns, CONTROLLER, view.cell, slot, error))
        self.failed |= {(ue.index, slot) for ue in view.ues if ue.tasks}
        return fallback_choices(self.plan.system, view)
