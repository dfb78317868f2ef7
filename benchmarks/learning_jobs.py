"""What `learning.py` measures: one job a (setting, seed), each a line of JSON when it is done."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from controller.learn import options
from controller.learn.evaluate import evaluate
from controller.learn.learner import TrainConfig
from controller.learn.train import Budget, Evaluator, Report, Trainer
from harness import PLAIN
from testbed.experiments import tune
from testbed.model import statistics
from testbed.policy import checkpoint, loading
from testbed.policy.heuristics import Policy
from testbed.scenario.load import load_scenario
from testbed.scenario.schema import Scenario
from testbed.trace import inputs
from testbed.twin import build
from testbed.twin.twin import Twin

EVALUATION, EVALUATION_SLOTS = range(1, 11), 1000
UPDATES = {"a3c": 36_000, "dqn": 10_800}
CURVE_POINTS, VALIDATION = 48, 8
SHORT = 12_000
SAMPLES = SHORT * 8 * 20
TRAINED_ON = ("region", ("density=0.9",))
BUDGET = ("workers", "synchronous")
BOUND_SLOTS, BOUND_WORKLOADS = 50, 5


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Train ``algorithm`` with ``options`` on ``scenario`` with ``changes``, and evaluate what it became.

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


def config_of(job: Job) -> TrainConfig:
    """What the job trains by: its options over the defaults."""
    scenario = scenario_of(job)
    system = inputs.resolve(scenario).system
    base, double = job.algorithm.removesuffix("-do"), job.algorithm.endswith("-do")
    config = TrainConfig(
        system=system,
        source=build.generator(scenario, system, endless=True),
        double=double,
        algorithm=base,
        seed=job.seed,
        updates=UPDATES[base],
    )
    fields, hyper_fields = options.fields_of(TrainConfig), options.fields_of(type(config.hyper))
    chosen = {hyper_fields[name]: value for name, value in job.options.items() if name in hyper_fields}
    own = {
        fields[name]: value for name, value in job.options.items() if name not in hyper_fields and name not in BUDGET
    }
    hyper = {options.FIELDS_OF[base]: msgspec.structs.replace(config.hyper, **chosen)}
    return msgspec.structs.replace(config, **hyper, **own)


def train(job: Job, folder: Path) -> dict[str, Any]:
    """Train and evaluate a network; ``curve``: (CPU seconds, updates, validation overhead) at every evaluation,
    wall seconds with several workers."""
    config, scenario = config_of(job), scenario_of(job)
    finite = build.generator(scenario, config.system, endless=False)
    evaluator = Evaluator(config, finite, list(tune.training_seeds(0, VALIDATION)))
    path, curve, workers = job.checkpoint(folder), [], job.options.get("workers", 1)
    every = config.updates // CURVE_POINTS
    every_s, synchronous = 0.0 if workers == 1 else 2.0, job.options.get("synchronous", False)
    budget = Budget(
        seconds=0.0,
        updates=config.updates,
        workers=workers,
        every_s=every_s,
        every_updates=every,
        early_stop=False,
        synchronous=synchronous,
    )
    clock = time.process_time if workers == 1 else time.monotonic
    cpu, began = clock(), time.monotonic()
    reports: list[Report] = []

    def note(report: Report) -> None:
        reports.append(report)
        curve.append((round(clock() - cpu, 2), report.updates, report.overhead))

    Trainer(config, budget, evaluator, path, config.about).run(note)
    measured = {"cpu_s": clock() - cpu, "wall_s": time.monotonic() - began, "curve": curve}
    last = reports[-1]
    measured |= {
        "updates_per_s": last.rate,
        "policy_lag": last.lag,
        "world_slots": last.slots,
        "validation": evaluator.best,
    }
    return {**measured, **evaluated(job, config, evaluator.best_params, scenario_of(job, EVALUATION_SLOTS))}


def evaluated(job: Job, config: TrainConfig, params: Any, scenario: Scenario) -> dict[str, Any]:
    """Mean overhead and verdict of a network on each evaluation workload."""
    system = inputs.resolve(scenario).system
    result = evaluate(
        system,
        build.generator(scenario, system, endless=False),
        double=config.double,
        params=params,
        actor=config.actor,
        seeds=EVALUATION,
    )
    return {"overhead": result.overhead.tolist(), "stable": result.stable.tolist()}


def played(
    scenario: Scenario, seeds: Sequence[int], slot: Callable[[Twin], Any], *, double: bool
) -> dict[str, list[Any]]:
    """Mean overhead and verdict on each seed's workload; ``slot`` plays one slot and returns what the cells earned."""
    system = inputs.resolve(scenario).system
    room = 4 * len(system.ues) * system.slots
    twin = Twin(system, build.generator(scenario, system, endless=False), len(seeds), double=double, capacity=room)
    twin.reset(np.array(seeds))
    sums = np.zeros((2, len(seeds)))
    backlog: list[NDArray[np.integer[Any]]] = []
    while twin.slot[0] < 5 * system.slots and (twin.slot[0] < system.slots or twin.inside.any()):
        cells = slot(twin)
        sums += [cells[name].sum(axis=1) for name in ("overhead", "finished")]
        if len(backlog) < system.slots:
            backlog.append(twin.inside.copy())
    columns = np.array(backlog).T.tolist()
    return {
        "overhead": np.where(twin.inside > 0, np.inf, sums[0] / np.maximum(sums[1], 1)).tolist(),
        "stable": [statistics.stable(one, n / system.slots) for one, n in zip(columns, sums[1], strict=True)],
    }


def follow(policy: Policy) -> Callable[[Twin], Any]:
    """What plays one slot by a heuristic."""

    def slot(twin: Twin) -> Any:
        twin.use(policy)
        return twin.advance(1)

    return slot


def baselines(job: Job, folder: Path) -> dict[str, Any]:
    """The heuristics on the evaluation workloads, ``coin`` and ``priced`` tuned on training workloads."""
    scenario, longer = scenario_of(job), scenario_of(job, EVALUATION_SLOTS)
    chosen = {name: loading.load(name)[0] for name in PLAIN}
    tried = {}
    for name in ("coin", "coin-do", "priced", "priced-do"):
        tuned = tune.tune(scenario, name, 0, lambda text, share: None)
        chosen[name], tried[name] = tune.policy_of(tuned.policy, list(tuned.values.values())), tuned.tried
    strategies = {
        name: played(longer, EVALUATION, follow(policy), double=name.endswith("-do")) for name, policy in chosen.items()
    }
    return {"strategies": strategies, "tried": tried}


def trained(job: Job, folder: Path) -> Path:
    """The checkpoint of a job; it is trained first if it is not there."""
    path = job.checkpoint(folder)
    if not path.exists():
        train(job, folder)
    return path


def transfer(job: Job, folder: Path) -> dict[str, Any]:
    """What a network that was trained on `TRAINED_ON`, with the job's options, does on another scenario.

    It is trained first if it is not there.
    """
    scenario, changes = TRAINED_ON
    result = Job(table="", scenario=scenario, changes=changes, algorithm="a3c-do", seed=job.seed, options=job.options)
    path = trained(result, folder)
    config = msgspec.structs.replace(config_of(result), system=inputs.resolve(scenario_of(job)).system)
    params = checkpoint.read(path)[0]["parameters"]
    return {"curve": [], **evaluated(job, config, params, scenario_of(job, EVALUATION_SLOTS))}


def sb3(job: Job, folder: Path) -> dict[str, Any]:
    """A model of Stable-Baselines3 with as many samples as A3C has."""
    import learning_sb3 as training

    scenario, longer = scenario_of(job), scenario_of(job, EVALUATION_SLOTS)
    curve: list[tuple[float, int, float]] = []

    def note(model: Any, cpu_s: float) -> None:
        validation = played(scenario, tune.training_seeds(0, VALIDATION), training.follow(model), double=True)
        curve.append((round(cpu_s, 2), model.num_timesteps, float(np.mean(validation["overhead"]))))

    model = training.train(job.algorithm, scenario, job.seed, SAMPLES, CURVE_POINTS, note)
    pace = {"cpu_s": curve[-1][0], "updates_per_s": model._n_updates / curve[-1][0], "world_slots": curve[-1][1]}
    return {"curve": curve, **pace, **played(longer, EVALUATION, training.follow(model), double=True)}


def bound(job: Job, folder: Path) -> dict[str, Any]:
    """What ``testbed bound`` finds in hindsight on short workloads that nobody trained on, and who is how far above."""
    path = trained(msgspec.structs.replace(job, algorithm="a3c-do"), folder)
    tuned = tune.write(tune.tune(scenario_of(job), "priced-do", 0, lambda text, share: None), folder)
    names = f"greedy-do,priced-do:{tuned},a3c-do:{path}"
    changes = [word for change in job.changes for word in ("--set", change)]
    length = f"--slots {BOUND_SLOTS} --seed {EVALUATION[0]} --seeds {BOUND_WORKLOADS}".split()
    command = ["bound", job.scenario, "--json", "--policies", names, *length, *changes]
    done = subprocess.run([sys.executable, "-m", "testbed", *command], check=True, stdout=subprocess.PIPE)
    return {"bound": json.loads(done.stdout)}


KINDS = {"baselines": baselines, "transfer": transfer, "bound": bound, "sb3-a2c": sb3, "sb3-ppo": sb3}


def carry_out(job: Job, folder: Path) -> dict[str, Any]:
    """Carry out a job; returns its line. ``all_cpu_s``: with evaluation, and with processes that it started."""
    before = _cpu_s()
    results = KINDS.get(job.algorithm, train)(job, folder)
    return {**msgspec.to_builtins(job), **results, "all_cpu_s": round(_cpu_s() - before, 1)}


def _cpu_s() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system
