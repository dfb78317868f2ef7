"""The twin's speed: ``python benchmarks/twin.py [--json]``, seconds of CPU time of one core, medians, ratios of
this very run.

The first row plays `region` under greedy with second offload, tasks drawn as it goes, against a SimPy model of the same
scenario (benchmarks/simpy_model.py), which first has to give the same delay for every task of one workload.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import simpy_model
from harness import report, table
from testbed.gym.vector import EdgeOffloadVector
from testbed.policy.heuristics import Priced
from testbed.scenario.load import load_scenario
from testbed.scenario.resolve import Resolved
from testbed.sim.simulation import simulate
from testbed.trace import inputs
from testbed.twin import build
from testbed.twin.twin import Twin

WORLDS, SLOTS, WALL_S = 256, 200, 0.5
SCALE_UES, SCALE_WORLDS = (15, 60, 150, 600, 1500), (1, 4, 16, 64, 256, 1024, 4096)


def region(*settings: str) -> Resolved:
    """The scenario, resolved."""
    return inputs.resolve(load_scenario("region", list(settings)))


def twin_of(resolved: Resolved, worlds: int) -> Twin:
    """Worlds of greedy-do whose tasks never end."""
    source = build.generator(resolved.scenario, resolved.system, endless=True)
    twin = Twin(resolved.system, source, worlds, double=True)
    twin.use(Priced())
    twin.reset(np.arange(worlds))
    twin.advance(20)
    return twin


def rate(step: Callable[[], int], runs: int, least_s: float = 0.3) -> tuple[float, list[float]]:
    """Median and all of ``runs`` rates of ``step``, which returns how many tasks it played, per second of CPU time."""
    rates = []
    for _ in range(runs):
        begun, tasks = time.process_time(), 0
        while (spent := time.process_time() - begun) < least_s:
            tasks += step()
        rates.append(tasks / spent)
    return statistics.median(rates), rates


def native(resolved: Resolved, worlds: int, runs: int) -> tuple[float, list[float]]:
    """Tasks a second of the twin alone."""
    twin = twin_of(resolved, worlds)
    return rate(lambda: int(twin.advance(SLOTS)["decided"].sum()), runs)


def on_cores(resolved: Resolved, worlds: int, runs: int, cores: list[int]) -> float:
    """Tasks a second of wall time, the worlds shared out among threads, each on a core of its own: the median.

    Compiled code holds no lock, so threads do what a parallel loop over worlds would, without a build of their own.
    """
    twins = [twin_of(resolved, worlds // len(cores)) for _ in cores]

    def play(core: int, twin: Twin) -> int:
        os.sched_setaffinity(0, {core})
        return int(twin.advance(SLOTS)["decided"].sum())

    rates = []
    with ThreadPoolExecutor(len(cores)) as pool:
        for _ in range(runs):
            begun, tasks = time.monotonic(), 0
            while (spent := time.monotonic() - begun) < WALL_S:
                tasks += sum(pool.map(play, cores, twins))
            rates.append(tasks / spent)
    return statistics.median(rates)


def simpy(runs: int) -> tuple[float, list[float], int]:
    """Tasks a second of the SimPy model, and how many of its delays differ from the simulation's by 1 ns or more."""
    resolved = region(f"slots={SLOTS}")
    workload = tuple(inputs.generate(resolved.scenario, resolved.system))
    plan = resolved.plan(workload, "greedy-do", second_offload=True, live=False)
    names = {ue.name: ue.index for ue in resolved.system.ues}
    exact = {(names[row.ue], row.number): row.measured_ns for row in simulate(plan, Priced()).tasks}
    delays = simpy_model.simulate(resolved.system, workload)
    wrong = sum(delays[key] != exact[key] for key in exact)

    def play() -> int:
        return len(simpy_model.simulate(resolved.system, workload))

    return *rate(play, runs), wrong


def through_gym(worlds: int, runs: int) -> tuple[float, list[float], float]:
    """Tasks a second and world slots a second through ``VectorEnv.step``, observations and rewards included."""
    env = EdgeOffloadVector(worlds, copy=False)
    env.reset(seed=1)
    actions = np.random.default_rng(1).integers(0, 2, env.action_space.shape, np.int8)
    per_step = sum(native_rates(region())) * worlds

    def step() -> int:
        env.step(actions)
        return round(per_step)

    rates = rate(step, runs)
    env.close()
    return *rates, rates[0] / per_step * worlds


def native_rates(resolved: Resolved) -> list[float]:
    """Expected tasks of each UE in a slot."""
    scenario = resolved.scenario
    return [scenario.density * scenario.cells[ue.cell].density_factor for ue in resolved.system.ues]


def scaling(runs: int) -> dict[str, dict[int, float]]:
    """Nanoseconds a task, by UEs (with as many worlds as fill a core) and by worlds of 15 UEs."""
    by_ues = {}
    for ues in SCALE_UES:
        cells = ", ".join(
            f"{{es: {{cpu: {speed * ues / 15:g} GHz}}, ues: {ues // 3}, density_factor: {factor}}}"
            for speed, factor in ((4, 0.6), (3, 1.0), (2, 1.4))
        )
        by_ues[ues] = 1e9 / native(region(f"cells=[{cells}]"), max(1, WORLDS * 15 // ues), runs)[0]
    return {"ues": by_ues, "worlds": {worlds: 1e9 / native(region(), worlds, runs)[0] for worlds in SCALE_WORLDS}}


def memory() -> dict[str, float]:
    """Bytes a UE and world without tasks, and a task in the system."""
    resolved = region()
    source = build.generator(resolved.scenario, resolved.system, endless=True)
    ues, worlds = len(resolved.system.ues), 64
    small, large = (Twin(resolved.system, source, worlds, double=True, capacity=room).nbytes for room in (100, 1100))
    a_task = (large - small) / worlds / 1000
    return {"task_bytes": a_task, "ue_world_bytes": (small / worlds - 100 * a_task) / ues}


def first_step_s() -> float:
    """Seconds from the start of a fresh interpreter's import to its first step, compiled code cached."""
    code = (
        "import time; t = time.perf_counter();"
        "import sys; sys.path.insert(0, 'benchmarks'); import twin;"
        "twin.twin_of(twin.region(), 1).advance(1); print(time.perf_counter() - t)"
    )
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", code], cwd=root, check=True, capture_output=True, text=True)
    return float(done.stdout)


def measure(runs: int, cores: list[int], *, quick: bool) -> dict[str, Any]:
    """Tasks a second of the twin (on the last of ``cores``, and on all), of SimPy and through Gymnasium, and the twin's
    memory, and ns a task."""
    tasks, all_tasks = native(region(), WORLDS, runs)
    other, all_other, wrong = simpy(runs)
    stepped, all_stepped, slots = through_gym(WORLDS, runs)
    first_step_s()
    single, shared = (on_cores(region(), WORLDS, runs, some) for some in (cores[-1:], cores))
    speeds: dict[str, Any] = {
        "tasks_per_s": tasks,
        "tasks_per_s_runs": all_tasks,
        "simpy_tasks_per_s": other,
        "simpy_runs": all_other,
        "ratio": tasks / other,
        "simpy_delays_that_differ": wrong,
        "cores": len(cores),
        "wall_tasks_per_s": (single, shared),
        "gym_tasks_per_s": stepped,
        "gym_runs": all_stepped,
        "gym_world_slots_per_s": slots,
        **memory(),
        "first_step_s": first_step_s(),
    }
    return speeds if quick else {**speeds, "ns_per_task": scaling(max(1, runs // 2))}


def shown(speeds_found: dict[str, Any]) -> str:
    """The tables."""

    def spread(runs: list[float]) -> str:
        return f"{min(runs):,.0f} … {max(runs):,.0f}"

    single, shared = speeds_found["wall_tasks_per_s"]
    speeds = table(
        ("what", "median", "runs"),
        [
            ("twin, tasks/s", f"{speeds_found['tasks_per_s']:,.0f}", spread(speeds_found["tasks_per_s_runs"])),
            ("SimPy, tasks/s", f"{speeds_found['simpy_tasks_per_s']:,.0f}", spread(speeds_found["simpy_runs"])),
            (
                "ratio",
                f"{speeds_found['ratio']:,.0f}",
                f"delays that differ: {speeds_found['simpy_delays_that_differ']}",
            ),
            (
                f"{speeds_found['cores']} cores, a thread each, tasks/s of wall time",
                f"{shared:,.0f}",
                f"{shared / single:.2f} times one core's",
            ),
            (
                "through VectorEnv.step, tasks/s",
                f"{speeds_found['gym_tasks_per_s']:,.0f}",
                spread(speeds_found["gym_runs"]),
            ),
            ("the same, world slots/s", f"{speeds_found['gym_world_slots_per_s']:,.0f}", ""),
            (
                "bytes a UE and world; a task",
                f"{speeds_found['ue_world_bytes']:.0f}; {speeds_found['task_bytes']:.0f}",
                "",
            ),
            ("first step after import, cached, s", f"{speeds_found['first_step_s']:.2f}", ""),
        ],
    )
    scaled = [
        table((name, *map(str, row)), [("ns a task", *(f"{value:.0f}" for value in row.values()))])
        for name, row in speeds_found.get("ns_per_task", {}).items()
    ]
    return "\n\n".join([speeds, *scaled])


def main() -> None:
    """Measure on one core and print."""
    parser = argparse.ArgumentParser(description="speed of the twin")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="without the tables of scaling")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[-1:])
    speeds = measure(args.runs, cores, quick=args.quick)
    report(args, speeds, shown(speeds))


if __name__ == "__main__":
    main()
