"""Training counted in episodes: repeatable, complete, and of the settings that a study asks for."""

import msgspec
import numpy as np
import pytest

from controller.learn import episodes
from testbed.policy.heuristics import FixedChoice
from testbed.policy.network import GAIN_AT
from testbed.reproduce.evaluation import by_heuristic, by_network, measure
from testbed.reproduce.studies import (
    A3C_DO,
    DQN_DO,
    EXPLORING,
    FAITHFUL_REGION,
    LC,
    OUR_REGION,
    config_of,
    plan_of,
    scenario_of,
)
from testbed.trace import inputs
from testbed.twin import build
from tests.reproduce.made import TINY


def trained(study, strategy, seed=1):
    return episodes.train(config_of(study, strategy, 0.6, seed, TINY), plan_of(study, strategy, TINY))


@pytest.mark.parametrize("study", [FAITHFUL_REGION, OUR_REGION], ids=lambda study: study.name)
@pytest.mark.parametrize("strategy", [A3C_DO, DQN_DO])
def test_a_seed_repeats_a_training(study, strategy):
    (params, log), (again, same) = trained(study, strategy), trained(study, strategy)
    assert np.array_equal(params, again) and msgspec.to_builtins(log) == msgspec.to_builtins(same)
    assert log.episodes[-1] >= plan_of(study, strategy, TINY).episodes
    other, _ = trained(study, strategy, seed=2)
    assert not np.array_equal(params, other)


def test_a_log_counts_what_was_played():
    _, log = trained(FAITHFUL_REGION, A3C_DO)
    assert log.episodes[:2] == [4.0, 8.0]  # four worlds, an episode each
    assert all(0.0 <= done <= tasks for done, tasks in zip(log.offloaded, log.tasks, strict=True))
    # 15 UEs, 50 slots, density 0.6 times the cells' factors of mean 1
    assert 0.8 * 450 < np.mean(log.tasks) < 1.2 * 450
    assert min(log.energy_j) > 0.0


def test_the_settings_differ_as_they_are_told_to():
    faithful, ours = (config_of(study, A3C_DO, 0.6, 1, TINY) for study in (FAITHFUL_REGION, OUR_REGION))
    assert (faithful.head, faithful.observation, faithful.reward) == ("joint", "paper", "paper")
    assert (ours.head, ours.observation, ours.reward) == ("sequential", "full", "holding")
    assert plan_of(FAITHFUL_REGION, A3C_DO, TINY).restart and not plan_of(OUR_REGION, A3C_DO, TINY).restart
    epsilons = [config_of(study, A3C_DO, 0.6, 1, TINY).actor_critic.epsilon for study in (FAITHFUL_REGION, *EXPLORING)]
    assert epsilons[0] == 0.0 < min(epsilons[1:])


def test_a_plain_network_knows_nothing_at_first():
    config = config_of(FAITHFUL_REGION, A3C_DO, 0.6, 1, TINY)
    plan = msgspec.structs.replace(plan_of(FAITHFUL_REGION, A3C_DO, TINY), episodes=0)
    params, log = episodes.train(config, plan)
    assert params[GAIN_AT] == 0.0 and config.start[GAIN_AT] > 0.0 and log.episodes == []


def test_what_cells_earned_in_a_rollout_is_what_was_paid():
    config = config_of(OUR_REGION, A3C_DO, 0.6, 1, TINY)
    collector = config.collector(20, 0)
    rollout, _ = collector.rollout(config.start, slots=7)
    assert rollout.rewards.shape == (7, config.num_envs) and rollout.cells.shape[0] == 8
    assert -collector.earned["cost"].sum() == pytest.approx(rollout.rewards.sum(), rel=1e-5)
    assert collector.earned["offloaded"].sum() == rollout.actions.sum()


def test_local_computing_is_played_and_measured_alike():
    scenario = scenario_of(OUR_REGION, 0.3, 60)
    system = inputs.resolve(scenario).system
    source = build.generator(scenario, system, endless=False)
    player = by_heuristic(system, source, FixedChoice(0), 2, double=False, reward="holding")
    measures = measure(player, (1, 2))
    assert measures.offloaded == [0.0, 0.0] and all(energy > 0.0 for energy in measures.energy_j)
    # holding costs sum to overheads once all tasks have ended
    config = config_of(OUR_REGION, A3C_DO, 0.3, 1, TINY)
    there = msgspec.structs.replace(config, system=system)
    learned = measure(by_network(there, source, config.start, 2, sampling=False), (1, 2))
    assert np.mean(learned.overhead) < np.mean(measures.overhead)
    assert all(0.0 <= share <= 1.0 for servers in learned.utilisation for share in servers)
    log = episodes.play(
        system,
        build.generator(scenario, system, endless=True),
        FixedChoice(0),
        plan_of(OUR_REGION, LC, TINY),
        double=False,
        reward="holding",
        seed=1,
    )
    assert len(log.reward) == TINY.our_episodes and max(log.reward) < 0.0 and set(log.offloaded) == {0.0}
