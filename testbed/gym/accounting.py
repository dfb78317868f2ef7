"""What cells earn, slot by slot, from what a running testbed tells (sans-IO): records as the twin's, of measured tasks.

A slot is settled as soon as it is over. Time in the system is then known; energy is paid as it is expected to be spent.
When a task ends, both are put right in the slot settled next, so that costs sum to measured overheads.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from controller.online.slot_costs import Key, SlotCosts
from testbed.model.delay import duration_ns, transfer_ns
from testbed.model.energy import compute_energy_j, overhead, transmit_energy_j
from testbed.model.fallback import fallback_choice
from testbed.model.mdp import CellView, local_overhead, score
from testbed.model.system import System, Ue
from testbed.model.task import COMPLETED, LATE, OFFLOAD, Task
from testbed.protocol.messages import Ask, Outcome
from testbed.twin.state import CELL


class Accounting:
    """One episode of ``workload``; ``inside`` counts the tasks in the system at the boundary settled last."""

    def __init__(self, system: System, workload: Sequence[Task], reward: str, speed: float = 1.0) -> None:
        self._system, self._reward, self._speed = system, reward, speed
        self._coming = sorted(workload, key=lambda task: -task.generated_ns)
        self._costs = [SlotCosts(system, 0) for _ in system.edge_servers]
        self._asked: dict[int, list[Task]] = {}
        self._ended: list[Outcome] = []
        self._waits: dict[Key, tuple[int, int]] = {}
        self._choices: dict[Key, int] = {}
        self._missed: set[Key] = set()
        self._new(0)
        self.inside = 0
        self._enter(0)

    def _new(self, slot: int) -> None:
        self.slot = slot
        self.cells: NDArray[Any] = np.zeros(len(self._system.edge_servers), CELL)
        self.fallback, self.lag_ns = np.zeros((2, len(self._system.edge_servers)), np.int64)

    def waiting(self, slot: int, ue: int) -> tuple[Task, ...]:
        """The tasks of a UE that are decided in ``slot``, as far as they have been generated."""
        return tuple(task for task in self._asked.get(slot, ()) if task.ue == ue)

    # What is told ----------------------------------------------------------------------------------------------------

    def asked(self, ask: Ask) -> None:
        """A UE asks: what waits for its tasks locally is what `paper` compares with."""
        if self._reward == "holding":
            return
        earlier = 0
        for task in ask.tasks:
            self._waits[task.ue, task.number] = (ask.at_ns + ask.queue_ns, earlier)
            earlier += duration_ns(task.cycles, self._system.ues[task.ue].cpu_hz)

    def ended(self, outcome: Outcome) -> None:
        """A task ended; it counts from the boundary on that follows its end.

        An answer that took x wall seconds is charged x emulated seconds, but came x·speed emulated seconds late. What
        of that was not made up in the task's transmission or execution is the caller's, not the host's: it is left out.
        """
        lag = outcome.task.generated_ns + outcome.delay_ns - outcome.finished_ns
        owed = min(lag, int(outcome.think_ns * (self._speed - 1.0))) if not outcome.fallback else 0
        self._ended.append(without_lag(outcome, self._system.ues[outcome.task.ue], owed) if owed > 0 else outcome)

    def decided(self, slot: int, choices: NDArray[np.int8]) -> None:
        """The tasks of ``slot`` were answered, (N,)."""
        for task in self._asked.pop(slot, ()):
            self._decide(task, int(choices[task.ue]))

    def missed(self, slot: int) -> None:
        """Nobody answered in time: the UEs fell back."""
        self._enter(slot * self._system.slot_ns)
        for task in self._asked.pop(slot, ()):
            self._missed.add((task.ue, task.number))
            self.fallback[self._system.ues[task.ue].cell] += 1
            self._decide(task, fallback_choice(self._system, task.ue, slot))

    def _decide(self, task: Task, choice: int) -> None:
        self._choices[task.ue, task.number] = choice
        cell = self.cells[self._system.ues[task.ue].cell]
        cell["decided"] += 1
        cell["offloaded"] += choice >= OFFLOAD

    # What is expected ------------------------------------------------------------------------------------------------

    def expect(self, view: CellView, choices: NDArray[np.int8], think_ns: int) -> None:
        """The energy that the tasks of a cell will spend, decided ``think_ns`` after they were asked for."""
        ready, costs = view.now_ns + think_ns, self._costs[view.cell]
        senders = max(1, view.edge_servers[view.cell].senders) if view.shared else 1
        for seen in view.ues:
            ue = self._system.ues[seen.index]
            offload = choices[seen.index] >= OFFLOAD
            free = max(ready, view.now_ns + (seen.radio_wait_ns if offload else seen.queue_ns))
            for task in seen.tasks:
                length, joule = _spending(ue, task, senders if offload else 0)
                costs.expect((task.ue, task.number), free, free + length, joule)
                free += length

    # What is settled -------------------------------------------------------------------------------------------------

    def settle(self, until: int) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]:
        """Close the slots before ``until``: what every cell earned in them, how many of its tasks fell back, and by how
        much its finished ones ended later than they should have; each (M,)."""
        boundary = until * self._system.slot_ns
        self._enter(boundary)
        ended, self._ended = self._ended, []
        for outcome in ended:
            if outcome.task.generated_ns + outcome.delay_ns <= boundary:
                self._finish(outcome)
            else:
                self._ended.append(outcome)
        for cell, costs in zip(self.cells, self._costs, strict=True):
            while costs.next < until:
                cell["cost"] += costs.settle()
        settled = self.cells, self.fallback, self.lag_ns
        self._new(until)
        return settled

    def _enter(self, boundary_ns: int) -> None:
        slot_ns = self._system.slot_ns
        while self._coming and self._coming[-1].generated_ns <= boundary_ns:
            task = self._coming.pop()
            self._costs[self._system.ues[task.ue].cell].enter(task)
            self._asked.setdefault(-(-task.generated_ns // slot_ns), []).append(task)
            self.inside += 1

    def _finish(self, outcome: Outcome) -> None:
        task, key = outcome.task, (outcome.task.ue, outcome.task.number)
        ue, place = self._system.ues[task.ue], self._system.ues[task.ue].cell
        self._costs[place].leave(outcome)
        self.inside -= 1
        cell, cost = self.cells[place], overhead(ue.weight_delay, outcome.delay_ns, outcome.energy_j)
        counts = {
            "offloaded": (outcome.choice >= OFFLOAD) - (self._choices.pop(key, outcome.choice) >= OFFLOAD),
            "forwarded": outcome.forwarded,
            "rejected": outcome.rejected,
            "finished": 1,
            "hits": outcome.state == COMPLETED,
            "delay_ns": outcome.delay_ns,
            "energy_j": outcome.energy_j,
            "overhead": cost,
        }
        for name, value in counts.items():
            cell[name] += value
        self.lag_ns[place] += task.generated_ns + outcome.delay_ns - outcome.finished_ns
        self.fallback[place] += bool(outcome.fallback) and key not in self._missed
        self._missed.discard(key)
        if self._reward != "holding":
            local = self._local(outcome, ue, *self._waits.pop(key))
            offloaded = outcome.choice >= OFFLOAD
            cell["score"] += score(self._reward, task.deadline_ns, outcome.delay_ns, local, cost, offloaded)

    def _local(self, outcome: Outcome, ue: Ue, free_ns: int, earlier_ns: int) -> float:
        task = outcome.task
        ready = outcome.slot * self._system.slot_ns + outcome.think_ns
        since = max(free_ns, ready) + earlier_ns - task.generated_ns
        execution = duration_ns(task.cycles, ue.cpu_hz)
        return local_overhead(ue.weight_delay, ue.kappa, ue.cpu_hz, task.cycles, since, execution)


def without_lag(outcome: Outcome, ue: Ue, lag_ns: int) -> Outcome:
    """The outcome as it would have been measured ``lag_ns`` earlier, at no less than its ideal end."""
    delay = outcome.delay_ns - lag_ns
    energy = outcome.energy_j - (ue.kappa * float(ue.cpu_hz) ** 3 * lag_ns * 1e-9 if outcome.by_ue else 0.0)
    state = COMPLETED if delay <= outcome.task.deadline_ns else LATE
    return msgspec.structs.replace(outcome, delay_ns=delay, energy_j=energy, state=state)


def _spending(ue: Ue, task: Task, senders: int) -> tuple[int, float]:
    """Nanoseconds and joules of a local execution, or of an airtime shared by ``senders``."""
    if senders == 0:
        return duration_ns(task.cycles, ue.cpu_hz), compute_energy_j(ue.kappa, ue.cpu_hz, task.cycles)
    airtime = transfer_ns(task.input_bits, ue.rate_bps) * senders
    return airtime, transmit_energy_j(ue.tx_power_w, airtime)
