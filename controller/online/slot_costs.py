"""What every slot cost, from tasks that end many slots later, in any order (reward ``holding``).

A slot's cost is λt·(time its tasks spent in the system during it) + λe·(energy they spent in it). Slots are settled in
turn. What comes to be known of a settled slot afterwards is charged to the slot that is settled next, so that costs
always sum to the overheads of the tasks. Who has to settle before tasks end may say what energy is expected of them.
"""

from collections import defaultdict

import msgspec

from testbed.model.delay import duration_ns
from testbed.model.energy import transmit_energy_j
from testbed.model.mdp import holding_cost
from testbed.model.system import System
from testbed.model.task import Task
from testbed.protocol.messages import Outcome

Key = tuple[int, int]


class _Present(msgspec.Struct, kw_only=True):
    """A task in the system; its time is paid up to ``paid_ns``, and ``ahead`` of the energy that is expected of it:
    ``joule``, spent from ``start_ns`` to ``end_ns``."""

    task: Task
    paid_ns: int
    start_ns: int = 0
    end_ns: int = 0
    joule: float = 0.0
    ahead: float = 0.0

    def expected_j(self, start_ns: int, end_ns: int) -> float:
        """What is expected to be spent from ``start_ns`` to ``end_ns``."""
        ns = min(end_ns, self.end_ns) - max(start_ns, self.start_ns)
        return self.joule * ns / (self.end_ns - self.start_ns) if ns > 0 else 0.0


class SlotCosts:
    """SlotCosts by slot, settled from slot ``first`` on."""

    def __init__(self, system: System, first: int) -> None:
        self._system, self.next = system, first
        self._slot_costs: defaultdict[int, float] = defaultdict(float)
        self._present: dict[Key, _Present] = {}
        self._ues = {ue.name: ue for ue in system.ues}

    def enter(self, task: Task) -> None:
        """A task is in the system, since its generation."""
        paid = max(task.generated_ns, self.next * self._system.slot_ns)
        self._present.setdefault((task.ue, task.number), _Present(task=task, paid_ns=paid))

    def expect(self, key: Key, start_ns: int, end_ns: int, joule: float) -> None:
        """A task that is present will probably spend ``joule`` so: paid slot by slot, and put right when it ends."""
        present = self._present[key]
        present.start_ns, present.end_ns, present.joule = start_ns, end_ns, joule

    def leave(self, outcome: Outcome) -> None:
        """A task ended as it was measured."""
        task, ue = outcome.task, self._ues[outcome.ue]
        self.enter(task)
        end = task.generated_ns + outcome.delay_ns
        present = self._present.pop((task.ue, task.number))
        self._pay_time(present, end)
        self._slot_costs[self.next] -= present.ahead
        sent = transmit_energy_j(ue.tx_power_w, outcome.airtime_ns)
        if outcome.airtime_ns > 0:
            self._pay_energy(ue.weight_delay, sent, outcome.tx_start_ns, outcome.tx_start_ns + outcome.airtime_ns)
        executed = max(task.generated_ns, end - duration_ns(task.cycles, ue.cpu_hz))
        self._pay_energy(ue.weight_delay, outcome.energy_j - sent, executed, end)

    def lose(self, ue: int, at_ns: int) -> list[Key]:
        """A UE died: its tasks leave the system, at no further cost; returns their keys."""
        lost = [key for key in self._present if key[0] == ue]
        for key in lost:
            self._pay_time(self._present.pop(key), at_ns)
        return lost

    def is_open(self, slot: int) -> bool:
        """Whether a task that was there before the end of ``slot`` has not ended yet."""
        end = (slot + 1) * self._system.slot_ns
        return any(present.task.generated_ns < end for present in self._present.values())

    def settle(self) -> float:
        """The cost of slot ``next``, which is then the one after it; tasks still open are charged for their stay."""
        start, end = self.next * self._system.slot_ns, (self.next + 1) * self._system.slot_ns
        for present in self._present.values():
            if present.paid_ns < end:
                self._pay_time(present, end)
            self._pay_ahead(present, start, end)
        cost = self._slot_costs.pop(self.next, 0.0)
        self.next += 1
        return cost

    def _pay_time(self, present: _Present, until_ns: int) -> None:
        weight = self._system.ues[present.task.ue].weight_delay
        if until_ns < present.paid_ns:
            self._slot_costs[self.next] += holding_cost(weight, until_ns - present.paid_ns, 0.0)
        for slot, ns in self._slots(present.paid_ns, until_ns):
            self._slot_costs[slot] += holding_cost(weight, ns, 0.0)
        present.paid_ns = until_ns

    def _pay_ahead(self, present: _Present, start_ns: int, end_ns: int) -> None:
        weight = self._system.ues[present.task.ue].weight_delay
        cost = holding_cost(weight, 0, present.expected_j(start_ns, end_ns))
        self._slot_costs[self.next] += cost
        present.ahead += cost

    def _pay_energy(self, weight: float, joule: float, start_ns: int, end_ns: int) -> None:
        length = end_ns - start_ns
        if length <= 0 or joule == 0.0:
            self._slot_costs[self.next] += holding_cost(weight, 0, joule)
        for slot, ns in self._slots(start_ns, end_ns):
            self._slot_costs[slot] += holding_cost(weight, 0, joule * ns / length)

    def _slots(self, start_ns: int, end_ns: int) -> list[tuple[int, int]]:
        """The slots that [start, end) touches, settled ones counted as the next one, and how long it is in each."""
        slot_ns, stays = self._system.slot_ns, []
        while start_ns < end_ns:
            slot = max(start_ns // slot_ns, self.next - 1)
            until = min(end_ns, (slot + 1) * slot_ns)
            stays.append((max(slot, self.next), until - start_ns))
            start_ns = until
        return stays


class RegionCosts:
    """`SlotCosts` of every cell of ``system``, settled together."""

    def __init__(self, system: System, first: int) -> None:
        self._cells = [SlotCosts(system, first) for _ in system.edge_servers]
        self._cell_of = [ue.cell for ue in system.ues]

    @property
    def next(self) -> int:
        """The slot that is settled next."""
        return self._cells[0].next

    def enter(self, task: Task) -> None:
        """See `SlotCosts.enter`."""
        self._of(task.ue).enter(task)

    def leave(self, outcome: Outcome) -> None:
        """See `SlotCosts.leave`."""
        self._of(outcome.task.ue).leave(outcome)

    def lose(self, ue: int, at_ns: int) -> list[Key]:
        """See `SlotCosts.lose`."""
        return self._of(ue).lose(ue, at_ns)

    def is_open(self, slot: int) -> bool:
        """See `SlotCosts.is_open`: of any cell."""
        return any(costs.is_open(slot) for costs in self._cells)

    def settle(self) -> list[float]:
        """What slot ``next`` cost in every cell; the one after it is then the next."""
        return [costs.settle() for costs in self._cells]

    def _of(self, ue: int) -> SlotCosts:
        return self._cells[self._cell_of[ue]]
