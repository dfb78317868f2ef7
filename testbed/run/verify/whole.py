"""A whole scenario on processes against the simulation of the same run."""

from collections.abc import Iterator

from testbed.model import fidelity
from testbed.model.errors import InterruptedRunError
from testbed.model.scenario import Resolved
from testbed.model.task import INTERRUPTED, Task
from testbed.run import session
from testbed.run.session import Order
from testbed.run.verify.bench import Check

POLICY = "greedy-do"


def scenario(resolved: Resolved, workload: tuple[Task, ...], out: str) -> Iterator[Check]:
    """Its fidelity, with the limits of grade A."""
    run = session.execute(Order(resolved, workload, POLICY, out=out))
    if run.reason == INTERRUPTED:
        raise InterruptedRunError("verification was interrupted")
    found, limits = session.summary_of(run).fidelity, fidelity.LIMITS["A"]
    what, count = f"{resolved.system.name}, {POLICY}, speed {resolved.emulation.speed:g}", len(run.tasks)
    for name, value, limit in (
        ("median", found.delay_error.median, limits.median),
        ("p99", found.delay_error.p99, limits.p99),
    ):
        error = float("nan") if value is None else value
        yield Check("scenario", f"{what}: {name} error", 0.0, error, "of a delay", error, limit, count, error <= limit)
    missing = 1.0 - found.cpu.achieved_s / found.cpu.asked_s if found.cpu.asked_s else 0.0
    yield Check(
        "scenario", f"{what}: CPU", found.cpu.asked_s, found.cpu.achieved_s, "CPU s", max(0.0, missing),
        1.0 - limits.cpu, count, missing <= 1.0 - limits.cpu,
    )  # fmt: skip
