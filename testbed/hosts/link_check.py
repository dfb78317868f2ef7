"""Which links between hosts are too slow for a run, and which clocks too uncertain, before it begins (pure).

Both are measured against what grade A allows of a task's delay: a payload that crosses a link more slowly than the
emulated one makes its task late by the difference, and clocks that may disagree make every delay uncertain.
"""

import math
from collections.abc import Iterator, Mapping, Sequence

from testbed.hosts.placement import LinkShare, PlacedRun
from testbed.live.supervisor import ClockReading
from testbed.model.delay import duration_ns, transfer_ns
from testbed.model.fidelity import LIMITS
from testbed.model.system import Plan

FULL_LINK = 0.7
Rates = Mapping[tuple[str, str], float]


def slow_links(plan: Plan, run: PlacedRun, rates: Rates) -> Iterator[str]:
    """What to say of each link of ``run`` whose measured rate, in bit/s, is too low; ``rates`` by (from, to)."""
    allowed_s = LIMITS["A"].p99 * typical_delay_s(plan)
    for link in run.links:
        rate = rates.get((link.source, link.target), math.inf)
        late_s = _late_s(plan, link, rate)
        full = link.rate_bps > FULL_LINK * rate
        if full or late_s * plan.emulation.speed > allowed_s:
            why = f"carries {rate * 1e-6:.3g} Mbit/s, which is too slow"
            why += f": up to {link.rate_bps * 1e-6:.3g} are needed" if full else ""
            why += f": {link.piece_bits / 8e6:.2g} MB come {1e3 * late_s:.0f} ms late over it" if not full else ""
            remedy = f"place less across it, {_slower(plan, link, rate)}or --set emulation.payload=declared"
            yield f"the link from {link.source} to {link.target} {why}: {remedy}"


def _late_s(plan: Plan, link: LinkShare, rate: float) -> float:
    """Wall seconds by which a typical piece of payload comes too late."""
    if not link.piece_bits:
        return 0.0
    emulated_s = link.piece_bits / link.emulated_bps / plan.emulation.speed
    latency_s = plan.system.backhaul.latency_ns * 1e-9 / plan.emulation.speed
    return max(0.0, link.piece_bits / rate - emulated_s - latency_s)


def _slower(plan: Plan, link: LinkShare, rate: float) -> str:
    """The speed at which the link would do, as a remedy; "" if there is none worth naming."""
    by_rate = plan.emulation.speed * FULL_LINK * rate / link.rate_bps
    by_delay = math.inf
    if link.piece_bits:
        allowed_s = LIMITS["A"].p99 * typical_delay_s(plan) + link.piece_bits / link.emulated_bps
        by_delay = allowed_s * rate / link.piece_bits
    speed = math.floor(100.0 * min(by_rate, by_delay)) / 100.0
    return f"--speed {speed:g}, " if 0.0 < speed < plan.emulation.speed else ""


def typical_delay_s(plan: Plan) -> float:
    """What a task takes at least if it is offloaded and nobody is before it, in emulated seconds, on average."""
    system = plan.system
    total = 0
    for task in plan.workload:
        ue = system.ues[task.ue]
        total += transfer_ns(task.input_bits, ue.rate_bps)
        total += duration_ns(task.cycles, system.edge_servers[ue.cell].cpu_hz)
    return total * 1e-9 / len(plan.workload) if plan.workload else math.inf


def doubt_share(plan: Plan, clocks: Sequence[ClockReading]) -> float:
    """What the clocks of the two least certain hosts make of a typical delay, as a share of it."""
    worst = sorted((clock.uncertainty_ns for clock in clocks), reverse=True)[:2]
    return sum(worst) * 1e-9 * plan.emulation.speed / typical_delay_s(plan)


def clock_verdict(plan: Plan, clocks: Sequence[ClockReading]) -> tuple[str, str]:
    """The best grade that is left to a run on hosts of such ``clocks``, and what to do about it ("" for an A)."""
    share = doubt_share(plan, clocks)
    grade = next((letter for letter, limits in LIMITS.items() if share <= limits.median), "F")
    if grade == "A":
        return grade, ""
    worst = max(clocks, key=lambda clock: clock.uncertainty_ns)
    speed = math.floor(100.0 * plan.emulation.speed * LIMITS["A"].median / share) / 100.0
    slower = f"--speed {speed:g}, " if speed > 0.0 else ""
    what = f"the clock of {worst.host} is known to {worst.uncertainty_ns * 1e-6:.3g} ms"
    return grade, f"{what}: {slower}hosts that are nearer to each other, or clocks set by PTP"
