"""What an environment is made from: a scenario with its choices."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict, Unpack, cast

import msgspec

from testbed.gym import options as check
from testbed.model.errors import ScenarioError, UsageError
from testbed.model.system import System
from testbed.model.targets import BY_AGENT
from testbed.scenario.load import load_scenario, parse_scenario
from testbed.scenario.resolve import Resolved
from testbed.scenario.schema import Scenario
from testbed.trace import inputs
from testbed.twin import refusals
from testbed.twin.twin import OBSERVATIONS, REWARDS

PAYLOADS = ("real", "declared")
ACTIONS = ("multibinary", "multidiscrete")
Source = str | Path | Scenario


class Choices(TypedDict, total=False):
    """What `make` takes besides the scenario."""

    settings: Sequence[str]
    second_offload: bool
    observation: str | None
    reward: str | None
    episode_slots: int | None
    actions: str
    normalize: bool


class Options(Choices, total=False):
    """What environments take besides the scenario: `Choices`, and the options of their backend."""

    backlog_s: float
    capacity: int | None
    speed: float | None
    payload: str | None
    decision_timeout_s: float | None


class EnvironmentConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario as an environment: what is observed and paid, after how many slots an episode is cut (0: never).

    ``normalize`` scales observations and rewards to unit size; ``actions`` is the kind of the action space.
    """

    resolved: Resolved
    second_offload: bool
    observation: str
    reward: str
    team: float
    episode_slots: int
    actions: str
    normalize: bool

    @property
    def scenario(self) -> Scenario:
        """The scenario, with its rate trace read in."""
        return self.resolved.scenario

    @property
    def system(self) -> System:
        """The hardware."""
        return self.resolved.system

    @property
    def reward_scale(self) -> float:
        """What rewards are multiplied by: with ``normalize``, a UE and second of a slot's cost is 1."""
        if not self.normalize:
            return 1.0
        slot_s = self.system.slot_ns * 1e-9 if self.reward == "holding" else 1.0
        return 1.0 / (len(self.system.ues) * slot_s)


def split(options: Mapping[str, Any]) -> tuple[Choices, dict[str, Any]]:
    """The options of an environment as those of `make`, and the others."""
    choices = {name: value for name, value in options.items() if name in Choices.__annotations__}
    return cast(Choices, choices), {
        name: value for name, value in options.items() if name not in Choices.__annotations__
    }


def make(scenario: Source = "region", **choices: Unpack[Choices]) -> EnvironmentConfig:
    """The config from a scenario's name, file, text (of several lines) or struct.

    ``settings`` are changes like ``"density=0.5"``. ``observation``, ``reward`` and ``episode_slots`` replace the
    scenario's ``agent`` section. ``actions`` is ``multibinary`` or ``multidiscrete``. Raises `TestbedError` for
    mistakes, deaths, and what an array for each UE cannot express.
    """
    check.refuse_unknown(choices, Choices.__annotations__, "an environment")
    loaded = _loaded(scenario, choices.get("settings", ()))
    double = check.flag("second_offload", choices.get("second_offload", True))
    resolved = _with_targets(inputs.resolve(loaded), double=double)
    refusals.refuse_layout(resolved.system)
    if any(fault.kill for fault in resolved.scenario.faults):
        raise ScenarioError(
            "faults: environments do not support deaths", remedy="leave them out (settings=['faults=[]'])"
        )
    agent, limit = loaded.agent, choices.get("episode_slots")
    needed = "a number of slots is needed, or 0 for the whole workload"
    return EnvironmentConfig(
        resolved=resolved,
        second_offload=double,
        observation=check.one_of("observation", choices.get("observation") or agent.observation, OBSERVATIONS),
        reward=check.one_of("reward", choices.get("reward") or agent.reward, REWARDS),
        team=agent.team,
        episode_slots=check.count("episode_slots", agent.episode_slots if limit is None else limit, 0, needed),
        actions=_kind(choices.get("actions"), resolved.system),
        normalize=check.flag("normalize", choices.get("normalize", False)),
    )


def _with_targets(resolved: Resolved, *, double: bool) -> Resolved:
    """The scenario as it is played here: agents choose the target of second offload where it says so."""
    if not double or resolved.scenario.second_offload.by != BY_AGENT:
        return resolved
    return msgspec.structs.replace(resolved, system=msgspec.structs.replace(resolved.system, chosen_target=True))


def _kind(actions: str | None, system: System) -> str:
    """The kind of the action space. Raises `UsageError` for bits where there are more actions than two."""
    if actions is None:
        return ACTIONS[1 if system.chosen_target else 0]
    kind = check.one_of("actions", actions, ACTIONS)
    if system.chosen_target and kind == ACTIONS[0]:
        raise UsageError(f'actions is "{kind}", and agents choose among {system.actions}', f'take "{ACTIONS[1]}"')
    return kind


def _loaded(scenario: Source, settings: object) -> Scenario:
    if isinstance(settings, str) or not isinstance(settings, Sequence):
        raise UsageError(f"settings is {settings!r:.60}", f"a list of changes is needed: [{str(settings)!r:.60}]")
    for change in settings:
        if not isinstance(change, str):
            raise UsageError(f"settings holds {change!r:.60}", 'changes are strings like "density=0.5"')
    if isinstance(scenario, Scenario):
        if settings:
            raise UsageError("settings change a scenario file, and a Scenario is given", "change the Scenario itself")
        return scenario
    if not isinstance(scenario, (str, Path)):
        raise UsageError(f"scenario is {scenario!r:.60}", "a name, a file or a Scenario is needed")
    if "\n" in str(scenario):
        return parse_scenario(str(scenario), "scenario.yaml", list(settings))
    return load_scenario(scenario, list(settings))


def emulated(
    config: EnvironmentConfig, speed: object, payload: object, decision_timeout_s: object
) -> EnvironmentConfig:
    """The config with what replaces its scenario's emulation and timeout. Raises `UsageError`."""
    scenario, system = config.scenario, config.system
    emulation = scenario.emulation
    if speed is not None:
        emulation = msgspec.structs.replace(emulation, speed=check.positive("speed", speed))
    if payload is not None:
        emulation = msgspec.structs.replace(emulation, payload=check.one_of("payload", payload, PAYLOADS))
    if decision_timeout_s is not None:
        timeout = int(check.positive("decision_timeout_s", decision_timeout_s) * 1e9)
        system = msgspec.structs.replace(system, decision_timeout_ns=timeout)
    scenario = msgspec.structs.replace(scenario, emulation=emulation)
    return msgspec.structs.replace(config, resolved=Resolved(scenario=scenario, system=system))


def backlog_ns(backlog_s: object) -> int:
    """The queues to begin with, ns. Raises `UsageError`."""
    return int(check.seconds("backlog_s", backlog_s) * 1e9)
