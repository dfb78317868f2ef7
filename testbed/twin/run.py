"""One run on the twin, recorded task by task: what the simulation records, at the twin's speed."""

from collections.abc import Mapping
from random import Random
from typing import Any

import msgspec
import numpy as np

from testbed.model import random
from testbed.model.fallback import fallback_choices
from testbed.model.system import CONTROLLER, Plan
from testbed.policy.heuristics import Coin, Policy, Priced, checked, watching
from testbed.policy.heuristics import FixedChoice as Constant
from testbed.protocol.disturbances import disturbance_events
from testbed.protocol.rows import EventRow, LinkRow, SlotRow, TaskRow, UeSlotRow, policy_error
from testbed.protocol.table import ColumnTable
from testbed.twin import build, rows
from testbed.twin.boundaries import Notes
from testbed.twin.kernels import EMPTY
from testbed.twin.twin import Twin
from testbed.twin.views import cell_view

Decisions = Mapping[tuple[int, int], int]


class Ran(msgspec.Struct, kw_only=True):
    """The record of a run; ``tasks`` in the workload's order; ``events`` tell where the policy failed to decide."""

    tasks: ColumnTable[TaskRow]
    slots: ColumnTable[SlotRow]
    ue_slots: ColumnTable[UeSlotRow]
    links: ColumnTable[LinkRow]
    end_ns: int
    events: list[EventRow]


def run(plan: Plan, policy: Policy | None, recorded: Decisions | None = None) -> Ran:
    """Run ``plan`` to the end of its drain, deciding by ``policy`` or as ``recorded`` by (UE index, slot).

    The heuristics of `testbed.policy.heuristics` decide in compiled code; any other policy is called with each view.
    Raises `ScenarioError` for what the twin cannot express.
    """
    build.refuse_faults(plan)
    system = plan.system
    source = build.table(system, plan.workload)
    twin = Twin(system, source, double=plan.second_offload, capacity=max(1, len(plan.workload)), recording=True)
    return _Player(twin, plan, policy, recorded).run()


def is_compiled(policy: Policy | None) -> bool:
    """Whether the twin decides by ``policy`` in compiled code."""
    return isinstance(policy, (Constant, Coin, Priced))


class Outcomes(msgspec.Struct, kw_only=True):
    """What became of every task, in (UE, number) order: arrays (R,), all finished; instants and durations in ns."""

    generated_ns: Any
    finished_ns: Any
    deadline_ns: Any
    energy_j: Any
    overhead: Any


def outcomes(plan: Plan, policy: Policy, source: build.Source) -> Outcomes:
    """As `run`, of a compiled policy and tasks that `build.table` has taken: the ends of tasks alone, without rows."""
    build.refuse_faults(plan)
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
        self.own = recorded is None and is_compiled(policy)
        self.watching = watching(policy)
        self.failed: set[tuple[int, int]] = set()
        self.events: list[EventRow] = []
        self.notes = Notes(twin)
        self.empty = 0

    def run(self) -> Ran:
        twin, system = self.twin, self.plan.system
        twin.use(self.policy if self.own else None)
        twin.reset(system.seed)
        self.notes.note()
        while twin.slot[0] <= system.slots or twin.inside[0] > 0:
            if self.own:
                self._pass_over_idle_slots()
                self.empty = twin.advance_noting(self.notes.noted, self.empty)
                self.notes.settle_when_full()
            else:
                self.empty = self.empty + 1 if twin.inside[0] == 0 else 0
                self._pass_over_idle_slots()
                twin.step(self._decide(int(twin.slot[0])))
                self.notes.note()
        slots, ue_slots = self.notes.rows()
        tasks = rows.task_rows(twin, self.plan, self.failed)
        end = max(system.end_ns, int(tasks.ints("finished_ns").max()) if len(tasks) else 0)
        return Ran(
            tasks=tasks,
            slots=slots.take(slots.ints("at_ns") <= end),
            ue_slots=ue_slots,
            links=rows.link_rows(tasks, system),
            end_ns=end,
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
        for es in system.edge_servers:
            view = cell_view(self.twin, 0, es.index)
            waiting = [ue for ue in view.ues if ue.tasks]
            if self.recorded is not None:
                chosen = {ue.name: self.recorded[ue.index, slot] for ue in waiting}
            elif waiting:
                chosen = self._ask(view, slot)
            elif self.watching is not None:
                self.watching.see(view)
            for ue in waiting:
                actions[0, ue.index] = chosen[ue.name]
        return actions

    def _ask(self, view: Any, slot: int) -> dict[str, int]:
        assert self.policy is not None
        system, waiting = self.plan.system, [ue for ue in view.ues if ue.tasks]
        try:
            rng = Random(random.hash_key(system.seed, random.POLICY, view.cell, slot, 1))
            return checked(self.policy.decide(view, rng), view)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a user's policy may raise anything; the run goes on
            self.events.append(policy_error(view.now_ns, CONTROLLER, view.cell, slot, error))
        self.failed |= {(ue.index, slot) for ue in waiting}
        return fallback_choices(system, view)
