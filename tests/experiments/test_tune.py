"""Tuning of heuristics on training seeds."""

import json

import msgspec
import pytest

from testbed.experiments import tune
from testbed.model.errors import StartError, UsageError
from testbed.policy import loading
from testbed.policy.choosing import PricedAny
from testbed.policy.heuristics import Coin, Priced
from testbed.scenario.load import load_scenario
from testbed.sim.simulation import simulate
from testbed.trace import inputs


def quadratic(*middle):
    return lambda values: sum((x - m) ** 2 for x, m in zip(values, middle, strict=True))


@pytest.mark.parametrize("target", [0.0, 0.3, 0.77, 1.0])
def test_the_search_finds_the_least_of_a_bowl(target):
    space = tune.SPACES["coin"]
    assert tune.search(space, quadratic(target))[0] == pytest.approx(target, abs=space.finest[0])


def test_the_search_moves_in_two_dimensions_and_stays_in_bounds():
    space = tune.SPACES["priced"]
    beta, beta0 = tune.search(space, quadratic(0.61, 0.3))
    assert beta == pytest.approx(0.61, abs=0.025) and beta0 == pytest.approx(0.3, abs=0.005)
    assert tune.search(space, quadratic(99.0, 99.0)) == space.high


def test_training_seeds_are_disjoint_and_far_from_those_of_evaluation():
    first, second = tune.training_seeds(0, 4), tune.training_seeds(1, 4)
    assert not set(first) & set(second)
    assert min(first) >= tune.FIRST_TUNING_SEED


def test_a_tuned_coin_beats_a_fair_one_and_loads_again(tmp_path):
    scenario = load_scenario("region", ["slots=40", "density=0.3"])
    messages = []
    tuned = tune.tune(scenario, "coin-do", 0, lambda text, share: messages.append(share), seeds=2)
    assert (
        tuned.tried == len(messages)
        and messages == sorted(messages)
        and 0.0 < messages[0] < 0.1
        and 0.3 < messages[-1] < 1.0
    )
    arguments = [msgspec.structs.replace(scenario, seed=seed) for seed in tuned.training_seeds]
    fair = sum(tune._measure(one, "coin-do", double=True)(Coin(0.5)) for one in arguments) / len(arguments)
    assert tuned.overhead <= fair
    path = tune.write(tuned, tmp_path / "checkpoints")
    assert path.name == "coin-do.json"
    policy, double = loading.load(f"coin-do:{path}")
    assert (policy, double) == (Coin(tuned.values["q"]), True)
    assert json.loads(path.read_text())["training_seeds"] == list(tuned.training_seeds)


def test_the_twin_and_the_simulation_tune_by_the_same_figures():
    scenario = load_scenario("region", ["slots=20"])
    system = inputs.resolve(scenario)
    plan = system.plan(inputs.generate(scenario, system.system), "priced-do", second_offload=True, live=False)
    policy = Priced(0.5, 0.1)
    assert tune._measure(scenario, "priced-do", double=True)(policy) == pytest.approx(
        simulate(plan, policy).mean_overhead, rel=1e-12
    )


def test_what_the_twin_cannot_express_is_tuned_in_the_simulation():
    scenario = load_scenario("region", ["slots=5", "agent.epoch=arrival"])
    assert 0.0 < tune._measure(scenario, "coin", double=False)(Coin(0.5)) < 10.0


def test_priced_checkpoints_load_as_priced(tmp_path):
    tuned = tune.Tuned(
        policy="priced",
        second_offload=False,
        values={"beta": 0.5, "beta0": 0.1},
        overhead=0.7,
        tried=3,
        scenario="region",
        density=0.7,
        training_seeds=(1,),
    )
    assert loading.load(f"priced:{tune.write(tuned, tmp_path)}") == (Priced(0.5, 0.1), False)


def test_a_price_for_choosing_is_tuned_where_agents_may(tmp_path):
    scenario = load_scenario("region", ["slots=10", "second_offload.by=agent"])
    tuned = tune.tune(scenario, "priced-any", 0, lambda text, share: None, seeds=2)
    path = tune.write(tuned, tmp_path)
    assert path.name == "priced-any.json" and tuned.values.keys() == {"beta", "beta0", "away"}
    assert loading.load(f"priced-any:{path}") == (PricedAny(*tuned.values.values()), True)
    arguments = [msgspec.structs.replace(scenario, seed=seed) for seed in tuned.training_seeds]
    free = sum(tune._measure(one, "priced-any", double=True)(PricedAny()) for one in arguments) / 2
    assert tuned.overhead < free
    with pytest.raises(UsageError, match="chooses targets"):
        tune.tune(load_scenario("region", ["slots=10"]), "priced-any", 0, lambda text, share: None, seeds=2)


def test_a_place_that_cannot_be_written_is_a_clear_error(tmp_path):
    (tmp_path / "taken").write_text("")
    tuned = tune.Tuned(
        policy="coin",
        second_offload=False,
        values={"q": 0.5},
        overhead=0.7,
        tried=3,
        scenario="region",
        density=0.7,
        training_seeds=(1,),
    )
    with pytest.raises(StartError, match="cannot be written"):
        tune.write(tuned, tmp_path / "taken")
