"""How good a model is: the mean overhead of whole workloads that are always the same."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Unpack, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from testbed.gym.config import Options, Source
from testbed.gym.told import SUMS
from testbed.gym.vector import EdgeOffloadVector, VectorOptions

EVALUATION_SEEDS = tuple(range(7, 17))  # what `testbed compare` evaluates `region` on


class EvaluationOptions(Options, total=False):
    """What `evaluate` takes besides model and seeds."""

    scenario: Source


Decide = Callable[[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]], NDArray[Any]]


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Means over workloads, and (``each``) the mean overhead of every one of them, by seed.

    ``overhead``, ``delay_s`` and ``energy_j`` are means over a workload's tasks, ``hit_rate`` is the share of them that
    ended within their deadlines, ``reward`` the sum over a workload's slots.
    """

    overhead: float
    delay_s: float
    energy_j: float
    hit_rate: float
    reward: float
    each: dict[int, float]


def evaluate(
    model: object, seeds: Sequence[int] = EVALUATION_SEEDS, scenario: Source = "region", **options: Unpack[Options]
) -> Evaluation:
    """Let ``model`` decide the workloads of ``seeds`` on the twin, each to the end of its drain.

    ``model`` has a method ``predict`` as Stable-Baselines3's (action masks are given to those that take them), or is
    called with observations (W, L) and returns actions (W, N). ``options`` are those of `EdgeOffloadVector`; other
    options mean another game: give those that the model was trained with.
    """
    merged = cast(VectorOptions, {"episode_slots": 0, **options})
    envs = EdgeOffloadVector(len(seeds), scenario, **merged)
    decide = decider(model)
    seen, _ = envs.reset(seed=list(seeds))
    playing, starts = np.ones(len(seeds), np.bool_), np.ones(len(seeds), np.bool_)
    sums, earned = {key: np.zeros(len(seeds)) for key in SUMS}, np.zeros(len(seeds))
    while playing.any():
        seen, rewards, terminated, truncated, info = envs.step(decide(seen, starts, envs.action_masks()))
        starts = terminated | truncated
        last = info.get("final_info", info)
        for key, total in sums.items():
            total += np.where(playing, last[key], 0)
        earned += np.where(playing, rewards, 0.0)
        playing &= ~starts
    envs.close()
    tasks = np.maximum(1, sums["finished"])
    overhead = sums["overhead"] / tasks
    return Evaluation(
        overhead=float(overhead.mean()),
        delay_s=float((sums["delay_s"] / tasks).mean()),
        energy_j=float((sums["energy_j"] / tasks).mean()),
        hit_rate=float((sums["hits"] / tasks).mean()),
        reward=float(earned.mean()),
        each=dict(zip(seeds, overhead.tolist(), strict=True)),
    )


def decider(model: object) -> Decide:
    """``model`` as a function of observations, beginnings of episodes, and action masks; no exploration."""
    predict = getattr(model, "predict", None)
    if predict is None:
        act = cast(Callable[[NDArray[np.float32]], NDArray[Any]], model)
        return lambda seen, starts, masks: act(seen)
    masked = "action_masks" in inspect.signature(predict).parameters
    state: object = None

    def decide(seen: NDArray[np.float32], starts: NDArray[np.bool_], masks: NDArray[np.bool_]) -> NDArray[Any]:
        nonlocal state
        more = {"action_masks": masks} if masked else {}
        actions: NDArray[Any]
        actions, state = predict(seen, state=state, episode_start=starts, deterministic=True, **more)
        return actions

    return decide
