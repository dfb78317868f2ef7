"""The head `regional`: compiled code, torch's inputs and the policy of runs see and decide the same."""

import msgspec
import numpy as np
import pytest

from controller.learn.collect import Actor, Collector, Sampling
from controller.learn.learner import TrainConfig
from controller.server import DecisionServer, GatherExpired, looks_on
from testbed.experiments.virtual import by_twin
from testbed.model.errors import UsageError
from testbed.model.task import LOCAL, OFFLOAD
from testbed.policy import checkpoint, loading, network
from testbed.policy.planned import regional
from testbed.policy.regional import RegionalNetwork
from testbed.protocol.actions import Send
from testbed.protocol.messages import Announce, Ask, Decision
from testbed.protocol.rows import POLICY_ERROR
from testbed.scenario.load import load_scenario
from testbed.sim.simulation import simulate
from testbed.trace import inputs
from testbed.twin import build
from testbed.twin.views import cell_view
from tests.learn.test_heads import flat_of
from tests.support import system, task_of
from tests.twin.test_parity import same

SHAPE = network.layout("regional")
PARAMS = flat_of(SHAPE)
UNEQUAL = "cells=[{es: {cpu: 4 GHz, cores: 2}, ues: 6}, {es: {cpu: 6 GHz}, ues: 3}, {es: {cpu: 9 GHz}, ues: 1}]"


def resolved(*changes):
    return inputs.resolve(load_scenario("region", ["slots=30", "density=0.8", *changes]))


@pytest.mark.parametrize("changes", [(), ("radio.access=shared",), (UNEQUAL,)], ids=["region", "shared", "unequal"])
def test_the_policy_of_runs_sees_and_decides_what_compiled_code_does(changes):
    hardware = resolved(*changes)
    source = build.generator(hardware.scenario, hardware.system, endless=True)
    sampling = Sampling(num_envs=2, rollout_length=1, seed=3, episode=0, capacity=4000)
    collector = Collector(hardware.system, source, sampling, double=True, actor=Actor(head="regional"))
    policy, compared, offloaded = RegionalNetwork(PARAMS, double=True), 0, 0
    for _ in range(25):
        wanted = [
            one
            for world in range(2)
            for one in policy.choose(
                [
                    cell_view(collector.twin, world, cell)
                    for cell, ues in enumerate(hardware.system.ues_by_cell())
                    if ues
                ]
            ).values()
        ]
        rollout, _ = collector.rollout(PARAMS, explore=0.0)
        assert len(rollout.actions) == len(wanted)
        for row, action, (seen, logit, choice) in zip(rollout.features, rollout.actions, wanted, strict=True):
            assert row == pytest.approx(seen, rel=1e-6, abs=1e-9)
            assert choice == action or abs(logit) < 1e-4
            compared, offloaded = compared + 1, offloaded + choice
    assert compared > 100 and 0 < offloaded < compared


@pytest.mark.parametrize("changes", [(), ("radio.access=shared",), (UNEQUAL,)], ids=["region", "shared", "unequal"])
def test_simulation_and_twin_run_it_alike(changes):
    hardware = resolved(*changes)
    workload = inputs.generate(hardware.scenario, hardware.system)
    plan = hardware.plan(workload, "a3c-region-do", second_offload=True, live=False)
    policy = RegionalNetwork(PARAMS, double=True)
    simulated, played = simulate(plan, policy), by_twin(plan, policy)
    assert len(simulated.tasks) == len(played.tasks) == len(workload) > 50
    for a, b in zip(simulated.tasks, played.tasks, strict=True):
        same(a, b)
    assert not [event for event in (*simulated.events, *played.events) if event.kind == POLICY_ERROR]


def views(hardware):
    twin = Collector(
        hardware.system,
        build.generator(hardware.scenario, hardware.system, endless=True),
        Sampling(num_envs=1, rollout_length=1, seed=3),
        double=True,
        actor=Actor(head="regional"),
    ).twin
    return [cell_view(twin, 0, cell) for cell in range(len(hardware.system.edge_servers))]


def test_a_decision_sees_what_cells_before_it_sent_and_what_is_still_to_be_decided_in_others():
    cells = views(resolved("density=1.0"))
    always = PARAMS.copy()
    always[SHAPE.actor[-1].bias] = 100.0
    never = always.copy()
    never[SHAPE.actor[-1].bias] = -100.0
    own_sent, others_sent, others_later = 31 + 8, 47, 48
    by_all, by_none = (list(RegionalNetwork(params, double=True).choose(cells).values()) for params in (always, never))
    sizes = [sum(bool(ue.tasks) for ue in cell.ues) for cell in cells]
    first, last = sizes[0], sizes[0] + sizes[1]
    assert len(by_all) == len(by_none) == sum(sizes) and min(sizes) > 2
    assert by_all[0][0][others_sent] == by_none[-1][0][others_sent] == 0.0
    sent, later = ([seen[at] for seen, _, _ in by_all] for at in (others_sent, others_later))
    assert sent[:first] == [0.0] * first and min(sent[first:]) > 0.0 and sent[-1] > sent[first]
    assert min(later[:last]) > 0.0 and later[last:] == [0.0] * sizes[2]
    assert by_all[2][0][own_sent] > by_all[1][0][own_sent] > by_all[0][0][own_sent] == 0.0


def test_who_cannot_reach_its_server_stays_local_and_sends_nothing():
    cells = views(resolved("density=1.0"))
    always = PARAMS.copy()
    always[SHAPE.actor[-1].bias] = 100.0

    away = [msgspec.structs.replace(ue, reachable=False) for ue in cells[0].ues]
    cells[0] = msgspec.structs.replace(cells[0], ues=tuple(away))
    choices = RegionalNetwork(always, double=True).choose(cells)
    assert {choices[ue.name][2] for ue in cells[0].ues if ue.tasks} == {LOCAL}
    after = [choices[ue.name] for ue in cells[1].ues if ue.tasks]
    assert after[0][0][47] == 0.0 and {choice for _, _, choice in after} == {OFFLOAD}


def test_on_the_testbed_the_region_is_awaited_and_a_late_cell_decides_alone():
    small = system((2, 1), (2_000_000_000, 2_000_000_000))
    policy = RegionalNetwork(PARAMS, double=True)
    assert regional(policy) is policy and looks_on(policy)
    server = DecisionServer(small, policy)
    for es in small.edge_servers:
        server.handle(0, Announce(es=es.name, slot=0, at_ns=0, radio_wait_ns=(0, 0)))
    asks = [Ask(ue=ue.name, slot=0, at_ns=0, queue_ns=0, tasks=(task_of(ue.index, 0),)) for ue in small.ues]

    def answered(actions):
        bodies = [action.body for action in actions if isinstance(action, Send)]
        return [(body.ue, body.fallback) for body in bodies if isinstance(body, Decision)]

    assert [answered(server.handle(0, ask)) for ask in asks[:2]] == [[], []]
    assert answered(server.handle(0, GatherExpired(0, 0))) == [("ue-1-1", ""), ("ue-1-2", "")]
    assert answered(server.handle(0, asks[2])) == [("ue-2-1", "")]


def test_a_checkpoint_is_named_by_its_head(tmp_path):
    path = tmp_path / "made.npz"
    about = {"algorithm": "a3c", "head": "regional", "second_offload": True, "cell_ues": 1}
    checkpoint.save(path, {"parameters": PARAMS}, about)
    policy, double = loading.load(f"a3c-region-do:{path}")
    assert isinstance(policy, RegionalNetwork) and double and np.array_equal(policy.params, PARAMS)
    with pytest.raises(UsageError, match='trained by "a3c-region"') as error:
        loading.load(f"a3c-do:{path}")
    assert error.value.remedy == f"use it as a3c-region-do:{path}"
    with pytest.raises(UsageError) as error:
        loading.load("a3c-region")
    assert error.value.remedy == "testbed train region --algorithm a3c --head regional"
    with pytest.raises(UsageError, match="cannot learn in a run"):
        loading.load_for_learning(f"a3c-region-do:{path}")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"algorithm": "dqn"}, "head regional is for a3c"),
        ({"observation": "paper"}, "observation full"),
        ({"gru_units": 4}, "a memory of 4"),
    ],
)
def test_what_does_not_go_with_the_region_is_refused(options, message):
    hardware = resolved()
    source = build.generator(hardware.scenario, hardware.system, endless=True)
    with pytest.raises(UsageError, match=message):
        _ = TrainConfig(system=hardware.system, source=source, double=True, head="regional", **options).start
