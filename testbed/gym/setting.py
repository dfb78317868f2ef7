"""What an environment is made from: a scenario with its choices, and the spaces that follow from them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from gymnasium.spaces import Box, MultiBinary
from numpy.typing import NDArray

from testbed.model.errors import ScenarioError, UsageError
from testbed.model.features import CELL_FEATURES, DECISION_FEATURES, LIMIT
from testbed.model.load import load_scenario
from testbed.model.scenario import Resolved
from testbed.model.schema import Scenario
from testbed.model.system import System
from testbed.trace import inputs
from testbed.twin import build
from testbed.twin.observe import sizes
from testbed.twin.twin import OBSERVATIONS, REWARDS

SEEDS = 2**63
PAYLOADS = ("real", "declared")


class Setting(msgspec.Struct, frozen=True):
    """A scenario as an environment: what is observed and paid, after how many slots an episode is cut (0: never)."""

    scenario: Scenario
    resolved: Resolved
    second_offload: bool
    observation: str
    reward: str
    team: float
    episode_slots: int

    @property
    def system(self) -> System:
        """The hardware, and the seed of the first episode."""
        return self.resolved.system


def make(
    scenario: str | Path | Scenario = "region", settings: Sequence[str] = (), second_offload: bool = True,
    observation: str | None = None, reward: str | None = None, episode_slots: int | None = None,
) -> Setting:  # fmt: skip
    """A setting from a scenario's name, file or struct; ``settings`` are changes like ``"density=0.5"``.

    ``observation``, ``reward`` and ``episode_slots`` replace the scenario's ``agent`` section. Raises `TestbedError`
    for mistakes and for what the twin cannot express.
    """
    if isinstance(settings, str):
        raise UsageError(f"settings is {settings!r}", f"a list of changes is needed: [{settings!r}]")
    if not isinstance(second_offload, bool):
        raise UsageError(f"second_offload is {second_offload!r}", "True or False is needed")
    if not isinstance(scenario, Scenario):
        scenario = load_scenario(scenario, list(settings))
    elif settings:
        raise UsageError("settings change a scenario file, and a Scenario is given", "change the Scenario itself")
    resolved = inputs.resolve(scenario)
    build.refuse(resolved.system)
    if resolved.faults:
        raise ScenarioError(
            "faults: environments do not support faults", remedy="leave them out (settings=['faults=[]'])"
        )
    agent = scenario.agent
    limit = agent.episode_slots if episode_slots is None else episode_slots
    if not isinstance(limit, int) or limit < 0:
        raise UsageError(f"episode_slots is {limit!r}", "a number of slots is needed, or 0 for the whole workload")
    return Setting(
        scenario, resolved, second_offload, _known("observation", observation or agent.observation, OBSERVATIONS),
        _known("reward", reward or agent.reward, REWARDS), agent.team, limit,
    )  # fmt: skip


def emulated(setting: Setting, speed: float | None, payload: str | None, decision_timeout_s: float | None) -> Setting:
    """The setting with what replaces its scenario's emulation and timeout. Raises `UsageError`."""
    resolved = setting.resolved
    emulation, system = resolved.emulation, resolved.system
    if speed is not None:
        emulation = msgspec.structs.replace(emulation, speed=_positive("speed", speed))
    if payload is not None:
        if payload not in PAYLOADS:
            raise UsageError(f'unknown payload "{payload}"', f"known: {', '.join(PAYLOADS)}")
        emulation = msgspec.structs.replace(emulation, payload=payload)
    if decision_timeout_s is not None:
        timeout = int(_positive("decision_timeout_s", decision_timeout_s) * 1e9)
        system = msgspec.structs.replace(system, decision_timeout_ns=timeout)
    return msgspec.structs.replace(
        setting, resolved=msgspec.structs.replace(resolved, emulation=emulation, system=system)
    )


def _positive(name: str, value: object) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0.0 < value < 1e9:
        return float(value)
    raise UsageError(f"{name} is {value!r}", "a number above 0 is needed")


def backlog_ns(backlog_s: object) -> int:
    """The queues to begin with, ns. Raises `UsageError`."""
    if isinstance(backlog_s, (int, float)) and not isinstance(backlog_s, bool) and 0.0 <= backlog_s < 1e9:
        return int(backlog_s * 1e9)
    raise UsageError(f"backlog_s is {backlog_s!r}", "seconds are needed, at least 0")


def _known(what: str, given: str, known: Mapping[str, int]) -> str:
    if given not in known:
        raise UsageError(f'unknown {what} "{given}"', f"known: {', '.join(known)}")
    return given


def seed_of(given: object, following: int) -> int:
    """The workload's seed: ``given``, or for None the ``following`` one. Raises `UsageError`."""
    if given is None:
        return following
    if isinstance(given, bool) or not isinstance(given, (int, np.integer)) or not 0 <= int(given) < SEEDS:
        raise UsageError(f"seed {given!r}", f"a whole number from 0 to {SEEDS - 1} is needed")
    return int(given)


# Spaces --------------------------------------------------------------------------------------------------------------


def action_space(setting: Setting) -> MultiBinary:
    """One decision for each UE of the region, in index order: 0 local, 1 offload; shape (N,)."""
    return MultiBinary(len(setting.system.ues))


def observation_space(setting: Setting) -> Box:
    """The observation of the whole region, float32, shape (L,); docs/gym.md names every number with its unit."""
    bounds = _full(setting) if setting.observation == "full" else _paper(setting)
    low, high = (np.array(side, np.float32) for side in zip(*bounds, strict=True))
    assert len(low) == sizes(len(setting.system.ues), len(setting.system.ess))[setting.observation]
    return Box(low, high, dtype=np.float32)


def _full(setting: Setting) -> list[tuple[float, float]]:
    system, workload = setting.system, setting.scenario.workload
    one_task = workload.arrivals == "bernoulli" and not workload.trace
    times = [(0.0, LIMIT)] * (CELL_FEATURES - 1)
    bounds = []
    for es in system.ess:
        bounds += [*times, (0.0, len(system.cell_ues(es.index)) * 1e9 / (es.cpu_hz * es.cores))]
    decision = [(-LIMIT, LIMIT)] * 2 + [(0.0, LIMIT)] * (DECISION_FEATURES - 3)
    return bounds + [*decision, (0.0, 1.0 if one_task else np.inf)] * len(system.ues)


def _paper(setting: Setting) -> list[tuple[float, float]]:
    system = setting.system
    bounds = []
    for es in system.ess:
        queues = len(system.cell_ues(es.index)) + 1
        bounds += [(0.0, LIMIT)] * queues + [(0.0, 1.0)] * (1 + len(system.ess))
    return bounds


def places(setting: Setting, cell: int) -> NDArray[np.intp]:
    """Where the observation of ``cell`` stands in the region's: its ES's numbers, then its UEs'."""
    system = setting.system
    mine, count = system.cell_ues(cell), len(system.ess)
    if setting.observation == "paper":
        first = sum(len(system.cell_ues(c)) + 1 + 1 + count for c in range(cell))
        return np.arange(first, first + len(mine) + 2 + count)
    own = np.arange(cell * CELL_FEATURES, (cell + 1) * CELL_FEATURES)
    at = count * CELL_FEATURES
    blocks = [np.arange(DECISION_FEATURES) + at + ue.index * DECISION_FEATURES for ue in mine]
    return np.concatenate([own, *blocks])


def checked(action: Any, setting: Setting) -> NDArray[np.int8]:
    """``action`` as choices (N,) of 0 and 1; `UsageError` says what is wrong with it, and at which UE."""
    return _choices(action, [ue.name for ue in setting.system.ues], "the action")


def checked_cell(action: Any, setting: Setting, cell: int, agent: str) -> NDArray[np.int8]:
    """As `checked`, for the UEs of one cell."""
    return _choices(action, [ue.name for ue in setting.system.cell_ues(cell)], f"the action of {agent}")


def _choices(action: Any, names: list[str], what: str) -> NDArray[np.int8]:
    try:
        given = np.asarray(action, np.float64)
    except (TypeError, ValueError):
        raise UsageError(f"{what} is {action!r:.60}", f"{len(names)} numbers are needed, 0 or 1") from None
    if given.shape != (len(names),):
        remedy = f"({len(names)},) is needed: 0 (local) or 1 (offload) for {names[0]} to {names[-1]}"
        raise UsageError(f"{what} has shape {given.shape}", remedy)
    wrong = np.flatnonzero((given != 0) & (given != 1))
    if len(wrong):
        at = int(wrong[0])
        raise UsageError(f"{what} holds {given[at]:g} for {names[at]}", "0 (local) or 1 (offload) is needed")
    return given.astype(np.int8)
