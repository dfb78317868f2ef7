"""What is studied: configs of the learner, scenarios and their variants, and how a strategy is trained in each."""

import msgspec

from controller.learn.a3c import A3cConfig
from controller.learn.dqn import DqnConfig
from controller.learn.episodes import EpisodePlan
from controller.learn.learner import TrainConfig
from testbed.reproduce.effort import Effort
from testbed.scenario.load import load_scenario
from testbed.scenario.schema import Scenario
from testbed.trace import inputs
from testbed.twin import build

FAITHFUL, OURS = "faithful", "ours"
A3C, A3C_DO, DQN, DQN_DO, LC = "a3c", "a3c-do", "dqn", "dqn-do", "lc"
LEARNERS = (A3C_DO, A3C, DQN_DO, DQN)
EPISODE_SLOTS, T_MAX = 50, 20
EPSILON = 0.1
FAITHFUL_RATE, FAITHFUL_WORLDS = 5e-3, 4
OUR_EPSILON_SLOTS = DqnConfig().epsilon_slots


class Study(msgspec.Struct, frozen=True, kw_only=True):
    """A ``config`` of the learner on a ``scenario`` with ``changes``; with ``exploring`` a coin is mixed in.

    ``varies`` says what is different from the study that it is a variant of, "" if it is none.
    """

    name: str
    config: str
    scenario: str
    changes: tuple[str, ...] = ()
    exploring: bool = False
    varies: str = ""


PAPER_LIKE = Study(name="faithful, paper-like", config=FAITHFUL, scenario="paper-like")
FAITHFUL_REGION = Study(name="faithful, region", config=FAITHFUL, scenario="region")
OUR_REGION = Study(name="ours, region", config=OURS, scenario="region")
BASE = (PAPER_LIKE, FAITHFUL_REGION, OUR_REGION)
EXPLORING = tuple(
    msgspec.structs.replace(one, name=f"{one.name}, exploring", exploring=True) for one in (FAITHFUL_REGION, OUR_REGION)
)
_VARIED: dict[str, tuple[str, tuple[str, ...]]] = {
    "threshold 0.25 s": ("region", ("second_offload.threshold=0.25 s",)),
    "threshold 4 s": ("region", ("second_offload.threshold=4 s",)),
    "backhaul without delay": ("region", ("backhaul.rate=unlimited", "backhaul.latency=0 s")),
    "backhaul of 10 Mbit/s": ("region", ("backhaul.rate=10 Mbit/s",)),
    "servers matched to cells": ("region-matched", ()),
}
MATCHED = "servers matched to cells"
VARIANTS = tuple(
    Study(name=f"ours, {varies}", config=OURS, scenario=scenario, changes=changes, varies=varies)
    for varies, (scenario, changes) in _VARIED.items()
)
STUDIES = {study.name: study for study in (*BASE, *EXPLORING, *VARIANTS)}


def scenario_of(study: Study, density: float, slots: int = 0) -> Scenario:
    """The scenario at ``density``; ``slots`` long if that is not 0."""
    length = (f"slots={slots}",) if slots else ()
    return load_scenario(study.scenario, [*study.changes, f"density={density:g}", *length])


def reward_of(study: Study) -> str:
    """The reward that agents are paid."""
    return "paper" if study.config == FAITHFUL else "holding"


def episodes_of(study: Study, effort: Effort) -> int:
    """How long each training of the study is."""
    return effort.faithful_episodes if study.config == FAITHFUL else effort.our_episodes


def config_of(study: Study, strategy: str, density: float, seed: int, effort: Effort) -> TrainConfig:
    """What a strategy is trained by.

    ``faithful``: the paper's observation and reward, A3C with the joint head (factored where a coin is mixed in, which
    has no joint form) and plain t_max-step returns, DQN plain, γ = 0.99, and
    as many worlds side by side as a small A3C has workers. ``ours``: the defaults.
    """
    scenario = scenario_of(study, density)
    system = inputs.resolve(scenario).system
    base, double = strategy.removesuffix("-do"), strategy.endswith("-do")
    epsilon = EPSILON if study.exploring else 0.0
    exploring_slots = episodes_of(study, effort) * EPISODE_SLOTS // 2
    config = TrainConfig(
        system=system,
        source=build.generator(scenario, system, endless=True),
        double=double,
        algorithm=base,
        reward=reward_of(study),
        seed=seed,
        updates=1,
        actor_critic=A3cConfig(epsilon=epsilon),
        values=DqnConfig(epsilon_slots=min(OUR_EPSILON_SLOTS, exploring_slots)),
    )
    if study.config == OURS:
        return config
    return msgspec.structs.replace(
        config,
        head="joint" if base == A3C and not study.exploring else "factored" if base == A3C else config.head,
        observation="paper",
        num_envs=FAITHFUL_WORLDS,
        learning_rate=FAITHFUL_RATE,
        actor_critic=A3cConfig(gamma=0.99, gae_lambda=1.0, epsilon=epsilon),
        values=DqnConfig(gamma=0.99, double=False, dueling=False, epsilon_slots=exploring_slots),
    )


def plan_of(study: Study, strategy: str, effort: Effort) -> EpisodePlan:
    """How its episodes are played and learned from.

    ``faithful``: every episode begins with empty queues and ends for good; A3C learns every t_max slots, DQN after each
    episode, by as many gradients. ``ours``: as `testbed train` does, worlds run on.
    """
    values = strategy.startswith(DQN)
    episodes = episodes_of(study, effort)
    if study.config == OURS:
        pieces, batches = ((2 * T_MAX,), 8) if values else ((T_MAX,), 1)
        return EpisodePlan(episodes=episodes, slots=EPISODE_SLOTS, pieces=pieces, batches=batches)
    cut = (T_MAX, T_MAX, EPISODE_SLOTS - 2 * T_MAX)
    return EpisodePlan(
        episodes=episodes,
        slots=EPISODE_SLOTS,
        pieces=(EPISODE_SLOTS,) if values else cut,
        batches=len(cut),
        restart=True,
        plain=True,
    )
