"""Several workloads of a scenario searched in hindsight, each a piece of work of its own."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from functools import partial

import msgspec

from testbed.hindsight import evaluator
from testbed.hindsight.evaluator import Case, Found
from testbed.scenario.schema import Scenario
from testbed.trace import inputs
from testbed.workers.item import Item
from testbed.workers.materials import portable
from testbed.workers.seam import Stopped, in_order

START_S, EVALUATION_S = 2.0, 2e-5  # of a core: to begin a search, and for each evaluation


class Searched(msgspec.Struct, frozen=True):
    """What was found about a workload, and what of its inputs was left out, a line each."""

    found: Found
    notes: tuple[str, ...]


def search_all(
    executor: Executor,
    scenario: Scenario,
    seeds: Sequence[int],
    strategies: Sequence[str],
    evaluations: int,
    stopped: Stopped,
) -> Iterator[Searched]:
    """What is found about the workload of each seed, in order; ends early when ``stopped`` says so.

    Raises as `evaluator.of_scenario`.
    """
    names = tuple(strategies)
    portables = tuple(map(portable, names))
    todo = [Item(partial(search_one, seed, names, evaluations), scenario, portables) for seed in seeds]
    return in_order(executor, todo, stopped)


def search_one(
    seed: int, names: Sequence[str], evaluations: int, scenario: Scenario, strategies: Sequence[str]
) -> Searched:
    """The search on the workload of ``seed``; ``strategies`` as they are here, ``names`` as they shall be called."""
    resolved = inputs.resolve(msgspec.structs.replace(scenario, seed=seed))
    played = inputs.played(resolved.scenario, resolved.system)
    case = evaluator.of_scenario(resolved, played.tasks, strategies)
    called = {name: case.played[strategy] for name, strategy in zip(names, strategies, strict=True)}
    search = evaluator.evaluate(Case(resolved, played.tasks, called), evaluations, lambda share, text: False)
    return Searched(search, played.notes)


def expected_s(evaluations: int, workloads: int) -> float:
    """About how many seconds of a core the searches take."""
    return workloads * (START_S + evaluations * EVALUATION_S)
