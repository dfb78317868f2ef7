"""Heuristics on observations decide what they decide on views; evaluation gives what `testbed compare` gives."""

import json

import gymnasium
import numpy as np
import pytest
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor

import testbed.gym
from testbed.experiments.rounds import Rounds
from testbed.gym.evaluation import evaluate
from testbed.gym.heuristics import Heuristic, heuristic
from testbed.gym.sb3 import Batch
from testbed.gym.vector import EdgeOffloadVector
from testbed.model.errors import UsageError
from testbed.policy.heuristics import Priced
from testbed.scenario.load import load_scenario

SEEDS = [7, 8, 9]
TWO_CORES = ("cells.1.es.cores=2", "cells.1.es.cpu=1 GHz", "cells.2.es.cores=2", "cells.2.es.cpu=0.8 GHz")


def environment(**options):
    return gymnasium.make(testbed.gym.ID, **options)


def compared(name, *settings):
    """Mean overhead as `testbed compare --on twin` finds it."""
    rounds = Rounds([name], "twin", lambda _: None)
    rounds.play(load_scenario("region", list(settings)), SEEDS)
    return [one.overhead for one in rounds.samples[name].values()]


@pytest.mark.parametrize("options", [{}, {"normalize": True}])
def test_greedy_do_is_exactly_greedy_do(options):
    score = evaluate(Heuristic(environment(**options)), SEEDS, **options)
    assert list(score.each.values()) == pytest.approx(compared("greedy-do"), rel=1e-12)
    assert list(score.each) == SEEDS


def test_the_margin_alone_is_worse_than_a_coin():
    """What the documentation says of it: without the work sent before in the slot everyone goes to the same server."""

    def by_margin(seen):
        return (seen[:, 24::22] > 0).astype(np.int8)

    result = evaluate(by_margin).overhead
    assert result == pytest.approx(0.8025, abs=5e-5)
    assert evaluate(Heuristic(environment())).overhead == pytest.approx(0.6701, abs=5e-5)
    assert result > evaluate(heuristic("random-do", environment())).overhead


@pytest.mark.parametrize("settings", [(), TWO_CORES, ("radio.latency=30 ms",)])
@pytest.mark.parametrize(("beta", "beta0"), [(0.0, 0.0), (0.8, 0.02), (0.0, 0.1)])
def test_on_every_observation_it_decides_what_the_model_decides(settings, beta, beta0):
    env = environment(settings=list(settings), episode_slots=40).unwrapped
    own, model = Heuristic(env, beta, beta0), Priced(beta, beta0)
    seen, over = env.reset(seed=2)[0], False
    while not over:
        wanted = np.zeros(15, np.int8)
        for view in env.backend.views():
            chosen = model.decide(view, None)
            wanted[[ue.index for ue in view.ues]] = [chosen.get(ue.name, 0) for ue in view.ues]
        if seen.max() < 8.0:
            assert (own(seen) == wanted).all()
        seen, _, ends, cut, _ = env.step(wanted)
        over = ends or cut


def test_names_are_those_of_the_strategies(tmp_path):
    priced = tmp_path / "priced.json"
    priced.write_text(json.dumps({"policy": "priced", "beta": 0.7, "beta0": 0.01}))
    name = f"priced-do:{priced}"
    assert list(evaluate(heuristic(name, environment()), SEEDS).each.values()) == pytest.approx(compared(name))
    single = environment(second_offload=False)
    assert list(evaluate(heuristic("lc", single), SEEDS, second_offload=False).each.values()) == pytest.approx(
        compared("lc"), rel=1e-9
    )
    with pytest.raises(UsageError, match="second_offload=False"):
        heuristic("greedy", environment())
    with pytest.raises(UsageError, match="no environment"):
        Heuristic(gymnasium.make("CartPole-v1"))
    with pytest.raises(UsageError, match='observation="full"'):
        Heuristic(environment(observation="paper"))


def test_it_plays_wherever_a_model_plays():
    env = environment(episode_slots=10)
    for owner in (env, Batch(2), EdgeOffloadVector(2), env.unwrapped.config):
        greedy = heuristic("greedy-do", owner)
        assert greedy(np.zeros(354)).shape == (15,)
        assert greedy(np.zeros((3, 354))).shape == (3, 15)
    mean, _ = evaluate_policy(greedy, Monitor(env), 2)
    assert isinstance(mean, float) and mean < 0


class Asked:
    """A model that wants masks, and remembers."""

    def predict(self, seen, state=None, episode_start=None, *, deterministic=False, action_masks=None):
        steps = 0 if state is None else state
        assert deterministic
        assert episode_start.all() == (steps == 0)
        return action_masks[:, 1::2].astype(np.int8), steps + 1


def test_models_are_given_their_state_and_their_masks():
    every = evaluate(lambda seen: np.ones((len(seen), 15), np.int8), [1], settings=["slots=20"])
    assert evaluate(Asked(), [1], settings=["slots=20"]) == every
    assert every.each == {1: every.overhead}
    assert 0 < every.hit_rate < 1 and every.reward < 0 and every.delay_s > every.overhead > 0
