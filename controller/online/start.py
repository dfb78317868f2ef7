"""Where learning in a run begins: its last checkpoint, or the policy's own, or a fresh network."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from controller.online.behaviour_policy import BehaviourPolicy
from testbed.model.system import Plan
from testbed.policy import checkpoint, loading, network
from testbed.policy.checkpoint import can_learn_online
from testbed.policy.learned import Learned
from testbed.policy.network import Array
from testbed.policy.published_weights import Weights

WEIGHTS, CHECKPOINT = Path("node/weights"), Path("learned.npz")
ALGORITHM, SQUARE, SEED = "a3c", 1e-4, 1


class Beginning(msgspec.Struct, frozen=True):
    """The parameters, their RMSProp squares_avg, how many updates made them, and the checkpoint's header."""

    params: Array
    square_avg: Array
    updates: int
    about: dict[str, Any]


def beginning(plan: Plan) -> Beginning:
    """What a learner of ``plan`` goes on from; the run's directory is the current one."""
    _, _, path = loading.parts(plan.policy)
    if CHECKPOINT.exists():
        arrays, about = checkpoint.read(CHECKPOINT)
        return Beginning(arrays["parameters"], arrays["square"], int(arrays["progress"][0]), about)
    if path:
        arrays, about = checkpoint.read(Path(path))
        params = arrays["parameters"].astype(np.float32)
        about = {**about, "second_offload": plan.second_offload}
        return Beginning(params, arrays.get("square", _squares_avg(params)), 0, about)
    params = network.initial(SEED)
    about = {"algorithm": ALGORITHM, "head": "sequential", "second_offload": plan.second_offload}
    return Beginning(params, _squares_avg(params), 0, about)


def _squares_avg(params: Array) -> Array:
    return np.full(len(params), SQUARE, np.float32)


def save(params: Array, square_avg: Array, updates: int, version: int, about: dict[str, Any], run: str) -> None:
    """Write the run's checkpoint, which is also a policy to run elsewhere."""
    arrays = {"parameters": params, "square": square_avg, "progress": np.array([updates, version], np.int64)}
    checkpoint.save(CHECKPOINT, arrays, {**about, "learned": {"run": run, "updates": updates, "version": version}})


def behaviour(plan: Plan) -> BehaviourPolicy:
    """The policy that answers in a run that learns; it follows the published weights."""
    path = CHECKPOINT if CHECKPOINT.exists() else Path(loading.parts(plan.policy)[2])
    learned = can_learn_online(path) if path.name else Learned(network.initial(SEED), double=plan.second_offload)
    learned.double, learned.explore = plan.second_offload, True
    weights = Weights.create(WEIGHTS, learned.params)

    def latest() -> tuple[Array, int]:
        weights.refresh()
        return weights.params, weights.version

    return BehaviourPolicy(learned, latest)
