"""What a user would copy works."""

import pytest

from examples import train_ppo
from testbed.experiments.rounds import Rounds
from testbed.policy.loading import load
from testbed.scenario.load import load_scenario


def test_ppo_learns_that_not_everything_should_stay_local():
    learned = train_ppo.evaluate(train_ppo.train(64_000, worlds=32), "twin", 3)[0]
    assert learned > 0.8 * train_ppo.evaluate(train_ppo.Always(0), "twin", 3)[0]


def test_an_own_policy_runs_by_its_name_and_is_better_than_local():
    name = "examples.own_policy:decide_do"
    rounds = Rounds(["lc", name], "twin", lambda _: None)
    rounds.play(load_scenario("region", ["slots=60", "density=0.4"]), [1, 2])
    overhead = {strategy: sum(one.overhead for one in result.values()) for strategy, result in rounds.samples.items()}
    assert overhead[name] < 0.7 * overhead["lc"]
    assert load(name)[1]
    assert not load("examples.own_policy:decide")[1]


@pytest.mark.live
def test_what_was_trained_on_the_twin_decides_on_real_processes(monkeypatch):
    patient = {"speed": 5, "payload": "declared", "decision_timeout_s": 2.0}
    monkeypatch.setitem(train_ppo.OPTIONS, "testbed", {**patient, "episode_slots": 12})
    monkeypatch.setitem(train_ppo.OPTIONS, "twin", {"episode_slots": 12})
    model = train_ppo.train(3_200, worlds=32)
    live, twin = (train_ppo.evaluate(model, backend, 2)[0] for backend in ("testbed", "twin"))
    assert live == pytest.approx(twin, rel=0.3)
