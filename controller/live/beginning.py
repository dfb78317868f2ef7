"""Where learning in a run begins: its last checkpoint, or the policy's own, or a fresh network."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from controller import checkpoint, network, policies
from controller.learned import Learned
from controller.live.student import Student
from controller.live.weights import Weights
from controller.network import Array
from testbed.model.system import Plan

WEIGHTS, CHECKPOINT = Path("node/weights"), Path("learned.npz")
ALGORITHM, SQUARE = "a3c", 1e-4


class Beginning(msgspec.Struct, frozen=True):
    """The parameters, their RMSProp squares, how many updates made them, and the checkpoint's header."""

    flat: Array
    square: Array
    updates: int
    about: dict[str, Any]


def beginning(plan: Plan, seed: int = 1) -> Beginning:
    """What a learner of ``plan`` goes on from; the run's directory is the current one."""
    _, _, path = policies.parts(plan.policy)
    if CHECKPOINT.exists():
        arrays, about = checkpoint.read(CHECKPOINT)
        return Beginning(arrays["parameters"], arrays["square"], int(arrays["progress"][0]), about)
    if path:
        arrays, about = checkpoint.read(Path(path))
        flat = arrays["parameters"].astype(np.float32)
        return Beginning(flat, arrays.get("square", _squares(flat)), 0, about)
    flat = network.initial(seed)
    about = {"algorithm": ALGORITHM, "head": "sequential", "second_offload": plan.second_offload}
    return Beginning(flat, _squares(flat), 0, about)


def _squares(flat: Array) -> Array:
    return np.full(len(flat), SQUARE, np.float32)


def save(flat: Array, square: Array, updates: int, version: int, about: dict[str, Any], run: str) -> None:
    """Write the run's checkpoint, which is also a policy to run elsewhere."""
    arrays = {"parameters": flat, "square": square, "progress": np.array([updates, version], np.int64)}
    checkpoint.save(CHECKPOINT, arrays, {**about, "learned": {"run": run, "updates": updates, "version": version}})


def student(plan: Plan) -> Student:
    """The policy that answers in a run that learns; it follows the published weights."""
    begun = beginning(plan)
    weights = Weights.create(WEIGHTS, begun.flat)
    sequential = begun.about.get("head", "sequential") == "sequential"

    def latest() -> tuple[Array, int]:
        weights.refresh()
        return weights.flat, weights.version

    return Student(Learned(begun.flat, plan.second_offload, sequential, explore=True), latest)
