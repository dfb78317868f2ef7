"""What a live run needs of this host, and what it can have: CPU, memory, descriptors, processes, time between events.

CPU and time are estimates from what messages cost here (`testbed.live.host_costs`); the rest is counted. They choose a
speed or a burnt share and say what does not fit, never a grade; but their limits are those of grade A.
"""

import bisect
import math
from collections.abc import Iterator

import msgspec

from testbed.live import payload
from testbed.live.host_costs import HostCosts, byte_rate, message_rate
from testbed.live.needs import LEARNER_BYTES, host, needs_of, shortages
from testbed.model import fidelity
from testbed.model.delay import duration_ns, transfer_ns
from testbed.model.learning import REPLAY
from testbed.model.system import REAL, Plan
from testbed.node import limits

SHARE_FOR_BURNING, MOST_BURN = 0.25, 0.2
LATENESSES = 2.0
LATE_CHANCE = 0.01  # `HostCosts.late_s` is a 99th percentile
_FASTEST, _SLOWEST = 1000.0, 0.01


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """A run against this host: what it needs at its speed, what there is, the advised speed, and what does not fit.

    Processes, this one included; cores for messages, payload and burning (at most); memory in bytes; descriptors of the
    launcher; ``tasks`` are processes and threads. ``burn_auto``: the burnt share was left to the host. ``measured``:
    CPU and time rest on costs measured here.
    """

    processes: int
    cores: float
    message_cores: float
    payload_cores: float
    burn_cores: float
    memory_bytes: float
    memory_free_bytes: float
    descriptors: float
    descriptors_most: float
    tasks: float
    tasks_free: float
    speed: float
    burn: float
    burn_auto: bool
    advised_speed: float
    measured: bool
    warnings: tuple[str, ...] = ()

    @property
    def cpu_cores(self) -> float:
        """Cores for everything together."""
        return self.message_cores + self.payload_cores + self.burn_cores


def fitted(plan: Plan, costs: HostCosts, *, auto_speed: bool = False) -> Plan:
    """``plan`` with its automatic values chosen: the burnt share, and the speed if ``auto_speed``."""
    emulation = plan.emulation
    if auto_speed:
        emulation = msgspec.structs.replace(emulation, speed=advised_speed(plan, costs))
    if emulation.burn < 0.0:
        burn = advised_burn(msgspec.structs.replace(plan, emulation=emulation), costs)
        emulation = msgspec.structs.replace(emulation, burn=burn)
    return msgspec.structs.replace(plan, emulation=emulation)


def fit(plan: Plan, costs: HostCosts, *, burn_auto: bool = False) -> Fit:
    """How ``plan`` (automatic values chosen) fits this host."""
    emulation = plan.emulation
    needed, there = needs_of(plan, emulation.ues_per_process), host()
    fitness = Fit(
        processes=needed.processes + 1,
        cores=limits.cores(),
        message_cores=message_load(plan, costs) * emulation.speed,
        payload_cores=payload_load(plan, costs) * emulation.speed,
        burn_cores=emulation.burn * busy_executors(plan),
        memory_bytes=needed.memory_bytes,
        memory_free_bytes=there.memory_bytes,
        descriptors=needed.descriptors,
        descriptors_most=there.descriptors,
        tasks=needed.tasks,
        tasks_free=there.tasks,
        speed=emulation.speed,
        burn=emulation.burn,
        burn_auto=burn_auto,
        advised_speed=advised_speed(plan, costs),
        measured=costs.measured,
    )
    too_large = payload.oversized(plan)
    warnings = [f"{too_large}: {payload.DECLARE}"] if too_large else []
    warnings += [f"{crowded}: {payload.FEWER}"] if (crowded := payload.crowded(plan)) else []
    warnings += [*_too_much_cpu(plan, costs, fitness), *_too_little_time(plan, costs, fitness), *shortages(plan, there)]
    return msgspec.structs.replace(fitness, warnings=tuple(warnings))


def message_load(plan: Plan, costs: HostCosts) -> float:
    """CPU seconds that messages need for one emulated second."""
    return costs.message_s * message_rate(plan)


def payload_load(plan: Plan, costs: HostCosts) -> float:
    """CPU seconds that payload bytes need for one emulated second; none if only their size is declared."""
    return costs.byte_s * byte_rate(plan) if plan.emulation.payload == REAL else 0.0


def busy_executors(plan: Plan) -> float:
    """The most executors that are busy on average: every task local on its UE, or all ESs at work."""
    work = [0] * len(plan.system.ues)
    for task in plan.workload:
        work[task.ue] += duration_ns(task.cycles, plan.system.ues[task.ue].cpu_hz)
    local = sum(min(1.0, ns / plan.system.end_ns) for ns in work)
    return max(local, float(sum(es.cores for es in plan.system.edge_servers)))


def advised_workers(plan: Plan, costs: HostCosts, mode: str) -> int:
    """How many processes ``plan`` should learn with.

    By ``replay`` one, which learns fastest (docs/results/learning-live.md). Else one for each cell, but no more than
    have a core of their own and memory beside the run, of which ``plan`` counts one.
    """
    if mode == REPLAY:
        return 1
    run = (message_load(plan, costs) + payload_load(plan, costs)) * plan.emulation.speed
    free = limits.cores() - run - max(0.0, plan.emulation.burn) * busy_executors(plan)
    needed = needs_of(plan, plan.emulation.ues_per_process).memory_bytes
    by_memory = len(plan.learners) + (host().memory_bytes - needed) / LEARNER_BYTES
    return max(1, math.floor(min(float(len(plan.system.edge_servers)), free, by_memory)))


def cpu_limit() -> float:
    """Cores that a run may use: above this, timers come late."""
    return fidelity.BUSY_LIMIT * limits.cores()


def advised_burn(plan: Plan, costs: HostCosts) -> float:
    """The burnt share that leaves most of this host to the messages: whole hundredths from 0 to 0.2.

    It goes down to 0 where executors are many: a smaller share than a hundredth would cost more to burn than it burns.
    """
    messages = (message_load(plan, costs) + payload_load(plan, costs)) * plan.emulation.speed
    room = min(SHARE_FOR_BURNING * limits.cores(), cpu_limit() - messages)
    share = room / max(busy_executors(plan), 1e-9)
    return min(MOST_BURN, max(0.0, math.floor(share * 100) / 100))


def advised_speed(plan: Plan, costs: HostCosts) -> float:
    """The highest speed at which messages fit this host and transmissions still hide what happens below them."""
    load, room = message_load(plan, costs) + payload_load(plan, costs), cpu_limit()
    burning = max(0.0, plan.emulation.burn) * busy_executors(plan)
    if burning < room:
        room -= burning
    by_cpu = room / load if load > 0.0 else _FASTEST
    hiding = _hiding_speeds(plan, costs)
    by_link = hiding[int(_may_be_short() * len(hiding))] if hiding else _FASTEST
    speed = min(by_cpu, by_link, _FASTEST)
    return float(math.floor(speed)) if speed >= 1.0 else max(_SLOWEST, math.floor(speed * 100) / 100)


def _may_be_short() -> float:
    """The share of transmissions that may be too short: one in a hundred of them slips, and grade A allows so many."""
    return fidelity.LIMITS["A"].slipped / LATE_CHANCE


def _lag_s(plan: Plan, costs: HostCosts) -> float:
    """Wall seconds that a transmission should last at least, payload apart: an answer under way, two late timers."""
    return plan.emulation.guard_ns * 1e-9 + LATENESSES * costs.late_s


def _hiding_speeds(plan: Plan, costs: HostCosts) -> list[float]:
    """Of each task the highest speed at which its transmission still hides what happens below it, ascending."""
    byte_s, ues, lag_s = costs.byte_s if plan.emulation.payload == REAL else 0.0, plan.system.ues, _lag_s(plan, costs)
    airtimes = ((task.input_bits, transfer_ns(task.input_bits, ues[task.ue].rate_bps)) for task in plan.workload)
    return sorted(ns * 1e-9 / (lag_s + byte_s * bits / 8.0) for bits, ns in airtimes)


def _too_much_cpu(plan: Plan, costs: HostCosts, fitness: Fit) -> Iterator[str]:
    """What to do where messages, payload and burning need more CPU than timers can spare."""
    limit = cpu_limit()
    if fitness.cpu_cores <= limit:
        return
    parts = f"messages {cores(fitness.message_cores)}, payload {cores(fitness.payload_cores)}"
    parts = f"{parts}, burning up to {cores(fitness.burn_cores)}"
    warning = f"CPU: {cores(fitness.cpu_cores)} cores at speed {fitness.speed:g} ({parts}), and {cores(limit)} of "
    warning = f"{warning}{fitness.cores:g} can be used without late timers"
    remedies = []
    if (less := advised_burn(plan, costs)) < fitness.burn:
        remedies.append(f"--set emulation.burn={less:g}")
    if fitness.message_cores + fitness.payload_cores > limit and fitness.advised_speed < fitness.speed:
        remedies.append(f"--speed {fitness.advised_speed:g}")
    yield f"{warning}: {' '.join(remedies) or 'take fewer UEs'}"


def _too_little_time(plan: Plan, costs: HostCosts, fitness: Fit) -> Iterator[str]:
    """What to do where transmissions are over before late timers and messages can be made up for."""
    hiding = _hiding_speeds(plan, costs)
    short = bisect.bisect_left(hiding, fitness.speed)
    if short <= _may_be_short() * len(hiding):
        return
    lag_ms = 1e3 * _lag_s(plan, costs)
    warning = f"time: at speed {fitness.speed:g}, {short} of {len(hiding)} uploads are shorter than answers and timers "
    remedy = f"--speed {fitness.advised_speed:g}" if fitness.advised_speed < fitness.speed else "take a faster host"
    yield f"{warning}may be late ({lag_ms:.1f} ms): {remedy}"


def cores(number: float) -> str:
    """A number of cores for people."""
    return f"{number:,.0f}" if number >= 9.95 else f"{number:.1f}" if number >= 0.995 else f"{number:.2f}"
