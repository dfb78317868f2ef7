"""What a live run needs of this host, and what it can have: CPU for messages, CPU to burn, memory for processes.

Estimates from measurements on a 2-core virtual machine; they choose a speed or a burnt share, never a grade.
"""

import math
import os

import msgspec

from testbed.model.delay import duration_ns, transfer_ns
from testbed.model.fidelity import LEAST_BURN
from testbed.model.system import Plan

MESSAGE_CPU_S = 0.4e-3  # a message sent, carried, received and handled, all processes together
MESSAGES_A_TASK = 5
PROCESS_BYTES = 25e6
SHARE_FOR_MESSAGES, SHARE_FOR_BURNING = 0.35, 0.25
MOST_BURN = 0.2
HIDING_S = 8e-3  # wall time that a transmission must last for the network below to hide inside it
FASTEST = 1000.0


class Fit(msgspec.Struct, frozen=True):
    """A run against this host: cores that messages and burning need at its speed, memory in bytes, advice."""

    processes: int
    cores: int
    message_cores: float
    burn_cores: float
    memory_bytes: float
    memory_free_bytes: float
    speed: float
    burn: float
    advised_speed: float
    warnings: tuple[str, ...] = ()


def fitted(plan: Plan, auto_speed: bool = False) -> Plan:
    """``plan`` with its automatic values chosen: the burnt share, and the speed if ``auto_speed``."""
    emulation = plan.emulation
    if auto_speed:
        emulation = msgspec.structs.replace(emulation, speed=advised_speed(plan))
    if emulation.burn < 0.0:
        emulation = msgspec.structs.replace(emulation, burn=advised_burn(plan))
    return msgspec.structs.replace(plan, emulation=emulation)


def fit(plan: Plan) -> Fit:
    """How ``plan`` (automatic values chosen) fits this host."""
    emulation, cores = plan.emulation, os.cpu_count() or 1
    ues = len(plan.system.ues)
    processes = math.ceil(ues / emulation.ues_per_process) + len(plan.system.ess) + 2
    messages = message_load(plan) * emulation.speed
    burning = emulation.burn * busy_executors(plan)
    memory, free = processes * PROCESS_BYTES, free_memory()
    advised = advised_speed(plan)
    warnings = []
    if messages > SHARE_FOR_MESSAGES * cores:
        warnings.append(f"messages need about {messages:.2g} of {cores} cores: --speed {advised:g} would fit")
    if burning > 0.5 * cores:
        advice = f"--set emulation.burn={advised_burn(plan):g}"
        warnings.append(f"burning needs up to {burning:.2g} of {cores} cores: {advice} would fit")
    if 0 < free < memory:
        warnings.append(f"{processes} processes need {memory / 1e6:.0f} MB: --set emulation.ues_per_process=10")
    return Fit(
        processes, cores, messages, burning, memory, free, emulation.speed, emulation.burn, advised, tuple(warnings)
    )


def message_load(plan: Plan) -> float:
    """CPU seconds that messages need for one emulated second."""
    system = plan.system
    asks = (2 * len(system.ues) + 3 * len(system.ess)) / (system.slot_ns * 1e-9)
    tasks = MESSAGES_A_TASK * len(plan.workload) / (system.end_ns * 1e-9)
    return MESSAGE_CPU_S * (asks + tasks)


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


def advised_speed(plan: Plan) -> float:
    """The highest speed at which messages fit this host and transmissions still hide the network below."""
    load = message_load(plan)
    by_cpu = SHARE_FOR_MESSAGES * (os.cpu_count() or 1) / load if load > 0.0 else FASTEST
    ues = plan.system.ues
    shortest = min((transfer_ns(task.input_bits, ues[task.ue].rate_bps) for task in plan.workload), default=0) * 1e-9
    by_link = shortest / HIDING_S if shortest > 0.0 else FASTEST
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
