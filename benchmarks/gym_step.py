"""Microseconds of a step of one environment: ``python benchmarks/gym_step.py``, CPU time, medians of many rounds."""

import gc
import statistics
import time
from collections.abc import Callable

import numpy as np

from testbed.gym import spaces
from testbed.gym.env import EdgeOffload

STEPS, ROUNDS = 500, 40


def microseconds(call: Callable[[], object]) -> tuple[float, float]:
    """Median and least CPU time of a call over `ROUNDS` rounds."""
    found = []
    for _ in range(ROUNDS):
        begun = time.process_time_ns()
        for _ in range(STEPS):
            call()
        found.append((time.process_time_ns() - begun) / STEPS / 1000)
    return statistics.median(found), min(found)


def main() -> None:
    """Print a line for the step, and for each of its parts."""
    settings = ["slots=1000000", "density=0.5"]
    env = EdgeOffload(episode_slots=0, settings=settings)
    env.reset(seed=1)
    backend, rng = env.backend, np.random.default_rng(1)
    action = rng.integers(0, 2, 15, np.int8)
    wide = action.astype(np.int64)
    calls = {
        "step": lambda: env.step(action),
        "step, actions of int64": lambda: env.step(wide),
        "  check of the action": lambda: spaces.checked(action, env.config),
        "  slot and observation, compiled": lambda: backend.step(action),
        "  info": lambda: env._told.info(backend),
    }
    gc.disable()
    print("median  least  microseconds of CPU time")
    for name, call in calls.items():
        median, least = microseconds(call)
        print(f"{median:6.1f} {least:6.1f}  {name}")


if __name__ == "__main__":
    main()
