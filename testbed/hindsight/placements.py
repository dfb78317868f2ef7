"""Where a task can be executed, at what cost at least: the relaxation's data, from the model's own equations."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from testbed.model import transmission
from testbed.model.delay import duration_ns, transfer_ns
from testbed.model.energy import compute_energy_j, overhead, transmit_energy_j
from testbed.model.errors import ScenarioError
from testbed.model.system import EPOCH_SLOT, SHARED, System
from testbed.model.task import Task

ROUNDING_NS = 1


class Placements(msgspec.Struct, frozen=True, kw_only=True):
    """T tasks with C placements each, arrays of shape (T, C): index of the server, instant in ns from which the task
    can be there, ns that it occupies the server, overhead if it is executed at once, overhead a ns later.

    Servers are the UEs' own CPUs, then the ESs; ``cores`` (S,) counts what each can do at once.
    """

    server: NDArray[np.int64]
    ready_ns: NDArray[np.float64]
    busy_ns: NDArray[np.float64]
    cost: NDArray[np.float64]
    slope: NDArray[np.float64]
    cores: NDArray[np.int64]


def placements(system: System, tasks: Sequence[Task], *, second_offload: bool) -> Placements:
    """Every way of every task. Raises `ScenarioError` if tasks are not decided slot by slot."""
    if system.epoch != EPOCH_SLOT:
        raise ScenarioError(f'agent.epoch "{system.epoch}" has no bound', remedy='set agent.epoch to "slot"')
    crowd = [sum(system.ues[task.ue].cell == es.index for task in tasks) for es in system.edge_servers]
    rows = [_placements(system, task, second_offload=second_offload, crowd=crowd) for task in tasks]
    table = np.array(rows, np.float64)
    ready, busy, cost, slope = (np.ascontiguousarray(table[:, :, k]) for k in range(1, 5))
    cores = np.array([1] * len(system.ues) + [es.cores for es in system.edge_servers], np.int64)
    return Placements(
        server=table[:, :, 0].astype(np.int64), ready_ns=ready, busy_ns=busy, cost=cost, slope=slope, cores=cores
    )


def _placements(system: System, task: Task, *, second_offload: bool, crowd: list[int]) -> list[tuple[float, ...]]:
    ue = system.ues[task.ue]
    weight, slope = ue.weight_delay, ue.weight_delay * 1e-9
    decided = decision_slot(system.slot_ns, task) * system.slot_ns
    busy = duration_ns(task.cycles, ue.cpu_hz)
    energy = compute_energy_j(ue.kappa, ue.cpu_hz, task.cycles)
    local = overhead(weight, decided + busy - task.generated_ns, energy)
    placements: list[tuple[float, ...]] = [(ue.index, decided, busy, local, slope)]
    end, airtime = _sent(system, task, decided, crowd[ue.cell])
    radio, backhaul = system.radio, system.backhaul
    arrival = end + radio.latency_ns + transmission.jitter_ns(system, task)
    onward = transfer_ns(task.input_bits, backhaul.rate_bps) + backhaul.latency_ns
    back = radio.return_latency_ns + transfer_ns(radio.result_bits, ue.rate_bps)
    for es in system.edge_servers if second_offload else (system.edge_servers[ue.cell],):
        ready = arrival if es.index == ue.cell else arrival + onward
        busy = max(0, duration_ns(task.cycles, es.cpu_hz) - ROUNDING_NS * len(es.speed_edges_ns))
        delay = ready + busy + back - task.generated_ns
        cost = overhead(weight, delay, transmit_energy_j(ue.tx_power_w, airtime))
        placements.append((len(system.ues) + es.index, ready, busy, cost, slope))
    return placements


def _sent(system: System, task: Task, decided_ns: int, crowd: int) -> tuple[int, int]:
    """When a task's last bit has left at the earliest, and its least airtime, ns.

    On a shared band each of the ``crowd`` departures of the cell is rounded once, where rates change the end and the
    airtime.
    """
    ue, radio = system.ues[task.ue], system.radio
    tries = transmission.least_attempts(system, task)
    bits = task.input_bits * tries
    rounding = crowd * ROUNDING_NS if radio.access == SHARED else 0
    if radio.coherence_ns > 0 or transmission.trace_of(radio, ue) is not None:
        rounding += ROUNDING_NS
        end = transmission.end_ns(system, task, decided_ns, tries)
        airtime = max(0, transfer_ns(bits, transmission.peak_bps(system, ue)) - rounding)
        return max(decided_ns + airtime, end - rounding), airtime
    rounding += ROUNDING_NS if ue.caps_bps else 0
    airtime = max(0, transfer_ns(bits, ue.rate_bps) - rounding)
    return decided_ns + airtime, airtime


def decision_slot(slot_ns: int, task: Task) -> int:
    """The slot at whose start a task is decided."""
    return -(-task.generated_ns // slot_ns)


def decision_points(slot_ns: int, tasks: Sequence[Task]) -> list[tuple[int, int]]:
    """The (slot, UE) at which there is something to decide, in order."""
    return sorted({(decision_slot(slot_ns, task), task.ue) for task in tasks})
