"""A network stands for ``a3c-do`` where none is named: the user's own for the scenario, or the shipped one."""

import numpy as np
import pytest

from testbed.experiments import api
from testbed.model.errors import UsageError
from testbed.policy import checkpoint, loading, network, shipped
from testbed.policy.learned import Learned
from testbed.policy.planned import Planned


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def trained(folder, scenario):
    path = folder / "checkpoints" / scenario / "a3c-do.npz"
    path.parent.mkdir(parents=True)
    about = {"algorithm": "a3c", "second_offload": True}
    checkpoint.save(path, {"parameters": network.initial(3)}, about)
    return path


def parameters(policy):
    """Of a policy that is a network."""
    assert isinstance(policy, Learned)
    return policy.params


def test_the_shipped_network_is_there_small_and_for_cells_of_any_size():
    path = shipped.path_of("a3c-do")
    assert path is not None and path.stat().st_size <= 1_000_000
    policy = checkpoint.load_policy(path, "a3c")
    assert isinstance(policy, Learned) and policy.double and policy.shape == network.PER_UE and not policy.paper
    assert policy.params.tolist() != network.initial(0).tolist()


def test_it_decides_where_nobody_trained_and_is_named(folder):
    name, words = loading.with_network("a3c-do", "region")
    assert name == f"a3c-do:{shipped.path_of('a3c-do')}" and "shipped" in words and "checkpoints/region" in words
    policy, double = loading.load("a3c-do")
    assert double and np.array_equal(parameters(policy), parameters(loading.load(name)[0]))


def test_a_users_own_comes_first_in_its_scenario_only(folder):
    trained(folder, "region")
    name, words = loading.with_network("a3c-do", "region")
    assert name == "a3c-do:checkpoints/region/a3c-do.npz" and "your network" in words
    assert np.array_equal(parameters(loading.load(name)[0]), network.initial(3))
    assert "shipped" in loading.with_network("a3c-do", "melbourne")[1]


def test_what_is_named_stays_and_others_have_no_network(folder):
    for name in ("a3c-do:mine.npz", "greedy-do", "priced-do:x.json", "mine:policy", "plan-do", "a3c"):
        assert loading.with_network(name, "region") == (name, "")
    with pytest.raises(UsageError, match="needs a trained network"):
        loading.load("a3c")


def test_a_planner_plans_from_it(folder):
    name, words = loading.with_network("plan-do@5ms:a3c-do", "region")
    assert name == f"plan-do@5ms:a3c-do:{shipped.path_of('a3c-do')}" and "shipped" in words
    policy = loading.load(name)[0]
    assert isinstance(policy, Planned) and isinstance(policy.base, Learned) and policy.think_ns == 5_000_000


def test_a_run_takes_it_and_its_record_says_so(folder):
    run = api.run_scenario("smoke", "a3c-do", seed=1)
    assert run.summary["policy"] == f"a3c-do:{shipped.path_of('a3c-do')}"
