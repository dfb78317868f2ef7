"""The model's scalar functions, compiled: one equation, two runtimes.

Every name here is a function of `testbed.model`, its own bytecode given to numba; nothing is written twice. A function
that calls another one of the model calls the compiled one. Integers are 64-bit; keys are hashed as ``uint64``.
"""

import hashlib
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from testbed.model import arrivals, delay, energy, fallback, link, mdp, queue, random, speed, targets
from testbed.model.task import LOCAL, OFFLOAD
from testbed.policy import expected_costs, features

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
_ENERGY = compile_functions(energy)
_delays = ("duration_ns", "transfer_ns", "whole_ns", "after_ns", "spread", "chain")
_names = {name: getattr(DELAY, name) for name in _delays}
_names |= {"random": RANDOM, "overhead": _ENERGY.overhead, "compute_energy_j": _ENERGY.compute_energy_j}
_LINK = compile_functions(link, **_names)
_SPEEDS = compile_functions(speed, **_names, segment=_LINK.segment)
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
_QUEUE = compile_functions(queue, **_names)
_POLICY = compile_functions(expected_costs, **_names)
target_of = njit(**OPTIONS)(clone(targets, {"OFFLOAD": OFFLOAD}, "target_of"))
flip = njit(**OPTIONS)(clone(fallback, {"random": RANDOM, "OFFLOAD": OFFLOAD, "LOCAL": LOCAL}, "flip"))

uniform, exponential, hash_key = RANDOM.uniform, RANDOM.exponential, RANDOM.hash_key
subject_hash, subjects_hash, unit = RANDOM.subject_hash, RANDOM.subjects_hash, RANDOM.unit
transfer_ns, whole_ns, after_ns, chain = DELAY.transfer_ns, DELAY.whole_ns, DELAY.after_ns, DELAY.chain
compute_energy_j, transmit_energy_j, overhead = _ENERGY.compute_energy_j, _ENERGY.transmit_energy_j, _ENERGY.overhead
spread = DELAY.spread
stretched = ARRIVAL_TIMES.stretched
attempts, jitter_ns = _LINK.attempts, _LINK.jitter_ns
traced_end_ns, faded_end_ns = _LINK.traced_end_ns, _LINK.faded_end_ns
traced_bits, faded_bits = _LINK.traced_bits, _LINK.faded_bits
steady_bits, steady_end_ns = _LINK.steady_bits, _LINK.steady_end_ns
left_bits, left_ns = _LINK.left_bits, _LINK.left_ns
capped_end_ns, segment = _LINK.capped_end_ns, _LINK.segment
speed_hz, execution_end_ns = _SPEEDS.speed_hz, _SPEEDS.execution_end_ns
sharing_advance, sharing_departure_ns = _LINK.sharing_advance, _LINK.sharing_departure_ns
expected_wait_ns, backlog_ns, admits = _QUEUE.expected_wait_ns, _QUEUE.backlog_ns, _QUEUE.admits
least_loaded, takes_over = _QUEUE.least_loaded, _QUEUE.takes_over
es_wait_ns, occupied_ns, price = _POLICY.es_wait_ns, _POLICY.occupied_ns, _POLICY.price
holding_cost, time_score, cost_score, sign_scores, local_overhead = (
    MDP.holding_cost,
    MDP.time_score,
    MDP.cost_score,
    MDP.sign_scores,
    MDP.local_overhead,
)


def _parts(code: CodeType) -> tuple[Any, ...]:
    """What a function does, without the addresses that are shown of the functions inside it."""
    constants = [_parts(one) if isinstance(one, CodeType) else one for one in code.co_consts]
    return code.co_code, constants, code.co_names


def stamp(*namespaces: dict[str, Any]) -> int:
    """A number that changes with the bytecode or a constant of any compiled function, for numba's cache.

    Numba's own key sees the outermost function only; it would load a build made from older equations.
    """
    digest = hashlib.sha256()
    for namespace in (
        vars(RANDOM),
        vars(DELAY),
        vars(_ENERGY),
        vars(_LINK),
        vars(_SPEEDS),
        vars(ARRIVAL_TIMES),
        vars(_QUEUE),
        vars(_POLICY),
        vars(MDP),
        vars(FEATURES),
        *namespaces,
    ):
        for name, value in sorted(namespace.items()):
            code = getattr(getattr(value, "py_func", None), "__code__", None)
            if code is not None:
                digest.update(repr((name, _parts(code), sorted(value.targetoptions.items()))).encode())
            elif isinstance(value, (int, float, tuple)) and not name.startswith("__"):
                digest.update(repr((name, value)).encode())
    return int.from_bytes(digest.digest()[:7], "big")
