"""A network of the whole region in compiled code: it answers what the network itself would, whatever it is told."""

import time

import msgspec
import pytest

from controller.__main__ import acting_in
from testbed.planning.acting import acting
from testbed.planning.answering import Answering
from testbed.policy import checkpoint, network
from testbed.policy.regional import RegionalNetwork
from testbed.policy.targets_learned import RegionalTargetNetwork
from testbed.protocol.rows import POLICY_ERROR
from testbed.scenario.load import load_scenario
from testbed.sim.simulation import simulate
from testbed.trace import inputs
from tests.twin.test_networks import drawn

UNEQUAL = "cells=[{es: {cpu: 4 GHz, cores: 2}, ues: 6}, {es: {cpu: 6 GHz}, ues: 3}, {es: {cpu: 9 GHz}, ues: 1}]"
FAULTS = "faults=[{kill: es-3, at: 8 s, restart_after: 6 s}, {at: 20 s, for: 5 s, cut: 'ue-1-2:es-1'}]"
BY_AGENT = "second_offload.by=agent"
REGIONAL = RegionalNetwork(drawn(network.layout(network.REGIONAL), 2), double=True)
CHOOSING = RegionalTargetNetwork(drawn(network.layout(network.REGIONAL_ANY), 2))


class Compared:
    """Answers as `Answering` does, and counts how often the network itself decides the same."""

    def __init__(self, plan, policy):
        self.answering, self.policy = Answering(plan.system, policy), policy
        self.same, self.compiled = [], 0

    def decide(self, cell, rng):
        return self.answering.decide(cell, rng)

    def decide_region(self, cells):
        self.compiled += self.answering._is_whole(cells)
        chosen = self.answering.decide_region(cells)
        self.same.append(chosen == self.policy.decide_region(cells))
        return chosen


def planned(*changes, policy="a3c-region-do"):
    resolved = inputs.resolve(load_scenario("region", ["slots=30", "density=0.9", *changes]))
    workload = inputs.generate(resolved.scenario, resolved.system)
    return resolved.plan(workload, policy, second_offload=True, live=False)


@pytest.mark.parametrize(
    ("policy", "changes"),
    [
        (REGIONAL, ()),
        (REGIONAL, ("radio.access=shared", "radio.loss=0.2", "cells=[{ues: 5}, {ues: 3}]")),
        (REGIONAL, (UNEQUAL, "radio.fading={coherence: 300 ms}", "workload.arrivals=poisson")),
        (CHOOSING, (BY_AGENT,)),
        (CHOOSING, (BY_AGENT, UNEQUAL, "radio.access=shared")),
    ],
    ids=["region", "shared", "fading", "any", "any-shared"],
)
def test_it_decides_as_the_network_itself(policy, changes):
    plan = planned(*changes, policy="a3c-region-any" if policy is CHOOSING else "a3c-region-do")
    compared = Compared(plan, policy)
    ran = simulate(plan, compared)
    assert not [event for event in ran.events if event.kind == POLICY_ERROR]
    assert all(compared.same) and compared.compiled == len(compared.same) > 20
    assert len({row.choice for row in ran.tasks}) > 1


def test_what_is_missing_or_out_of_reach_the_network_itself_decides():
    plan = planned(FAULTS)
    compared = Compared(plan, REGIONAL)
    ran = simulate(plan, compared)
    assert not [event for event in ran.events if event.kind == POLICY_ERROR]
    assert all(compared.same) and 5 < compared.compiled < len(compared.same) - 5


def test_on_the_testbed_it_is_ready_before_the_run(tmp_path):
    path = tmp_path / "made.npz"
    about = {"algorithm": "a3c", "head": network.REGIONAL, "second_offload": True, "cell_ues": 1}
    checkpoint.save(path, {"parameters": REGIONAL.params}, about)
    plan = planned()
    assert isinstance(acting_in(msgspec.structs.replace(plan, policy=f"a3c-region-do:{path}")), Answering)
    assert acting(plan, REGIONAL) is REGIONAL
    at_once = planned("agent.epoch=arrival")
    assert acting(at_once, REGIONAL, time.monotonic_ns) is REGIONAL
