"""Learning from measured outcomes: they give what the twin's collector gives, in any order, with anything missing."""

import random

import msgspec
import numpy as np
import pytest

from controller.learn.collect import Actor, Collector, Sampling
from controller.online.behaviour_policy import BehaviourPolicy
from controller.online.slot_costs import SlotCosts
from controller.online.trajectory import LEAST_SLOTS, SEGMENT_SLOTS, Assembler
from testbed.model.learning import LEARNER
from testbed.model.system import Fault
from testbed.model.task import UE_DIED
from testbed.policy import network
from testbed.policy.learned import Learned
from testbed.protocol.messages import Outcome, Seen
from testbed.scenario.load import load_scenario
from testbed.sim.simulation import Simulation
from testbed.trace import inputs
from testbed.twin import build
from tests.support import plan

SLOTS = 60
SCENARIO = load_scenario("region", ["density=0.8", f"slots={SLOTS}"])
SYSTEM = inputs.resolve(SCENARIO).system
TASKS = inputs.generate(SCENARIO, SYSTEM)
FLAT = (network.initial(1) + np.random.default_rng(6).normal(size=network.SIZE) * 0.05).astype(np.float32)
LENGTH = 10


class Ear:
    """A learner that only listens."""

    name = LEARNER

    def __init__(self):
        self.heard = []

    def begin(self):
        return []

    def handle(self, now_ns, event):
        self.heard.append(event)
        return []


class Listening(Simulation):
    """A simulation with a learner that hears what a real one would."""

    def __init__(self, *args):
        super().__init__(*args)
        self.ear = Ear()
        self._incarnation[LEARNER] = 0

    def _make(self, name, incarnation, from_ns):
        return self.ear if name == LEARNER else super()._make(name, incarnation, from_ns)


def behaviour(version=lambda: 0):
    sources = [lambda: (FLAT, version())] * len(SYSTEM.edge_servers)
    return BehaviourPolicy(Learned(FLAT.copy(), double=True, explore=True), sources)


def listen(faults=(), policy=None):
    """What the learner hears of a run in which the fixed network decides, exploring."""
    learning_plan = msgspec.structs.replace(plan(SYSTEM, TASKS, faults=faults), learn=True)
    simulation = Listening(learning_plan, policy or behaviour())
    return simulation.ear, simulation.run()


def assembled(heard, slots=LENGTH, **options):
    assembler = Assembler(SYSTEM, slots, **options)
    for message in heard:
        assembler.take(message)
    return assembler.ready()


def twin_rollouts(count):
    collector = Collector(
        SYSTEM,
        build.table(SYSTEM, TASKS),
        Sampling(num_envs=1, rollout_length=LENGTH, episode=2**40),
        double=True,
        actor=Actor(),
    )
    collector.twin.reset(SYSTEM.seed)
    for _ in range(count):
        rollout, ues = collector.rollout(FLAT)
        yield msgspec.structs.replace(rollout, cells=rollout.cells.copy(), rewards=rollout.rewards.copy()), ues


def test_measured_outcomes_give_what_the_twin_gives():
    ear, _ = listen()
    segments = assembled(ear.heard, patience=SLOTS)
    assert len(segments) >= 4
    for segment, (theirs, _) in zip(segments, twin_rollouts(len(segments)), strict=True):
        for name in ("features", "actions", "slot", "weight", "cells"):
            assert np.array_equal(getattr(segment, name), getattr(theirs, name)), name
        assert np.allclose(segment.log_probability, theirs.log_probability, atol=1e-5)
        assert np.allclose(segment.rewards, theirs.rewards, rtol=1e-5)


def test_measured_outcomes_sum_to_the_overhead_however_early_slots_are_settled():
    ear, ran = listen()
    ended = {(message.task.ue, message.task.number) for message in ear.heard if isinstance(message, Outcome)}
    index = {ue.name: ue.index for ue in SYSTEM.ues}
    total = sum(row.overhead for row in ran.tasks if (index[row.ue], row.number) in ended)
    for patience in (1, 4, SLOTS):
        costs = SlotCosts(SYSTEM, 0)
        settled = 0.0
        for message in ear.heard:
            if isinstance(message, Seen):
                for task in message.tasks:
                    if (task.ue, task.number) in ended:
                        costs.enter(task)
                while costs.next < message.slot - patience:
                    settled += costs.settle()
            elif isinstance(message, Outcome):
                costs.leave(message)
        settled += sum(costs.settle() for _ in range(2 * SLOTS))
        assert settled == pytest.approx(total, rel=1e-9)


def test_the_order_in_which_outcomes_come_does_not_matter():
    ear, _ = listen()
    usual = assembled(ear.heard, patience=SLOTS)
    seed = 5
    shuffled = sorted(ear.heard, key=lambda message: getattr(message, "slot", 0))
    late = [message for message in shuffled if isinstance(message, Outcome)]
    random.Random(seed).shuffle(late)
    seen = [message for message in shuffled if isinstance(message, Seen)]
    late_segments = assembled([*seen, *late], patience=2 * SLOTS)
    assert len(late_segments) >= len(usual) > 0
    for segment, theirs in zip(usual, late_segments, strict=False):
        assert np.allclose(segment.rewards, theirs.rewards, rtol=1e-5)
        assert np.array_equal(segment.features, theirs.features) and np.array_equal(segment.weight, theirs.weight)


@pytest.mark.parametrize("ahead", [1, 3])
def test_an_outcome_may_be_read_before_the_observation_of_its_task(ahead):
    """They come from different processes, whose inboxes are read in turn."""
    ear, _ = listen()
    early = sorted(ear.heard, key=lambda message: (message.slot - ahead * isinstance(message, Outcome), message.slot))
    usual, early_segments = (assembled(heard, patience=2 * SLOTS) for heard in (ear.heard, early))
    assert len(early_segments) >= len(usual) > 0
    for segment, theirs in zip(usual, early_segments, strict=False):
        assert np.allclose(segment.rewards, theirs.rewards, rtol=1e-5)
        assert np.array_equal(segment.features, theirs.features) and np.array_equal(segment.weight, theirs.weight)


def test_decisions_that_were_not_the_policys_own_get_no_weight():
    ear, _ = listen()
    chosen = next(m for m in ear.heard if isinstance(m, Outcome) and m.slot == 12 and m.choice == 1)
    heard = [
        msgspec.structs.replace(message, fallback="timeout") if message is chosen else message for message in ear.heard
    ]
    usual, segment = assembled(ear.heard)[1], assembled(heard)[1]
    assert usual.weight.all()
    (masked,) = np.flatnonzero(segment.weight == 0)
    decisions = [m for m in ear.heard if isinstance(m, Seen) and m.slot == 12]
    inputs = next(c.inputs for m in decisions for c in m.chose if c.ue == chosen.task.ue)
    assert segment.slot[masked] == 2 and np.array_equal(segment.features[masked], np.array(inputs, np.float32))


def test_a_lost_ue_costs_nothing_more_and_its_last_decisions_get_no_weight():
    fault = Fault("ue-3-2", 15_300_000_000, 25_000_000_000)
    ear, ran = listen([fault])
    lost = [row for row in ran.tasks if row.reason == UE_DIED and row.asked_ns >= 0]
    assert lost
    segments = assembled(ear.heard)
    masked = [
        (first, segment.slot[n]) for first, segment in enumerate(segments) for n in np.flatnonzero(segment.weight == 0)
    ]
    assert {LENGTH * first + at for first, at in masked} == {row.slot for row in lost}
    assert len(segments) >= 4 and all(np.isfinite(segment.rewards).all() for segment in segments)


def test_a_gap_ends_a_segment_and_what_unknown_tasks_reach_into_is_left_out():
    ear, _ = listen()
    whole = assembled(ear.heard)
    gone = [m for m in ear.heard if not (isinstance(m, Seen | Outcome) and 22 <= getattr(m, "slot", 0) < 27)]
    segments = assembled(gone)
    assert np.array_equal(segments[1].cells, whole[1].cells)
    first = 27 + 12
    late = segments[2]
    assert np.array_equal(late.cells[0], whole[first // LENGTH].cells[first % LENGTH])
    assert np.allclose(late.rewards[:1], whole[first // LENGTH].rewards[first % LENGTH], rtol=1e-5)


def test_a_learner_that_starts_late_learns_from_what_it_knows():
    ear, _ = listen()
    late = [m for m in ear.heard if not (isinstance(m, Seen) and m.slot < 15)]
    whole, segments = assembled(ear.heard), assembled(late)
    first = 15 + 12
    assert np.array_equal(segments[0].cells[0], whole[first // LENGTH].cells[first % LENGTH])
    assert np.allclose(segments[0].rewards[0], whole[first // LENGTH].rewards[first % LENGTH], rtol=1e-5)


def test_a_cell_that_is_never_seen_does_not_stop_learning():
    ear, _ = listen()
    segments = assembled([m for m in ear.heard if not (isinstance(m, Seen) and m.cell == 1)])
    assert len(segments) >= 3
    assert not segments[0].cells[:, 0, 1].any() and segments[0].cells[:, 0, 0].any()


def test_the_least_slots_give_a_segment_even_if_no_task_ends():
    ear, _ = listen()
    seen = [message for message in ear.heard if isinstance(message, Seen)]
    for slots, segments in ((LEAST_SLOTS, 1), (LEAST_SLOTS - 1, 0)):
        assert len(assembled([message for message in seen if message.slot < slots], SEGMENT_SLOTS)) == segments
