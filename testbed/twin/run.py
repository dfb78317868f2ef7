"""One run on the twin, recorded task by task: what the simulation records, at the twin's speed."""

from collections.abc import Mapping
from random import Random
from typing import Any

import msgspec
import numpy as np

from testbed.model import queue, random
from testbed.model.system import Plan
from testbed.policy.heuristics import FALLBACKS, Coin, Policy, Priced, checked, watching
from testbed.policy.heuristics import FixedChoice as Constant
from testbed.protocol.rows import EventRow, LinkRow, SlotRow, TaskRow, UeSlotRow, policy_error
from testbed.twin import build, rows
from testbed.twin.twin import Twin
from testbed.twin.views import cell_view

Decisions = Mapping[tuple[int, int], int]
CONTROLLER = "controller"


class Ran(msgspec.Struct, kw_only=True):
    """The record of a run; ``tasks`` in (UE, number) order; ``events`` tell where the policy failed to decide."""

    tasks: list[TaskRow]
    slots: list[SlotRow]
    ue_slots: list[UeSlotRow]
    links: list[LinkRow]
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
    player = _Player(twin, plan, policy, recorded)
    return player.run()


class _Player:
    def __init__(self, twin: Twin, plan: Plan, policy: Policy | None, recorded: Decisions | None) -> None:
        self.twin, self.plan, self.policy, self.recorded = twin, plan, policy, recorded
        self.own = recorded is None and isinstance(policy, (Constant, Coin, Priced))
        self.watching = watching(policy)
        self.failed: set[tuple[int, int]] = set()
        self.events: list[EventRow] = []
        self.busy = [0] * len(plan.system.edge_servers)
        self.slots: list[SlotRow] = []
        self.ue_slots: list[UeSlotRow] = []

    def run(self) -> Ran:
        twin, system = self.twin, self.plan.system
        twin.use(self.policy if self.own else None)
        twin.reset(system.seed)
        self._note()
        while twin.slot[0] <= system.slots or twin.inside[0] > 0:
            if self.own:
                twin.advance(1)
            else:
                twin.step(self._decide(int(twin.slot[0])))
            self._note()
        tasks = rows.task_rows(twin, self.plan, self.failed)
        end = max([system.end_ns, *(row.finished_ns for row in tasks)])
        slots = [row for row in self.slots if row.at_ns <= end]
        return Ran(
            tasks=tasks,
            slots=slots,
            ue_slots=self.ue_slots,
            links=rows.link_rows(twin, self.plan),
            end_ns=end,
            events=self.events,
        )

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
        return FALLBACKS[system.fallback].decide(view, None)

    def _note(self) -> None:
        """Record every UE and every server at a slot boundary."""
        self.ue_slots += rows.ue_slot_rows(self.twin)
        twin, system = self.twin, self.plan.system
        slot = int(twin.slot[0])
        now = slot * system.slot_ns
        for es in system.edge_servers:
            server, cores = twin.state.edge_servers[0, es.index], twin.state.cores[0, es.index][: es.cores]
            running = cores[cores["task"] >= 0]
            own, forwarded, waiting = (int(server[name]) for name in ("own_cycles", "forwarded_cycles", "own"))
            ahead, cycles = waiting, own
            waiting += int(server["forwarded"])
            if es.discipline == queue.FCFS:
                ahead, cycles = waiting, own + forwarded
            rest = int((running["end_ns"] - now).sum())
            wait = queue.expected_wait_ns(rest, len(running), ahead, cycles, es.cpu_hz, es.cores)
            busy = int(server["busy_ns"]) + int((now - running["start_ns"]).sum())
            self.slots.append(
                SlotRow(
                    es=es.name,
                    slot=slot,
                    at_ns=now,
                    backlog_ns=int(twin.state.announced_ns[0, es.index]),
                    waiting=waiting,
                    own_cycles=own,
                    forwarded_cycles=forwarded,
                    air_cycles=int(server["air_cycles"]),
                    busy_ns=busy - self.busy[es.index],
                    over_threshold=wait > system.threshold_ns,
                )
            )
            self.busy[es.index] = busy
