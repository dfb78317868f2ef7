"""The grade of a run's honesty: what was asked of clocks, links and CPUs against what was achieved (pure).

| grade | median error | p99 error | slipped events | CPU achieved |
|---|---|---|---|---|
| A | ≤ 1 % | ≤ 5 % | ≤ 0.1 % of tasks | ≥ 95 % |
| B | ≤ 3 % | ≤ 15 % | ≤ 1 % | ≥ 85 % |
| C | ≤ 10 % | ≤ 50 % | ≤ 10 % | ≥ 50 % |
| F | anything else | | | |

The error of a task is (|measured − reference| + d) / reference, where d is by how much the clocks of the hosts that it
crossed may disagree: 0 on one host; the reference is the delay that the simulation computes from
the run's inputs alone; a run without a task has no error. A run with fewer real cycles or bytes than its scenario asked
for is no better than B. Where the burnt share was left to the host, nobody asked for a certain one: a shortfall of the
one that was chosen costs the A and no more. These limits are our choice.
"""

import math
from collections.abc import Sequence

import msgspec

from testbed.model.statistics import percentile

GRADES = "ABCF"
GRADE_VALUES = {"A": 4.0, "B": 3.0, "C": 2.0, "F": 1.0}  # where a grade is to be a number
EXACT = "exact"


class Limits(msgspec.Struct, frozen=True):
    """The worst that a grade allows: errors and slips as fractions, CPU as achieved/asked."""

    median: float
    p99: float
    slipped: float
    cpu: float


LIMITS = {
    "A": Limits(0.01, 0.05, 0.001, 0.95),
    "B": Limits(0.03, 0.15, 0.01, 0.85),
    "C": Limits(0.10, 0.50, 0.10, 0.50),
}
STEAL_LIMIT, BUSY_LIMIT, HELD_LIMIT, THROTTLED_LIMIT = 0.02, 0.85, 0.01, 0.05
REAL_SPEED, PACKED = 10.0, 5


class Lateness(msgspec.Struct, frozen=True):
    """How late timers fired, in wall ms, the worst kind of timer counting."""

    p50: float = 0.0
    p99: float = 0.0
    max: float = 0.0


class DelayError(msgspec.Struct, frozen=True):
    """The error of tasks' delays, as fractions of them; None when no task could be compared."""

    median: float | None = 0.0
    p99: float | None = 0.0


class Cpu(msgspec.Struct, frozen=True):
    """CPU seconds that executions were asked to burn, and did."""

    asked_s: float = 0.0
    achieved_s: float = 0.0


class Throttled(msgspec.Struct, frozen=True):
    """The ``process`` that its CPU quota of ``cores`` held back most, in ``share`` of the quota's periods."""

    process: str
    cores: float
    share: float


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What a grade is made from, and the flags a remedy may change; ``asked_burn`` -1: left to the host.

    ``advised_speed`` is what was advised before the run, 0 if nothing was. ``held`` executions were over before the
    guard let them begin. ``doubt`` is the share of the error that the hosts' clocks alone may be to blame for.
    """

    error: DelayError = DelayError()
    tasks: int = 0
    slipped: int = 0
    cpu: Cpu = Cpu()
    burn: float = 0.0
    asked_burn: float = -1.0
    payload: str = "real"
    asked_payload: str = "real"
    steal: float = 0.0
    host_cpu: float = 0.0
    lateness: Lateness = Lateness()
    speed: float = 1.0
    advised_speed: float = 0.0
    guard_ms: float = 2.0
    held: int = 0
    ues: int = 1
    ues_per_process: int = 1
    throttled: Throttled | None = None
    doubt: DelayError = DelayError()


class Grading(msgspec.Struct, frozen=True):
    """A grade, what kept it from a better one ("" for A), and what to do about it ("" for A)."""

    grade: str
    worst: str = ""
    remedy: str = ""


def grade(measured: Measured) -> Grading:
    """The grade of a run."""
    auto = measured.asked_burn < 0.0
    grades = [
        (_graded(name, value, auto_burn=auto), order, name)
        for order, (name, value) in enumerate(_values(measured).items())
    ]
    letter, _, name = max(grades, key=lambda each: (GRADES.index(each[0]), -each[1]))
    if letter == "A":
        return Grading("A")
    return Grading(letter, _described(name, measured), _remedy(name, measured))


def delay_error(pairs: Sequence[tuple[int, int]], doubt_ns: float = 0.0) -> DelayError:
    """Median and 99th percentile of (|measured − reference| + doubt) / reference over pairs of delays in ns."""
    errors = [(abs(measured - reference) + doubt_ns) / reference for measured, reference in pairs if reference > 0]
    if not errors:
        return DelayError(None, None)
    return DelayError(percentile(errors, 50.0), percentile(errors, 99.0))


def no_worse(letter: str, than: str) -> bool:
    """Whether grade ``letter`` is at least as good as ``than``; what is `EXACT` is as good as any."""
    return letter == EXACT or GRADES.index(letter) <= GRADES.index(than)


def _values(measured: Measured) -> dict[str, float]:
    """Each criterion's value, bigger being worse; NaN where nothing could be measured.

    A run without a task has no delays to be wrong, and no events that matter to come late.
    """
    unknown = math.nan if measured.tasks else 0.0
    cpu = measured.cpu
    less = measured.asked_burn >= 0.0 and measured.burn < measured.asked_burn - 1e-9
    return {
        "p99": unknown if measured.error.p99 is None else measured.error.p99,
        "median": unknown if measured.error.median is None else measured.error.median,
        "slipped": measured.slipped / measured.tasks if measured.tasks else 0.0,
        "cpu": 1.0 - (cpu.achieved_s / cpu.asked_s if cpu.asked_s > 0.0 else 1.0),
        "burn": float(less),
        "payload": float(measured.asked_payload == "real" and measured.payload != "real"),
    }


def _graded(name: str, value: float, *, auto_burn: bool) -> str:
    """The best grade whose limit ``value`` keeps; a share that the host chose itself is no reason for less than B."""
    if name in ("burn", "payload"):
        return "B" if value else "A"
    letter = next((letter for letter, limits in LIMITS.items() if value <= _limit(limits, name) + 1e-12), "F")
    return min(letter, "B") if name == "cpu" and auto_burn else letter


def _limit(limits: Limits, name: str) -> float:
    return 1.0 - limits.cpu if name == "cpu" else float(getattr(limits, name))


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"


def _described(name: str, measured: Measured) -> str:
    """What was measured of the worst criterion, in words."""
    error, cpu = measured.error, measured.cpu
    if name in ("p99", "median"):
        value = error.p99 if name == "p99" else error.median
        if value is None:
            return "no task finished whose delay could be checked"
        which = "99th percentile" if name == "p99" else "median"
        return f"{which} of the delay error is {_percent(value)}"
    if name == "slipped":
        return f"{measured.slipped} events came too late to be handled in order"
    if name == "cpu":
        return f"executions got {_seconds(cpu.achieved_s)} of {_seconds(cpu.asked_s)} CPU seconds"
    if name == "burn":
        return f"burn {measured.burn:g} instead of {measured.asked_burn:g}"
    return f"payload {measured.payload} instead of {measured.asked_payload}"


def _less(measured: Measured) -> float:
    """A burnt share that the host may manage: half of the present one, or what it achieved; whole hundredths, or 0."""
    cpu = measured.cpu
    achieved = cpu.achieved_s / cpu.asked_s if cpu.asked_s > 0.0 else 1.0
    return math.floor(100.0 * measured.burn * min(0.5, achieved)) / 100.0


def _seconds(value: float) -> str:
    return f"{value:.0f}" if value >= 99.5 else f"{value:.3g}"


def _remedy(name: str, measured: Measured) -> str:
    """A sentence that names what helps most and can still be changed."""
    advised = 0.0 < measured.advised_speed < measured.speed
    slower = f"--speed {measured.advised_speed if advised else measured.speed / 2:g}"
    less_burn = f"--set emulation.burn={_less(measured):g}" if measured.burn > 0.0 else ""
    if name == "burn":
        return f"this host cannot burn more: --set emulation.burn={measured.burn:g} asks for what it can"
    if name == "payload":
        return "--set emulation.payload=real sends the bytes"
    if name in ("p99", "median") and measured.held > HELD_LIMIT * measured.tasks:
        less = f"--set emulation.guard={measured.guard_ms / 4:g}ms"
        return f"the guard is longer than {measured.held} executions that waited for it: {less}, or use {slower}"
    if name in ("p99", "median") and _is_doubt(name, measured):
        how = "set them by PTP, use hosts that are nearer to each other"
        return f"the hosts' clocks are not known any better: {how}, or {slower}"
    if measured.throttled is not None and is_held_back(measured.throttled):
        return _unthrottled(measured.throttled, less_burn, slower)
    if measured.steal > STEAL_LIMIT:
        return f"the hypervisor stole {_percent(measured.steal)} of the CPU: use a quieter host, or {slower}"
    if measured.host_cpu > BUSY_LIMIT:
        busy = f"the host was {100 * measured.host_cpu:.0f} % busy: stop what else runs there, or use {slower}"
        return f"{busy}, or {less_burn}" if less_burn else busy
    if name == "cpu" or (measured.cpu.asked_s > 0.0 and measured.cpu.achieved_s < 0.95 * measured.cpu.asked_s):
        return f"lower the burnt share: {less_burn}, or use {slower}" if less_burn else f"use {slower}"
    if name == "slipped":
        return f"give late events more room: --set emulation.guard={2 * measured.guard_ms:g}ms, or use {slower}"
    if measured.payload == "real" and measured.speed > REAL_SPEED:
        return f"use {slower}, or --set emulation.payload=declared"
    if measured.ues_per_process == 1 and measured.ues > PACKED:
        return f"use {slower}, or fewer processes: --set emulation.ues_per_process={PACKED}"
    return f"use {slower}"


def is_held_back(throttled: Throttled | None) -> bool:
    """Whether a CPU quota held a process back so often that it matters."""
    return throttled is not None and throttled.share > THROTTLED_LIMIT


def _is_doubt(name: str, measured: Measured) -> bool:
    """Whether most of the error is what clocks may be wrong by."""
    error, doubt = getattr(measured.error, name), getattr(measured.doubt, name)
    return error is not None and doubt is not None and doubt > error / 2


def _unthrottled(throttled: Throttled, less_burn: str, slower: str) -> str:
    """What to do about a limit that held a process back."""
    held = f"{throttled.process} used up its limit of {throttled.cores:g} CPU in {_percent(throttled.share)} of periods"
    remedies = ("raise emulation.limits or what else set it", less_burn, f"use {slower}")
    return f"{held}: {', or '.join(remedy for remedy in remedies if remedy)}"
