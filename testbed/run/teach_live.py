"""Training on the testbed: a run learns from what it measures, and what it has learned becomes the checkpoint."""

import math
import os
import shutil
from pathlib import Path

import msgspec

from controller import policies
from controller.live.beginning import CHECKPOINT
from testbed.model.errors import StartError, UsageError
from testbed.model.schema import Scenario
from testbed.run import tune
from testbed.run.record import Run
from testbed.run.session import Order
from testbed.run.summary import Summary
from testbed.trace import inputs


class TaughtLive(msgspec.Struct, frozen=True):
    """What training on the testbed came to; ``overhead`` is the run's own mean, exploration included."""

    checkpoint: str
    algorithm: str
    run: str
    overhead: float
    ended: str
    slots: int
    speed: float
    updates: int
    updates_per_s: float
    policy_lag: float
    seed: int
    start: str


def order(scenario: Scenario, algorithm: str, seed: int, seconds: float, start: str) -> Order:
    """The run to learn from: ``seconds`` of wall time, 0 for the scenario's own slots, from the checkpoint ``start`` or
    from nothing (""). Its workload is a training workload of ``seed``. Raises `UsageError` for what cannot learn there.
    """
    base = policies.parts(algorithm)[0]
    if base != policies.TEACHABLE:
        raise UsageError(f"{algorithm} is not trained on the testbed", "a3c and a3c-do are; leave out --on testbed")
    slots = math.ceil(seconds * scenario.emulation.speed * 1e9 / scenario.slot_ns) if seconds else scenario.slots
    lesson = msgspec.structs.replace(scenario, slots=slots, seed=tune.training_seeds(seed, 1)[0])
    resolved = inputs.resolve(lesson)
    policy = f"{algorithm}:{start}" if start else algorithm
    return Order(resolved, inputs.generate(resolved.scenario, resolved.system), policy, learn=True, base="train")


def kept(run: Run, summary: Summary, path: Path, algorithm: str, seed: int, start: str) -> TaughtLive:
    """Put what ``run`` has learned at ``path``; `StartError` if that is nothing."""
    learned = run.path / CHECKPOINT
    if not learned.exists():
        raise StartError(
            f"nothing was learned in {summary.slots} slots", "train for longer: more --slots, or --for 300s"
        )
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    shutil.copyfile(learned, part)
    os.replace(part, path)
    found = summary.learning
    updates, pace, lag = (found.updates, found.updates_per_s, found.policy_lag) if found else (0, 0.0, 0.0)
    return TaughtLive(
        str(path), algorithm, str(run.path), summary.overhead.mean, summary.ended, summary.slots, summary.speed,
        updates, pace, lag, seed, start,
    )  # fmt: skip
