"""Microseconds of a step of one environment: ``python benchmarks/gym_step.py``, CPU time, medians of many rounds."""

import argparse
import gc
import statistics
import time
from collections.abc import Callable

import numpy as np

from harness import report, table
from testbed.gym import spaces
from testbed.gym.env import EdgeOffload

STEPS, ROUNDS = 500, 40


def microseconds(call: Callable[[], object]) -> tuple[float, float]:
    """Median and least CPU time of a call over `ROUNDS` rounds."""
    rounds = []
    for _ in range(ROUNDS):
        begun = time.process_time_ns()
        for _ in range(STEPS):
            call()
        rounds.append((time.process_time_ns() - begun) / STEPS / 1000)
    return statistics.median(rounds), min(rounds)


def main() -> None:
    """Print a row for the step, and for each of its parts."""
    parser = argparse.ArgumentParser(description="microseconds of a step of one environment")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    env = EdgeOffload(episode_slots=0, settings=["slots=1000000", "density=0.5"])
    env.reset(seed=1)
    backend, rng = env.backend, np.random.default_rng(1)
    action = rng.integers(0, 2, 15, np.int8)
    wide = action.astype(np.int64)
    calls = {
        "step": lambda: env.step(action),
        "step, actions of int64": lambda: env.step(wide),
        "check of the action": lambda: spaces.checked(action, env.config),
        "slot and observation, compiled": lambda: backend.step(action),
        "info": lambda: env._region_info.info(backend),
    }
    gc.disable()
    times = {name: microseconds(call) for name, call in calls.items()}
    rows = [(name, f"{median:.1f}", f"{least:.1f}") for name, (median, least) in times.items()]
    report(args, times, table(("what", "CPU time, median µs", "least"), rows))


if __name__ == "__main__":
    main()
