"""Networks that choose targets: compiled code, torch, the simulation and the policy of runs see and decide the same."""

import json

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.learn import a3c
from controller.learn.collect import Actor, Collector, Sampling
from controller.learn.learner import TrainConfig
from controller.server import looks_on
from testbed.cli.main import main
from testbed.experiments.virtual import by_twin
from testbed.gym.env import EdgeOffload
from testbed.model.errors import UsageError
from testbed.model.targets import action_of
from testbed.model.task import LOCAL
from testbed.policy import checkpoint, loading, network
from testbed.policy.targets_learned import RegionalTargetNetwork, TargetNetwork
from testbed.protocol.rows import POLICY_ERROR
from testbed.scenario.load import load_scenario
from testbed.sim.simulation import simulate
from testbed.trace import inputs
from testbed.twin import build
from testbed.twin.run import is_compiled, run
from testbed.twin.views import cell_view
from tests.learn.test_heads import flat_of
from tests.properties import examples
from tests.twin.test_networks import Asked
from tests.twin.test_parity import same
from tests.twin.worlds import choosing

KINDS = (TargetNetwork, RegionalTargetNetwork)
SHAPE = network.layout(network.CELL_ANY)
PARAMS = flat_of(SHAPE)
UNEQUAL = "cells=[{es: {cpu: 4 GHz, cores: 2}, ues: 6}, {es: {cpu: 6 GHz}, ues: 3}, {es: {cpu: 9 GHz}, ues: 1}]"
MANY = "cells=[{ues: 3}, {ues: 2}, {ues: 1}, {ues: 2}, {ues: 2}]"
ALONE = "cells=[{ues: 4}]"
CHANGES = [(), ("radio.access=shared", "radio.loss=0.1"), (UNEQUAL,), (MANY,), (ALONE,)]
PLACES = ["region", "shared", "unequal", "many", "alone"]
SENT, LATER = 13, 14


def allowed(*changes):
    return inputs.resolve(load_scenario("region", ["slots=40", "density=0.9", "second_offload.by=agent", *changes]))


def planned(*changes):
    hardware = allowed(*changes)
    workload = inputs.generate(hardware.scenario, hardware.system)
    return hardware.plan(workload, "a3c-any", second_offload=True, live=False)


def undecided(seed=1):
    """Parameters far from any heuristic, their logits around 0."""
    return PARAMS + np.random.default_rng(seed).normal(size=PARAMS.size).astype(np.float32) * np.float32(0.1)


def collector_of(head, *changes, worlds=3, slots=6):
    plan = planned(*changes)
    source = build.generator(allowed(*changes).scenario, plan.system, endless=True)
    sampling = Sampling(num_envs=worlds, rollout_length=slots, seed=1)
    return Collector(plan.system, source, sampling, double=True, actor=Actor(head=head))


def all_views(collector):
    cells = range(len(collector.twin.system.edge_servers))
    return [cell_view(collector.twin, 0, cell) for cell in cells]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("changes", CHANGES, ids=PLACES)
def test_twin_and_simulation_decide_alike_compiled_or_asked(kind, changes):
    plan = planned(*changes)
    for seed in range(3):
        policy = kind(undecided(seed))
        assert is_compiled(policy, plan.system) and not is_compiled(Asked(policy), plan.system)
        compiled, asked, simulated = run(plan, policy), run(plan, Asked(policy)), simulate(plan, policy)
        assert list(compiled.tasks) == list(asked.tasks) and list(compiled.links) == list(asked.links)
        for a, b in zip(simulated.tasks, compiled.tasks, strict=True):
            same(a, b)
        assert not [event for event in (*simulated.events, *asked.events) if event.kind == POLICY_ERROR]
        assert len({row.choice for row in compiled.tasks}) > 1


@settings(deadline=None, max_examples=examples(60), suppress_health_check=list(HealthCheck))
@given(choosing(), st.integers(0, 10**6), st.sampled_from(KINDS), st.sampled_from((1.0, 1e8)))
def test_random_systems_with_ties_and_zero_lengths(drawn, seed, kind, scale):
    params, first = undecided(seed), SHAPE.actor[0]
    params[first.start : first.bias] *= np.float32(scale)
    plan, policy = drawn[0], kind(params)
    assert list(run(plan, policy).tasks) == list(run(plan, Asked(policy)).tasks)


@pytest.mark.parametrize("kind", KINDS)
def test_learners_see_what_the_policy_of_runs_sees(kind):
    collector, policy = collector_of(kind.head, worlds=1, slots=1), kind(undecided())
    for _ in range(20):
        cells = all_views(collector)
        alone = [cell for cell in cells if kind is TargetNetwork]
        chosen = [one for cell in alone for one in policy.choose([cell]).values()] or [*policy.choose(cells).values()]
        rollout, _ = collector.rollout(policy.params, explore=0.0)
        assert len(rollout.actions) == len(chosen)
        for row, action, one in zip(rollout.features, rollout.actions, chosen, strict=True):
            assert row.reshape(-1, network.INPUTS).tobytes() == one.inputs.tobytes() and action == one.choice


@pytest.mark.parametrize("head", [network.CELL_ANY, network.REGIONAL_ANY])
@pytest.mark.parametrize("changes", [(), (MANY,)], ids=["region", "many"])
def test_torch_finds_the_log_probability_that_compiled_code_acted_with(head, changes):
    params = undecided()
    rollout, _ = collector_of(head, *changes).rollout(params)
    tensors = (torch.from_numpy(x) for x in (rollout.features, rollout.actions))
    log_probability, entropy = a3c.policy(torch.from_numpy(params), network.layout(head), *tensors)
    assert len(log_probability) > 40 and len(set(rollout.actions.tolist())) > 3
    assert np.allclose(log_probability.numpy(), rollout.log_probability, atol=2e-3)
    assert (entropy.numpy() >= 0).all()


def test_every_action_is_explored_as_often_as_its_probability():
    params = np.zeros(SHAPE.size, np.float32)
    rollout, _ = collector_of(network.CELL_ANY, worlds=20, slots=40).rollout(params)
    shares = np.bincount(rollout.actions.astype(int), minlength=4) / len(rollout.actions)
    assert np.allclose(shares, 0.25, atol=0.02) and np.allclose(rollout.log_probability, -np.log(4), atol=1e-5)


def test_the_policys_gradient_agrees_with_finite_differences():
    params, config = undecided(), a3c.A3cConfig(clip_norm=1e9, entropy=0.0, value_weight=0.0)
    rollout, _ = collector_of(network.CELL_ANY).rollout(params)
    grad, _ = a3c.gradient(params, rollout, config, SHAPE)
    critic = network.value(params, rollout.cells, SHAPE)
    gained = a3c.advantages(rollout.rewards * np.float32(0.1), critic, config)[0].reshape(-1)[rollout.slot]

    def loss(parameters):
        features, actions = (torch.from_numpy(x) for x in (rollout.features, rollout.actions))
        log_probability, _ = a3c.policy(torch.from_numpy(parameters).double(), SHAPE, features.double(), actions)
        return -float((log_probability * torch.from_numpy(gained)).sum()) / rollout.rewards.size

    for at in (network.GAIN_AT, SHAPE.actor[-1].bias, int(np.abs(grad[1 : SHAPE.actor[-1].start]).argmax()) + 1):
        moved = [params.copy(), params.copy()]
        moved[0][at] -= 1e-3
        moved[1][at] += 1e-3
        step = float(moved[1][at]) - float(moved[0][at])
        assert grad[at] == pytest.approx((loss(moved[1]) - loss(moved[0])) / step, rel=0.05, abs=1e-5)


def test_a_decision_sees_where_those_before_it_sent_their_tasks():
    cells = all_views(collector_of(network.CELL_ANY, "density=1.0"))
    always = np.zeros(SHAPE.size, np.float32)
    always[SHAPE.actor[-1].bias] = 100.0  # every place is as good, so the own ES is taken
    apart = [[*TargetNetwork(always).choose([cell]).values()] for cell in cells]
    together = [*RegionalTargetNetwork(always).choose(cells).values()]
    sizes = [len(own) for own in apart]
    assert min(sizes) > 2 and all(one.choice == 1 for one in together)
    for own in apart:
        assert own[0].inputs[:, SENT].tolist() == [0.0] * 3 and own[1].inputs[0, SENT] > 0.0
        assert [one.inputs[1, SENT] for one in own] == [one.inputs[1, LATER] for one in own] == [0.0] * len(own)
    first_of_second = together[sizes[0]]
    assert first_of_second.inputs[0, SENT] == 0.0 and first_of_second.inputs[1, SENT] > 0.0
    assert together[0].inputs[1, LATER] > 0.0 and together[-1].inputs[:, LATER].tolist() == [0.0] * 3


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_out_of_reach_is_not_chosen(kind):
    cells = all_views(collector_of(network.CELL_ANY, "density=1.0"))
    servers = list(cells[0].edge_servers)
    servers[2] = msgspec.structs.replace(servers[2], reachable=False)
    away, *others = cells[0].ues
    ues = (msgspec.structs.replace(away, reachable=False), *others)
    cut = msgspec.structs.replace(cells[0], edge_servers=tuple(servers), ues=ues)
    lost = action_of(2, 0)
    for seed in range(20):
        chosen = kind(undecided(seed) * np.float32(3.0)).choose([cut])
        assert not away.tasks or (chosen[away.name].choice, chosen[away.name].actions) == (LOCAL, ())
        assert all(one.choice != lost and lost not in one.actions for one in chosen.values())
        assert all(ue.name in chosen for ue in ues if ue.tasks)


def test_networks_are_named_by_how_they_choose(tmp_path):
    about = {"algorithm": "a3c", "second_offload": True, "cell_ues": 1}
    for kind, name in zip(KINDS, ("a3c-any", "a3c-region-any"), strict=True):
        path = tmp_path / f"{name}.npz"
        checkpoint.save(path, {"parameters": PARAMS}, {**about, "head": kind.head})
        policy, double = loading.load(f"{name}:{path}")
        assert type(policy) is kind and double and np.array_equal(policy.params, PARAMS)
        assert looks_on(policy) == (kind is RegionalTargetNetwork)
        with pytest.raises(UsageError, match=f'trained by "{name}", not by "a3c"') as error:
            loading.load(f"a3c-do:{path}")
        assert error.value.remedy == f"use it as {name}:{path}"
        with pytest.raises(UsageError, match="cannot learn in a run"):
            loading.load_for_learning(f"{name}:{path}")
    with pytest.raises(UsageError, match="needs a trained network") as error:
        loading.load("a3c-region-any")
    command = "testbed train region --algorithm a3c-any --head regional --set second_offload.by=agent"
    assert error.value.remedy == command


def test_an_environment_is_played_by_a_network_that_chooses():
    hardware = allowed()
    workload = inputs.generate(hardware.scenario, hardware.system)
    plan = hardware.plan(workload, "a3c-any", second_offload=True, live=False)
    policy = TargetNetwork(undecided())
    env = EdgeOffload(settings=("second_offload.by=agent", "slots=40", "density=0.9"), episode_slots=0)
    _, info = env.reset(seed=hardware.system.seed)
    overhead, ended = 0.0, False
    while not ended:
        chosen = {name: choice for view in env.backend.views() for name, choice in policy.decide(view, None).items()}
        action = np.array([chosen.get(ue.name, 0) for ue in env.config.system.ues])
        assert env.action_space.contains(action)
        _, _, terminated, truncated, info = env.step(action)
        overhead, ended = overhead + info["overhead"], terminated or truncated
    assert overhead == pytest.approx(sum(row.overhead for row in by_twin(plan, policy).tasks))


TRAIN = ("train", "smoke", "--set", "slots=20", "--out", "ck", "--json", "--updates", "2")
BY_AGENT = ("--set", "second_offload.by=agent")


def refused(capsys, *args):
    assert main([*TRAIN, *args]) == 2
    return capsys.readouterr().err


def test_training_makes_them_where_the_scenario_lets_agents_choose(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for head, name in (((), "a3c-any"), (("--head", "regional"), "a3c-region-any")):
        assert main([*TRAIN, *BY_AGENT, "--algorithm", "a3c-any", *head]) == 0
        result = json.loads(capsys.readouterr().out)
        assert result["checkpoint"] == f"ck/{name}.npz" and result["baseline"]["policy"].endswith("-any")
        run_it = (
            "run",
            "smoke",
            "--backend",
            "twin",
            "--set",
            "slots=20",
            "--json",
            "--policy",
            f"{name}:ck/{name}.npz",
        )
        assert main([*run_it, *BY_AGENT]) == 0
        assert json.loads(capsys.readouterr().out)["tasks"]["unaccounted"] == 0
        assert main([*TRAIN, *BY_AGENT, "--algorithm", "a3c-any", *head, "--resume"]) == 0
        capsys.readouterr()
        assert main([*run_it]) == 2
        assert "leaves second offload to the rule" in capsys.readouterr().err


def test_what_is_not_trained_to_choose_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    ruled = refused(capsys, "--algorithm", "a3c-any")
    assert "leaves second offload to the rule" in ruled and "second_offload.by=agent" in ruled
    choosing = (*BY_AGENT, "--algorithm", "a3c-any")
    assert "sequential and regional can" in refused(capsys, *choosing, "--head", "factored")
    assert "--algorithm a3c-any" in refused(capsys, "--head", "any")
    assert "a memory of 4 with the head any" in refused(capsys, *choosing, "--option", "memory=4")
    assert "observation full" in refused(capsys, *choosing, "--set", "agent.observation=paper")
    assert "for a3c without coin" in refused(capsys, *choosing, "--option", "coin=0.1")


def test_a_head_that_chooses_is_for_systems_whose_agents_do():
    hardware = allowed()
    source = build.generator(hardware.scenario, hardware.system, endless=True)
    with pytest.raises(UsageError, match="are for chosen targets"):
        _ = TrainConfig(system=hardware.system, source=source, double=True, head="any").start
    with pytest.raises(UsageError, match="know nothing of chosen targets"):
        _ = TrainConfig(system=planned().system, source=source, double=True).start
