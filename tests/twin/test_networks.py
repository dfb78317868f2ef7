"""Networks decide on the twin in compiled code as they do when they are asked: the same records, to the byte."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from testbed.model.errors import UsageError
from testbed.policy import network, q_network
from testbed.policy.heuristics import Priced, watching
from testbed.policy.joint import AtOnce
from testbed.policy.learned import Learned
from testbed.policy.planned import regional
from testbed.policy.regional import RegionalNetwork
from testbed.scenario.load import load_scenario
from testbed.trace import inputs
from testbed.twin import build, compiled_network, run
from testbed.twin.twin import Twin
from tests.properties import examples
from tests.twin.worlds import plans

NS = 1e8  # features are in seconds; in systems whose instants are some nanoseconds, weights make up for that


class Asked:
    """A network that the twin does not know to be one, so that it asks it in every slot."""

    def __init__(self, policy):
        self.decide = policy.decide
        if regional(policy) is not None:
            self.decide_region = policy.decide_region
        if watching(policy) is not None:
            self.see, self.remembers = policy.see, policy.remembers


def drawn(shape, seed, scale=1.0):
    """Parameters by which nothing is clear: far from any heuristic, their logits around 0."""
    params = network.initial(seed, shape)
    params += np.random.default_rng(seed).normal(size=shape.size).astype(np.float32) * 0.2
    params[network.GAIN_AT] *= scale
    first = shape.actor[0]
    params[first.start : first.bias] *= scale
    return params


def dqn(seed, *, dueling, double=True):
    params = q_network.initial(seed)
    params += np.random.default_rng(seed).normal(size=params.shape).astype(np.float32) * 0.2
    return Learned(params, double=double, values=True, dueling=dueling)


def a3c(seed, *, head="sequential", memory=0, ues=1, paper=False, double=True, scale=1.0):
    shape = network.layout(head, ues, memory)
    params = drawn(shape, seed, scale)
    if head == network.REGIONAL:
        return RegionalNetwork(params, double=double)
    if head in (network.JOINT, network.CONTINUOUS):
        return AtOnce(params, shape, double=double, paper=paper)
    return Learned(params, double=double, paper=paper, shape=shape)


def records(plan, policy):
    ran = run.run(plan, policy)
    tables = [list(table) for table in (ran.tasks, ran.slots, ran.ue_slots, ran.links, ran.events)]
    return [*tables, ran.end_ns]


def planned(*changes, scenario="region"):
    resolved = inputs.resolve(load_scenario(scenario, [*changes]))
    workload = inputs.generate(resolved.scenario, resolved.system)
    return resolved.plan(workload, "a3c-do", second_offload=True, live=False)


def must_be_alike(plan, policy, *, both=True):
    """Asked or compiled, the records agree; of ``both`` choices some are made."""
    assert run.is_compiled(policy, plan.system) and not run.is_compiled(Asked(policy), plan.system)
    compiled = records(plan, policy)
    assert compiled == records(plan, Asked(policy))
    if both:
        assert {row.choice for row in compiled[0]} == {0, 1}


CHANGES = {
    "region": ("slots=60",),
    "shared": ("slots=60", "radio.access=shared", "radio.loss=0.1", "radio.jitter={exponential: 2 ms}"),
    "fading": ("slots=60", "radio.fading={coherence: 300 ms}", "workload.arrivals=poisson", "density=1.5"),
    "limited": ("slots=60", "cells=[{ues: 7, es: {queue_limit: 1, cores: 2}}, {ues: 2}]"),
    "many cells": ("slots=60", "cells=[{ues: 3}, {ues: 1}, {ues: 4}, {ues: 2}, {ues: 2}, {ues: 1}, {ues: 2}]"),
    "one cell": ("slots=60", "cells=[{ues: 4}]"),
    "hardly a task": ("slots=400", "density=0.02", "cells=[{ues: 3}, {ues: 2}]"),
}
KINDS: dict[str, dict[str, Any]] = {
    "sequential": {},
    "factored": {"head": "factored"},
    "paper": {"paper": True},
    "recurrent": {"memory": 8},
    "recurrent-paper": {"memory": 5, "paper": True},
    "single": {"double": False},
    "regional": {"head": "regional"},
    "regional-single": {"head": "regional", "double": False},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", CHANGES)
def test_a3c_decides_alike(where, kind):
    plan = planned(*CHANGES[where])
    for seed in range(3):
        must_be_alike(plan, a3c(seed, **KINDS[kind]), both=False)
    must_be_alike(plan, a3c(3, scale=3.0), both=where != "hardly a task")


@pytest.mark.parametrize("head", ["joint", "continuous"])
@pytest.mark.parametrize("where", ["region", "shared", "fading"])
def test_heads_for_a_whole_cell_decide_alike(where, head):
    plan = planned(*CHANGES[where])
    for seed in range(2):
        must_be_alike(plan, a3c(seed, head=head, ues=5))
        must_be_alike(plan, a3c(seed, head=head, ues=5, memory=4, paper=True), both=False)


@pytest.mark.parametrize("dueling", [False, True])
@pytest.mark.parametrize("where", CHANGES)
def test_dqn_decides_alike(where, dueling):
    plan = planned(*CHANGES[where])
    for seed in range(3):
        must_be_alike(plan, dqn(seed, dueling=dueling), both=False)


@settings(deadline=None, max_examples=examples(120), suppress_health_check=list(HealthCheck))
@given(plans(), st.integers(0, 10**6), st.sampled_from((1.0, NS)), st.sampled_from(sorted(KINDS)))
def test_random_systems_with_ties_and_zero_lengths(made, seed, scale, kind):
    plan, _ = made
    policy = a3c(seed, **KINDS[kind], scale=scale)
    assert records(plan, policy) == records(plan, Asked(policy))


@pytest.mark.parametrize("shape", [network.PER_UE, network.layout("joint", 5, 3)], ids=["sequential", "joint"])
def test_sums_have_the_same_order_to_the_last_bit(shape):
    layers, rng = np.array(list(shape.actor), np.int64), np.random.default_rng(4)
    scratch = compiled_network.scratch(shape.actor[-1].outputs)
    for seed in range(50):
        params = drawn(shape, seed)
        x = (rng.normal(size=shape.inputs) * 3).astype(np.float32)
        compiled_network.forward(params, layers, x, scratch)
        mine = network.forward(params, shape.actor, x)
        assert mine.tobytes() == scratch[compiled_network.OUT, : shape.actor[-1].outputs].tobytes()
        again = network.forward(params, shape.actor, np.stack([x, x + 1, x]))
        assert again[0].tobytes() == again[2].tobytes() == mine.tobytes()


def test_memories_are_the_same_to_the_last_bit_and_survive_extreme_weights():
    shape, rng = network.layout("sequential", 1, 7), np.random.default_rng(4)
    core, scratch = np.array(list(shape.core), np.int64), compiled_network.scratch(1)
    for scale in (1.0, 300.0):
        params = drawn(shape, 3) * np.float32(scale)
        mine, theirs = np.zeros(7, np.float32), np.zeros(7, np.float32)
        for _ in range(30):
            seen = rng.normal(size=8).astype(np.float32) * 4
            mine = network.remember(params, shape, seen, mine)
            compiled_network.remember(params, core, seen, theirs, scratch)
            assert mine.dtype == np.float32 and mine.tobytes() == theirs.tobytes()
        assert np.isfinite(mine).all() and mine.any()


def test_what_explores_or_does_not_fit_is_asked():
    system = planned("slots=4").system
    explorer = Learned(network.initial(1), double=True, explore=True)
    misfit = a3c(1, head="joint", ues=4)
    assert not run.is_compiled(explorer, system) and not run.is_compiled(misfit, system)
    with pytest.raises(UsageError, match="cannot compile"):
        Twin(system, build.table(system, ())).use(misfit)


def test_worlds_may_differ_in_who_decides():
    resolved = inputs.resolve(load_scenario("region", ["slots=40"]))
    source = build.generator(resolved.scenario, resolved.system, endless=True)
    policy = a3c(2, memory=4)

    def costs(*users):
        twin = Twin(resolved.system, source, 3, double=True)
        for chosen, by in users:
            twin.use(by, chosen)
        twin.reset(5)
        return twin.advance(40)["cost"].sum(axis=1)

    everywhere = costs((slice(None), policy))
    mixed = costs((slice(None), Priced()), (1, policy))
    assert everywhere[0] == everywhere[1] == everywhere[2] == mixed[1]
    assert mixed[0] == mixed[2] != mixed[1]


def test_a_reset_forgets():
    resolved = inputs.resolve(load_scenario("region", ["slots=40"]))
    twin = Twin(resolved.system, build.generator(resolved.scenario, resolved.system, endless=True), double=True)
    twin.use(a3c(2, memory=8))
    costs = []
    for _ in range(2):
        twin.reset(5)
        costs.append(twin.advance(40)["cost"].sum())
    assert costs[0] == costs[1] > 0
