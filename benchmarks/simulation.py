"""The simulation's speed: ``python benchmarks/simulation.py [--json]``, µs of CPU time a task, against SimPy, turn by
turn in one process.

`region` under greedy with second offload. The SimPy model (benchmarks/simpy_model.py) records nothing but delays, which
have to be the same; the simulation drives the cores of UEs, ESs and controller, message by message, and keeps the rows
of tasks, slots and links.
"""

import argparse
import gc
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import simpy_model
from harness import report, table
from testbed.policy.heuristics import Priced
from testbed.scenario.load import load_scenario
from testbed.sim.simulation import simulate
from testbed.trace import inputs


def spent_us(play: Callable[[], object], tasks: int) -> float:
    """Microseconds of CPU time a task that ``play`` takes."""
    gc.collect()
    begun = time.process_time()
    play()
    return (time.process_time() - begun) / tasks * 1e6


def measure(runs: int, slots: int) -> dict[str, Any]:
    """Both of them ``runs`` times, after a first turn that is not counted."""
    resolved = inputs.resolve(load_scenario("region", [f"slots={slots}"]))
    tasks = tuple(inputs.generate(resolved.scenario, resolved.system))
    plan = resolved.plan(tasks, "greedy-do", second_offload=True, live=False)
    names = {ue.name: ue.index for ue in resolved.system.ues}
    exact = {(names[row.ue], row.number): row.measured_ns for row in simulate(plan, Priced()).tasks}
    wrong = sum(exact[key] != delay for key, delay in simpy_model.simulate(resolved.system, tasks).items())
    ours, theirs = [], []
    for _ in range(runs):
        ours.append(spent_us(lambda: simulate(plan, Priced()), len(tasks)))
        theirs.append(spent_us(lambda: simpy_model.simulate(resolved.system, tasks), len(tasks)))
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
    return {
        "tasks": len(tasks),
        "simulation_us": ours,
        "simpy_us": theirs,
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "delays_that_differ": wrong,
    }


def shown(figures: dict[str, Any]) -> str:
    """The table."""

    def row(name: str, values: list[float], digits: int) -> tuple[str, ...]:
        return name, f"{statistics.median(values):.{digits}f}", f"{min(values):.{digits}f} … {max(values):.{digits}f}"

    rows = [
        row("simulation, µs a task", figures["simulation_us"], 1),
        row("SimPy, µs a task", figures["simpy_us"], 1),
        row("ratio", figures["ratios"], 2),
        ("delays that differ", str(figures["delays_that_differ"]), f"of {figures['tasks']}"),
    ]
    return table(("what", "median", "runs"), rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="speed of the simulation")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--slots", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    figures = measure(args.runs, args.slots)
    report(args, figures, shown(figures))


if __name__ == "__main__":
    main()
