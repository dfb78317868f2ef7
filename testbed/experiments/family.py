"""A family of scenarios to train one network in: read from a file, resolved, and what heuristics reach in each."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import yaml
from msgspec import Meta
from numpy.typing import NDArray

from controller.learn.family import FamilyScenario, worlds_of
from testbed.experiments import tune
from testbed.model.delay import duration_ns
from testbed.model.energy import compute_energy_j, overhead
from testbed.model.errors import ScenarioError, UsageError
from testbed.model.system import System
from testbed.model.task import Task
from testbed.scenario.load import load_scenario
from testbed.scenario.schema import Scenario
from testbed.trace import inputs
from testbed.twin import build, refusals

USUAL_LOCAL = 3.5  # what a cell's tasks of a slot would cost locally where rewards count as they are
LEAST_LOCAL = 0.01  # so that rewards stay finite where there is hardly a task
FAMILY_EXAMPLE = "- {scenario: region, set: [density=0.9]}"
Turns = Annotated[int, Meta(ge=1, le=1000)]


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One scenario of a family: a path or shipped name, changes of it as ``--set`` takes them, its turns in a cycle."""

    scenario: str
    set: list[str] = []
    turns: Turns = 1

    @property
    def title(self) -> str:
        """How it is named where many are shown."""
        return ", ".join([self.scenario, *self.set])


def read(path: Path) -> list[Member]:
    """The members in the file at ``path``, a YAML list. Raises `UsageError` that says what is wrong with it."""
    remedy = f"a list is needed, a scenario each: {FAMILY_EXAMPLE}"
    try:
        members = msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), list[Member])
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}", remedy) from None
    except (yaml.YAMLError, UnicodeDecodeError, msgspec.ValidationError, RecursionError) as error:
        raise UsageError(f"{path}: {' '.join(str(error).split())}", remedy) from None
    if not members:
        raise UsageError(f"{path}: no scenario in it", remedy)
    return members


def scenarios_of(members: Sequence[Member]) -> list[Scenario]:
    """The scenarios themselves, without faults, which no training plays. Raises `ScenarioError`."""
    return [msgspec.structs.replace(load_scenario(one.scenario, one.set), faults=()) for one in members]


def place_of(title: str, scenario: Scenario, turns: int = 1) -> FamilyScenario:
    """One of them as a learner plays it, with so many turns in a cycle. Raises `ScenarioError` for one that the twin
    cannot draw tasks of.
    """
    system = inputs.resolve(scenario).system
    refusals.refuse(system)
    endless, finite = (_generator(title, scenario, system, endless=endless) for endless in (True, False))
    local = _local_overhead(system, inputs.generate(scenario, system))
    return FamilyScenario(
        name=title,
        system=system,
        source=endless,
        finite=finite,
        num_envs=worlds_of(len(system.ues)),
        reward_share=USUAL_LOCAL / max(LEAST_LOCAL, local / scenario.slots / len(system.edge_servers)),
        turns=turns,
    )


def _local_overhead(system: System, tasks: Sequence[Task]) -> float:
    """The summed overhead of ``tasks`` if each ran locally and waited for no other one."""
    total = 0.0
    for task in tasks:
        ue = system.ues[task.ue]
        energy = compute_energy_j(ue.kappa, ue.cpu_hz, task.cycles)
        total += overhead(ue.weight_delay, duration_ns(task.cycles, ue.cpu_hz), energy)
    return total


def _generator(title: str, scenario: Scenario, system: System, *, endless: bool) -> build.Source:
    try:
        return build.generator(scenario, system, endless=endless)
    except ScenarioError as error:
        raise UsageError(f"{title}: {error.message}", "leave it out of the family") from None


def baselines(
    titled: Sequence[tuple[str, Scenario]],
    algorithm: str,
    seed: int,
    seeds: int,
    progress: Callable[[str, float], None],
) -> NDArray[np.float64]:
    """What ``algorithm``, tuned for each scenario, reaches there on the validation workloads, (scenarios,)."""
    overheads = []
    for n, (title, scenario) in enumerate(titled):
        tuned = tune.tune(scenario, algorithm, seed, lambda text, share: None, seeds)
        overheads.append(tuned.overhead)
        progress(f"{title}: {algorithm} {tuned.overhead:.4f}", (n + 1) / len(titled))
    return np.array(overheads)
