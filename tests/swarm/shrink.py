"""From a case that fails to a smaller one that still does: every simplification is tried, until none is left."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import msgspec

from testbed.model.errors import TestbedError
from tests.swarm.cases import Case

MOST_TRIES = 600
EARLY = "0.5 s"
SIMPLER = ("lc", "offload", "offload-do")


def shrunk(case: Case, fails: Callable[[Case], bool]) -> Case:
    """The smallest case found that ``fails`` as ``case`` does; one that is refused does not fail."""
    tries = 0
    while True:
        for smaller in simplifications(case):
            tries += 1
            if tries > MOST_TRIES:
                return case
            if _fails(smaller, fails):
                case = smaller
                break
        else:
            return case


def _fails(case: Case, fails: Callable[[Case], bool]) -> bool:
    try:
        return fails(case)
    except TestbedError:
        return False


def simplifications(case: Case) -> Iterator[Case]:
    """Every case that is one step simpler, the greatest steps first."""
    if case.network is not None:
        yield msgspec.structs.replace(case, network=None)
    if case.ghosts:
        yield msgspec.structs.replace(case, ghosts=False)
    yield from (_with(case, scenario) for scenario in _scenarios(case.scenario))
    simpler = SIMPLER[: SIMPLER.index(case.strategy)] if case.strategy in SIMPLER else SIMPLER
    yield from (msgspec.structs.replace(case, strategy=name) for name in simpler)
    if case.network is not None:
        yield from (msgspec.structs.replace(case, network=one) for one in _networks(case.network))


def _with(case: Case, scenario: dict[str, Any]) -> Case:
    return msgspec.structs.replace(case, scenario=scenario)


def _scenarios(scenario: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name in ("cells", "faults"):
        for place in range(len(scenario.get(name, ()))):
            if name == "faults" or len(scenario[name]) > 1:
                yield _without(scenario, (name, place))
    for slots in (1, 2, scenario["slots"] // 2, scenario["slots"] - 1):
        if 0 < slots < scenario["slots"]:
            yield scenario | {"slots": slots}
    for place, cell in enumerate(scenario["cells"]):
        if cell.get("ues", 1) > 1:
            changed = deepcopy(scenario)
            changed["cells"][place]["ues"] -= 1
            yield changed
    for path in _optional(scenario):
        yield _without(scenario, path)
    for place, fault in enumerate(scenario.get("faults", ())):
        if fault["at"] != EARLY:
            yield scenario | {"faults": _replaced(scenario["faults"], place, fault | {"at": EARLY})}


def _optional(scenario: dict[str, Any]) -> Iterator[tuple[str | int, ...]]:
    """The places of keys that have a default."""
    for name, value in scenario.items():
        if name in ("name", "seed", "slots", "cells", "faults"):
            continue
        yield (name,)
        if isinstance(value, dict):
            yield from ((name, key) for key in value if len(value) > 1)
    for place, cell in enumerate(scenario["cells"]):
        yield from (("cells", place, "es", key) for key in cell["es"] if key != "cpu")
    for place, fault in enumerate(scenario.get("faults", ())):
        yield from (("faults", place, key) for key in ("every", "restart_after") if key in fault)


def _replaced(faults: list[dict[str, Any]], place: int, by: dict[str, Any]) -> list[dict[str, Any]]:
    return [*faults[:place], by, *faults[place + 1 :]]


def _without(scenario: dict[str, Any], path: tuple[str | int, ...]) -> dict[str, Any]:
    changed = deepcopy(scenario)
    at: Any = changed
    for step in path[:-1]:
        at = at[step]
    del at[path[-1]]
    return changed


def _networks(network: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for place in range(len(network["cuts"])):
        yield network | {"cuts": network["cuts"][:place] + network["cuts"][place + 1 :]}
    for name in ("drop", "repeat", "delay"):
        if network[name]:
            yield network | {name: 0}
