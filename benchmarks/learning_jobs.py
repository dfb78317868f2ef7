"""What `learning.py` measures: one job a (setting, seed), each a line of JSON when it is done."""

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import msgspec

from controller import a3c, dqn
from controller.evaluate import evaluate
from controller.learner import Course
from controller.train import Budget, Judge, Report, Trainer
from testbed.model.load import load_scenario
from testbed.model.schema import Scenario
from testbed.run import tune
from testbed.run.rounds import Rounds
from testbed.trace import inputs
from testbed.twin import build

EVALUATION, EVALUATION_SLOTS = range(1, 11), 1000
UPDATES = {"a3c": 12_000, "dqn": 1_200}
VERDICTS, VALIDATION = 24, 8
PLAIN = ("lc", "offload", "offload-do", "random", "random-do", "greedy", "greedy-do")


class Job(msgspec.Struct, frozen=True):
    """Train ``algorithm`` with ``options`` of `Course` or its settings on ``scenario`` with ``changes``, and evaluate.

    ``algorithm`` "baselines" tunes and evaluates the heuristics. ``table`` is where the result is shown.
    """

    table: str
    scenario: str
    changes: tuple[str, ...]
    algorithm: str
    seed: int = 0
    options: dict[str, Any] = {}

    @property
    def key(self) -> str:
        """What tells it from every other job; the same training in two tables is one job."""
        return json.dumps([self.scenario, self.changes, self.algorithm, self.seed, sorted(self.options.items())])

    def checkpoint(self, folder: Path) -> Path:
        """Where its network is kept."""
        return folder / f"{self.algorithm}-{hashlib.sha256(self.key.encode()).hexdigest()[:12]}.npz"


def scenario_of(job: Job, slots: int | None = None) -> Scenario:
    """The job's scenario, for training or with ``slots`` for evaluation."""
    return load_scenario(job.scenario, [*job.changes, *([f"slots={slots}"] if slots else [])])


def course_of(job: Job) -> Course:
    """What the job trains by: its options over the defaults."""
    scenario = scenario_of(job)
    system = inputs.resolve(scenario).system
    base, double = job.algorithm.removesuffix("-do"), job.algorithm.endswith("-do")
    course = Course(system, build.generator(scenario, system, True), double, base, seed=job.seed, updates=UPDATES[base])
    own = {name: value for name, value in job.options.items() if name in Course.__struct_fields__}
    rest = {name: value for name, value in job.options.items() if name not in own and name != "workers"}
    settings = {"actor_critic": a3c.Settings(**rest)} if base == "a3c" else {"values": dqn.Settings(**rest)}
    return msgspec.structs.replace(course, **settings, **own)


def train(job: Job, folder: Path) -> dict[str, Any]:
    """Train and evaluate a network; ``curve``: (CPU seconds, updates, validation overhead) at every verdict."""
    course, scenario = course_of(job), scenario_of(job)
    finite = build.generator(scenario, course.system, False)
    judge = Judge(course, finite, list(tune.training_seeds(0, VALIDATION)))
    path, curve, workers = job.checkpoint(folder), [], job.options.get("workers", 1)
    every = course.updates // VERDICTS
    budget = Budget(0.0, course.updates, workers, 0.0 if workers == 1 else 2.0, every, early_stop=False)
    cpu, began = time.process_time(), time.monotonic()
    reports: list[Report] = []

    def note(report: Report) -> None:
        reports.append(report)
        curve.append((round(time.process_time() - cpu, 2), report.updates, report.overhead))

    Trainer(course, budget, judge, path, course.about).run(note)
    found = {"cpu_s": time.process_time() - cpu, "wall_s": time.monotonic() - began, "curve": curve}
    last = reports[-1]
    found |= {"updates_per_s": last.rate, "policy_lag": last.lag, "world_slots": last.slots, "validation": judge.best}
    return {**found, **evaluated(job, course, judge.best_flat, scenario_of(job, EVALUATION_SLOTS))}


def evaluated(job: Job, course: Course, flat: Any, scenario: Scenario) -> dict[str, Any]:
    """Mean overhead and verdict of a network on each evaluation workload."""
    system = inputs.resolve(scenario).system
    result = evaluate(system, build.generator(scenario, system, False), course.double, flat, course.actor, EVALUATION)
    return {"overhead": result.overhead.tolist(), "stable": result.stable.tolist()}


def baselines(job: Job, folder: Path) -> dict[str, Any]:
    """The heuristics on the evaluation workloads, ``coin`` and ``priced`` tuned on training workloads."""
    scenario, strategies, tried = scenario_of(job), {name: name for name in PLAIN}, {}
    here = folder / job.checkpoint(folder).stem
    for name in ("coin", "coin-do", "priced", "priced-do"):
        tuned = tune.tune(scenario, name, 0, lambda text: None)
        strategies[f"{name}:{tune.write(tuned, here)}"] = name
        tried[name] = tuned.tried
    rounds = Rounds(list(strategies), "twin", lambda text: None)
    rounds.play(scenario_of(job, EVALUATION_SLOTS), EVALUATION)
    found = {
        strategies[name]: {
            "overhead": [one.overhead for one in samples.values()],
            "stable": [one.stable for one in samples.values()],
        }
        for name, samples in rounds.samples.items()
    }
    return {"strategies": found, "tried": tried}


def carry_out(job: Job, folder: Path) -> dict[str, Any]:
    """Do it; returns its line."""
    result = baselines(job, folder) if job.algorithm == "baselines" else train(job, folder)
    return {**msgspec.to_builtins(job), **result}
