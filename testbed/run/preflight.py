"""What a live run needs of this host, and what it can have: CPU for messages, CPU to burn, memory for processes.

Estimates from what messages cost here (`testbed.run.costs`); they choose a speed or a burnt share, never a grade.
"""

import math
import os

import msgspec

from testbed.model.delay import duration_ns, transfer_ns
from testbed.model.fidelity import LEAST_BURN
from testbed.model.system import REAL, Plan
from testbed.run import payload
from testbed.run.costs import Costs, byte_rate, message_rate

PROCESS_BYTES = 25e6
SHARE_FOR_MESSAGES, SHARE_FOR_BURNING = 0.35, 0.25
MOST_BURN = 0.2
LATENESSES = 2.0
FASTEST = 1000.0


class Fit(msgspec.Struct, frozen=True):
    """A run against this host: cores that messages, payload and burning need at its speed, memory in bytes, advice.

    ``measured``: whether it rests on costs measured here.
    """

    processes: int
    cores: int
    message_cores: float
    payload_cores: float
    burn_cores: float
    memory_bytes: float
    memory_free_bytes: float
    speed: float
    burn: float
    advised_speed: float
    measured: bool
    warnings: tuple[str, ...] = ()


def fitted(plan: Plan, costs: Costs, auto_speed: bool = False) -> Plan:
    """``plan`` with its automatic values chosen: the burnt share, and the speed if ``auto_speed``."""
    emulation = plan.emulation
    if auto_speed:
        emulation = msgspec.structs.replace(emulation, speed=advised_speed(plan, costs))
    if emulation.burn < 0.0:
        emulation = msgspec.structs.replace(emulation, burn=advised_burn(plan))
    return msgspec.structs.replace(plan, emulation=emulation)


def fit(plan: Plan, costs: Costs) -> Fit:
    """How ``plan`` (automatic values chosen) fits this host."""
    emulation, cores = plan.emulation, os.cpu_count() or 1
    ues = len(plan.system.ues)
    processes = math.ceil(ues / emulation.ues_per_process) + len(plan.system.ess) + 2
    messages, carried = message_load(plan, costs) * emulation.speed, payload_load(plan, costs) * emulation.speed
    burning = emulation.burn * busy_executors(plan)
    memory, free = processes * PROCESS_BYTES, free_memory()
    advised = advised_speed(plan, costs)
    too_large = payload.oversized(plan)
    warnings = [f"{too_large}: {payload.DECLARE}"] if too_large else []
    if emulation.speed > advised:
        need = f"messages and payload need about {messages + carried:.2g} of {cores} cores"
        warnings.append(
            f"speed {emulation.speed:g} is more than this host holds exactly ({need}): try --speed {advised:g}"
        )
    if burning > 0.5 * cores:
        advice = f"--set emulation.burn={advised_burn(plan):g}"
        warnings.append(f"burning needs up to {burning:.2g} of {cores} cores: {advice} would fit")
    if 0 < free < memory:
        warnings.append(f"{processes} processes need {memory / 1e6:.0f} MB: --set emulation.ues_per_process=10")
    return Fit(
        processes, cores, messages, carried, burning, memory, free, emulation.speed, emulation.burn, advised,
        costs.measured, tuple(warnings),
    )  # fmt: skip


def message_load(plan: Plan, costs: Costs) -> float:
    """CPU seconds that messages need for one emulated second."""
    return costs.message_s * message_rate(plan)


def payload_load(plan: Plan, costs: Costs) -> float:
    """CPU seconds that payload bytes need for one emulated second; none if only their size is declared."""
    return costs.byte_s * byte_rate(plan) if plan.emulation.payload == REAL else 0.0


def busy_executors(plan: Plan) -> float:
    """The most executors that are busy on average: every task local on its UE, or all ESs at work."""
    work = [0] * len(plan.system.ues)
    for task in plan.workload:
        work[task.ue] += duration_ns(task.cycles, plan.system.ues[task.ue].cpu_hz)
    local = sum(min(1.0, ns / plan.system.end_ns) for ns in work)
    return max(local, float(sum(es.cores for es in plan.system.ess)))


def advised_burn(plan: Plan) -> float:
    """The burnt share that leaves most of this host to the messages, 0.02 to 0.2 in whole hundredths."""
    share = SHARE_FOR_BURNING * (os.cpu_count() or 1) / max(busy_executors(plan), 1e-9)
    return min(MOST_BURN, max(LEAST_BURN, math.floor(share * 100) / 100))


def advised_speed(plan: Plan, costs: Costs) -> float:
    """The highest speed at which messages fit this host and every transmission still hides what happens below it."""
    load = message_load(plan, costs) + payload_load(plan, costs)
    by_cpu = SHARE_FOR_MESSAGES * (os.cpu_count() or 1) / load if load > 0.0 else FASTEST
    real, ues = plan.emulation.payload == REAL, plan.system.ues
    overhead_s = plan.emulation.guard_ns * 1e-9 + LATENESSES * costs.late_s
    by_link = FASTEST
    for task in plan.workload:
        below_s = overhead_s + (costs.byte_s * task.input_bits / 8.0 if real else 0.0)
        by_link = min(by_link, transfer_ns(task.input_bits, ues[task.ue].rate_bps) * 1e-9 / below_s)
    speed = min(by_cpu, by_link, FASTEST)
    return float(math.floor(speed)) if speed >= 1.0 else max(0.01, math.floor(speed * 100) / 100)


def free_memory() -> float:
    """Bytes that the system says are available; 0 where it does not say."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return float(line.split()[1]) * 1024.0
    except OSError:
        pass
    return 0.0
