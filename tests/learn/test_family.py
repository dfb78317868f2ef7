"""One network in several scenarios: they take turns, it can be continued exactly, and the worst of them counts."""

import msgspec
import numpy as np
import pytest

from controller.learn import family
from controller.learn.learner import TrainConfig, make
from testbed.experiments import family as members
from testbed.model.errors import UsageError
from testbed.policy import network

LISTED = """
- {scenario: region, set: [density=0.9, slots=20]}
- scenario: region
  set: ["cells=[{ues: 2}, {ues: 2}]", "slots=20"]
- {scenario: smoke}
"""


def configured(tmp_path, text=LISTED, **changes):
    path = tmp_path / "family.yaml"
    path.write_text(text)
    listed = members.read(path)
    titled = zip(listed, members.scenarios_of(listed), strict=True)
    places = tuple(members.place_of(one.title, scenario, one.turns) for one, scenario in titled)
    config = TrainConfig(system=places[0].system, source=places[0].source, double=True, **changes)
    return family.family_config(config, places)


def played(learner, updates, params):
    square, systems = np.full_like(params, 1e-2), []
    for update in range(updates):
        systems.append(len(learner.config.system.ues))
        learner.step(params, square, update)
    return systems


def test_scenarios_take_turns_and_rewards_are_evened_out(tmp_path):
    config = configured(tmp_path)
    assert [place.num_envs for place in config.family] == [8, 30, 60]
    systems = played(make(config), 6, config.start)
    assert sorted(systems[:3]) == sorted(systems[3:]) == [2, 4, 15]
    shares = [place.reward_share for place in config.family]
    assert shares[2] > 5 * shares[0] > 0


def test_a_scenario_has_as_many_turns_as_it_is_given(tmp_path):
    config = configured(tmp_path, LISTED.replace("{scenario: smoke}", "{scenario: smoke, turns: 3}"))
    systems = played(make(config), 10, config.start)
    assert sorted(systems[:5]) == sorted(systems[5:]) == [2, 2, 2, 4, 15]


def test_each_scenario_has_a_critic_of_its_own_beside_the_shared_one(tmp_path):
    config = configured(tmp_path)
    learner, params = family.FamilyLearner(config, 0), config.start
    played(learner, 3, params)
    critics, start = learner.arrays()["critics"], config.start
    shared = slice(config.layout.critic[0].start, config.layout.critic[-1].end)
    assert not any(np.array_equal(one, other) for one in critics for other in (start[shared], params[shared]))
    assert not np.array_equal(critics[0], critics[1]) and not np.array_equal(params[shared], start[shared])
    before = critics.copy()
    learner.step(params, np.full_like(params, 1e-2), 3)
    assert (before != critics).any(axis=1).sum() == 1


@pytest.mark.parametrize("gru_units", [0, 4])
def test_own_critics_advise_and_none_holds_up_the_actor(tmp_path, gru_units):
    config = configured(tmp_path, gru_units=gru_units)
    critic = slice(config.layout.critic[0].start, config.layout.critic[-1].end)
    wrong = config.start
    wrong[critic] *= 50
    actors = []
    for params in (config.start, wrong):
        learner = family.FamilyLearner(config, 0)
        learner.grad(config.start, 0)
        grad, _ = learner.grad(params, 1)
        grad[critic] = 0.0
        actors.append(grad)
    assert np.array_equal(actors[0], actors[1]) and 0 < np.linalg.norm(actors[0]) <= 1.0001


def test_it_goes_on_exactly_where_it_was(tmp_path):
    config = configured(tmp_path)
    whole, begun, resumed = (family.FamilyLearner(config, 0) for _ in range(3))
    straight, parted = config.start, config.start
    first = played(whole, 4, straight)
    before = played(begun, 2, parted)
    resumed.load({name: array.copy() for name, array in begun.arrays().items()})
    assert [*before, len(resumed.config.system.ues)] == first[:3]
    assert not np.array_equal(straight, parted)
    one, other = (learner.grad(parted.copy(), 2)[0] for learner in (begun, resumed))
    assert np.array_equal(one, other) and one.any()


def test_what_depends_on_one_scenario_is_refused(tmp_path):
    for changes in ({"algorithm": "dqn"}, {"head": network.JOINT}, {"head": network.CONTINUOUS}):
        with pytest.raises(UsageError):
            configured(tmp_path, **changes)


def test_the_worst_scenario_counts_once_more():
    assert family.judged(np.array([0.9, 0.96])) == pytest.approx(0.93)
    assert family.judged(np.array([0.9, 1.1])) == pytest.approx(1.1)
    assert family.judged(np.array([0.9, np.nan])) == np.inf


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("- {scenario: smoke, turns: 0}", "turns"),
        ("", "list"),
        ("[]", "no scenario"),
        ("- {scenario: 3}", "str"),
        ("- {scenari: region}", "scenari"),
        ("[", ""),
    ],
)
def test_a_file_that_lists_no_scenarios_is_named(tmp_path, text, named):
    path = tmp_path / "family.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"family\.yaml") as caught:
        members.read(path)
    assert named in caught.value.message.lower() and "scenario: region" in caught.value.remedy


def test_a_traced_workload_is_left_to_the_reader(tmp_path):
    path = tmp_path / "family.yaml"
    path.write_text("- {scenario: recorded}")
    listed = members.read(path)
    with pytest.raises(UsageError, match="recorded") as caught:
        members.place_of(listed[0].title, members.scenarios_of(listed)[0])
    assert "leave it out" in caught.value.remedy
    assert msgspec.to_builtins(listed) == [{"scenario": "recorded", "set": [], "turns": 1}]
