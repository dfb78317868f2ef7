"""The model's scalar functions, compiled: one equation, two runtimes.

Every name here is a function of `testbed.model`, its own bytecode given to numba; nothing is written twice. A function
that calls another one of the model calls the compiled one. Integers are 64-bit; keys are hashed as ``uint64``.
"""

import hashlib
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from testbed.model import arrivals, delay, energy, link, mdp, queue, random, speed
from testbed.model.task import LOCAL, OFFLOAD
from testbed.policy import expected_costs, features, heuristics

OPTIONS: dict[str, Any] = {"error_model": "numpy", "nogil": True, "_nrt": False, "forceinline": True}
INNER: dict[str, Any] = {**OPTIONS, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def clone(module: ModuleType, scope: dict[str, Any], name: str) -> Any:
    """The function ``name`` of ``module``, to look its globals up in ``scope``."""
    function = getattr(module, name)
    return FunctionType(function.__code__, scope, name, function.__defaults__)


def compile_functions(module: ModuleType, **known: Any) -> Any:
    """A namespace with the constants of ``module`` and its own plain functions compiled; ``known`` replaces names."""
    scope = {**vars(module), **known}
    for name, value in vars(module).items():
        if isinstance(value, FunctionType) and value.__module__ == module.__name__ and name not in known:
            scope[name] = njit(**OPTIONS)(clone(module, scope, name))
    namespace: Any = ModuleType(module.__name__)
    namespace.__dict__.update(scope)
    return namespace


_mix = njit(**OPTIONS)(clone(random, {**vars(random)}, "mix"))


@njit(**OPTIONS)
def mix(x: int) -> Any:
    """`random.mix` of any integer: numba would turn ``uint64`` plus ``int64`` into a float."""
    return _mix(np.uint64(x))


RANDOM = compile_functions(random, mix=mix)
DELAY = compile_functions(delay)
ENERGY = compile_functions(energy)
_delays = ("duration_ns", "transfer_ns", "whole_ns", "after_ns", "spread", "chain")
_names = {name: getattr(DELAY, name) for name in _delays}
_names |= {"random": RANDOM, "overhead": ENERGY.overhead, "compute_energy_j": ENERGY.compute_energy_j}
LINK = compile_functions(link, **_names)
SPEEDS = compile_functions(speed, **_names, segment=LINK.segment)
ARRIVAL_TIMES = compile_functions(arrivals)
MDP = compile_functions(mdp, **_names)
FEATURES = compile_functions(features, **_names)


class Speed(NamedTuple):
    """A processor's speed in cycles/s, and 1e9 over it, which is not worth computing again at every use."""

    hz: int
    ns_per_cycle: float


@njit(**OPTIONS)
def duration_ns(cycles: int, speed: Speed) -> Any:
    """`delay.duration_ns` at a speed."""
    return DELAY.nearest_ns(cycles, speed.hz, speed.ns_per_cycle)


_names["duration_ns"] = duration_ns
QUEUE = compile_functions(queue, **_names)
POLICY = compile_functions(expected_costs, **_names)
flip = njit(**OPTIONS)(clone(heuristics, {"random": RANDOM, "OFFLOAD": OFFLOAD, "LOCAL": LOCAL}, "flip"))

uniform, exponential, hash_key = RANDOM.uniform, RANDOM.exponential, RANDOM.hash_key
subject_hash, unit = RANDOM.subject_hash, RANDOM.unit
transfer_ns, whole_ns, after_ns, chain = DELAY.transfer_ns, DELAY.whole_ns, DELAY.after_ns, DELAY.chain
compute_energy_j, transmit_energy_j, overhead = ENERGY.compute_energy_j, ENERGY.transmit_energy_j, ENERGY.overhead
stretched = ARRIVAL_TIMES.stretched
attempts, jitter_ns = LINK.attempts, LINK.jitter_ns
dedicated_end_ns, traced_end_ns = LINK.dedicated_end_ns, LINK.traced_end_ns
capped_end_ns, segment = LINK.capped_end_ns, LINK.segment
speed_hz, execution_end_ns = SPEEDS.speed_hz, SPEEDS.execution_end_ns
sharing_advance, sharing_departure_ns = LINK.sharing_advance, LINK.sharing_departure_ns
expected_wait_ns, backlog_ns, admits = QUEUE.expected_wait_ns, QUEUE.backlog_ns, QUEUE.admits
least_loaded, takes_over = QUEUE.least_loaded, QUEUE.takes_over
es_wait_ns, occupied_ns, price = POLICY.es_wait_ns, POLICY.occupied_ns, POLICY.price
holding_cost, time_score, cost_score, sign_scores, local_overhead = (
    MDP.holding_cost,
    MDP.time_score,
    MDP.cost_score,
    MDP.sign_scores,
    MDP.local_overhead,
)


def stamp(*namespaces: dict[str, Any]) -> int:
    """A number that changes with the bytecode or a constant of any compiled function, for numba's cache.

    Numba's own key sees the outermost function only; it would load a build made from older equations.
    """
    digest = hashlib.sha256()
    for namespace in (
        vars(RANDOM),
        vars(DELAY),
        vars(ENERGY),
        vars(LINK),
        vars(SPEEDS),
        vars(ARRIVAL_TIMES),
        vars(QUEUE),
        vars(POLICY),
        vars(MDP),
        vars(FEATURES),
        *namespaces,
    ):
        for name, value in sorted(namespace.items()):
            code = getattr(getattr(value, "py_func", None), "__code__", None)
            if code is not None:
                options = sorted(value.targetoptions.items())
                digest.update(repr((name, code.co_code, code.co_consts, code.co_names, options)).encode())
            elif isinstance(value, (int, float, tuple)) and not name.startswith("__"):
                digest.update(repr((name, value)).encode())
    return int.from_bytes(digest.digest()[:7], "big")
