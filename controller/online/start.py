"""Where learning in a run begins: the policy's checkpoint, or a fresh network; and where what is learned is kept."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from controller.learn.optimiser import INITIAL_SQUARE_AVG
from controller.online.behaviour_policy import BehaviourPolicy, Source
from testbed.model.system import Plan
from testbed.policy import checkpoint, loading, network
from testbed.policy.checkpoint import can_learn_online
from testbed.policy.learned import Learned
from testbed.policy.network import Array
from testbed.policy.published_weights import Weights
from testbed.record.learning_requests import LEARNED_FILE

NODE, CHECKPOINT = Path("node"), Path(LEARNED_FILE)
SHARED_FILE, SAVING = NODE / "shared", NODE / "saving"
ALGORITHM, _SEED = "a3c", 1


class Beginning(msgspec.Struct, frozen=True):
    """The parameters, their RMSProp squares_avg, and the header of a checkpoint."""

    params: Array
    square_avg: Array
    about: dict[str, object]


def beginning(plan: Plan) -> Beginning:
    """What the workers of ``plan`` go on from; the run's directory is the current one."""
    _, _, path = loading.parts(plan.policy)
    if path:
        arrays, about = checkpoint.read(Path(path))
        params = arrays["parameters"].astype(np.float32)
        about = {**about, "second_offload": plan.second_offload}
        return Beginning(params, arrays.get("square", _squares_avg(params)), about)
    params = network.initial(_SEED)
    about = {"algorithm": ALGORITHM, "head": "sequential", "second_offload": plan.second_offload}
    return Beginning(params, _squares_avg(params), about)


def _squares_avg(params: Array) -> Array:
    return np.full(len(params), INITIAL_SQUARE_AVG, np.float32)


def weights_path(worker: str) -> Path:
    """Where the worker of that name publishes the copy of the parameters that decides its cells."""
    return NODE / f"weights-{worker}"


def save(params: Array, square_avg: Array, updates: int, about: dict[str, object], run: str) -> None:
    """Write the run's checkpoint, which is also a policy to run elsewhere."""
    arrays = {"parameters": params, "square": square_avg, "progress": np.array([updates, updates], np.int64)}
    checkpoint.save(CHECKPOINT, arrays, {**about, "learned": {"run": run, "updates": updates, "version": updates}})


@contextlib.contextmanager
def sole_saver(*, wait: bool) -> Iterator[bool]:
    """Whether this process is the only one that saves now; the kernel ends that with the process."""
    descriptor = os.open(SAVING, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(descriptor)


def behaviour(plan: Plan) -> BehaviourPolicy:
    """The policy that answers in a run that learns; each cell follows what its worker publishes."""
    path = Path(loading.parts(plan.policy)[2])
    learned = can_learn_online(path) if path.name else Learned(network.initial(_SEED), double=plan.second_offload)
    learned.double, learned.explore = plan.second_offload, True
    sources = [_source(Weights.create(weights_path(name), learned.params)) for name in plan.learning.names]
    cells = range(len(plan.system.edge_servers))
    return BehaviourPolicy(learned, [sources[plan.learning.worker_of(cell)] for cell in cells])


def _source(weights: Weights) -> Source:
    def latest() -> tuple[Array, int]:
        weights.refresh()
        return weights.params, weights.version

    return latest
