"""A whole scenario on processes against the simulation of the same run, and on the twin against the simulation."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from testbed.experiments import runner
from testbed.experiments.runner import Order
from testbed.experiments.virtual import by_twin
from testbed.model import fidelity
from testbed.model.errors import InterruptedRunError, ScenarioError
from testbed.model.task import INTERRUPTED, Task
from testbed.policy import loading
from testbed.protocol.rows import Row, TaskRow, rows_by_task
from testbed.scenario.resolve import Resolved
from testbed.sim.simulation import simulate
from testbed.verify.bench import Check

VERIFIED_POLICY = "greedy-do"
FLOATS = ("energy_j", "energy_measured_j", "overhead")
ENERGY_ERROR = 1e-12


def scenario(resolved: Resolved, workload: Sequence[Task], out: str) -> Iterator[Check]:
    """Its fidelity, with the limits of grade A."""
    run = runner.execute(Order(resolved=resolved, workload=workload, policy=VERIFIED_POLICY, out=out))
    if run.reason == INTERRUPTED:
        raise InterruptedRunError("verification was interrupted")
    measured, limits = runner.summary_of(run).fidelity, fidelity.LIMITS["A"]
    what, count = f"{resolved.system.name}, {VERIFIED_POLICY}, speed {resolved.emulation.speed:g}", len(run.tasks)
    for name, value, limit in (
        ("median", measured.delay_error.median, limits.median),
        ("p99", measured.delay_error.p99, limits.p99),
    ):
        error = float("nan") if value is None else value
        yield Check(
            kind="scenario",
            what=f"{what}: {name} error",
            asked=0.0,
            measured=error,
            unit="of a delay",
            error=error,
            limit=limit,
            samples=count,
            ok=error <= limit,
        )
    missing = 1.0 - measured.cpu.achieved_s / measured.cpu.asked_s if measured.cpu.asked_s else 0.0
    yield Check(
        kind="scenario",
        what=f"{what}: CPU",
        asked=measured.cpu.asked_s,
        measured=measured.cpu.achieved_s,
        unit="CPU s",
        error=max(0.0, missing),
        limit=1.0 - limits.cpu,
        samples=count,
        ok=missing <= 1.0 - limits.cpu,
    )


def twin(resolved: Resolved, workload: Sequence[Task], say: Callable[[str], None]) -> Iterator[Check]:
    """Whether the twin records the simulation's rows, in every table; nothing, which
    ``say`` hears, if it cannot express the tasks."""
    policy, double = loading.load(VERIFIED_POLICY)
    plan = resolved.plan(workload, VERIFIED_POLICY, second_offload=double, live=False)
    try:
        ran = by_twin(plan, policy)
    except ScenarioError as error:
        say(f"the twin is left out: {error}")
        return
    simulated = simulate(plan, policy)
    differ = differing(simulated.tasks, ran.tasks)
    for expected, repeated in (
        (simulated.slots, ran.slots),
        (simulated.links, ran.links),
        (simulated.events, ran.events),
    ):
        differ += unlike(expected, repeated)
    what = f"{resolved.system.name}, {VERIFIED_POLICY}: rows unlike the simulation's"
    yield Check(
        kind="twin",
        what=what,
        asked=0.0,
        measured=differ,
        unit="rows",
        error=differ,
        limit=0.0,
        samples=len(workload),
        ok=differ == 0,
    )


def unlike(expected: Iterable[Row], actual: Iterable[Row]) -> int:
    """How many rows stand on one side only, whatever their order."""
    one, other = Counter(expected), Counter(actual)
    return (one - other).total() + (other - one).total()


def differing(expected: Sequence[TaskRow], actual: Sequence[TaskRow]) -> int:
    """How many tasks have different rows, or a row on one side only; floats may differ by rounding."""
    one, other = rows_by_task(expected), rows_by_task(actual)
    return sum(key not in one or key not in other or not _same(one[key], other[key]) for key in one | other)


def _same(a: TaskRow, b: TaskRow) -> bool:
    first, second = msgspec.structs.asdict(a), msgspec.structs.asdict(b)
    close = all(math.isclose(first.pop(name), second.pop(name), rel_tol=ENERGY_ERROR) for name in FLOATS)
    return close and first == second
