"""Workers that learn from cells of their own, on shared parameters, by replay or on-policy."""

import msgspec
import numpy as np
import pytest

from controller.learn import a3c
from controller.learn.collect import Actor, Collector, Sampling
from controller.learn.optimiser import rmsprop
from controller.online.on_policy import KEPT_COPIES, OnPolicyConfig, OnPolicyLearner
from controller.online.online_learner import together
from controller.online.trajectory import SEGMENT_SLOTS, Assembler
from testbed.model.learning import ON_POLICY, REPLAY, LearningPlan, is_learner
from testbed.protocol.messages import Seen
from testbed.twin import build
from tests.online.test_online_learner import FLAT, LENGTH, SLOTS, SYSTEM, TASKS, assembled, listen
from tests.online.workers import LearningRun, learning
from tests.support import plan

CELLS = len(SYSTEM.edge_servers)


def learned_run(**how):
    """The workers of a run that has ended, and what it played."""
    simulation = LearningRun(learning(plan(SYSTEM, TASKS), **how), FLAT)
    ran = simulation.run()
    return simulation.workers, ran


def cell_of(heard):
    """The cell of every decision that was seen, by its inputs."""
    return {chose.inputs: m.cell for m in heard if isinstance(m, Seen) for chose in m.chose}


def test_cells_are_shared_out_and_every_one_has_one_worker():
    for workers in (1, 2, 3):
        how = LearningPlan(workers=workers)
        owned = [how.cells_of(worker, CELLS) for worker in range(workers)]
        assert sorted(cell for own in owned for cell in own) == list(range(CELLS))
        assert all(how.worker_of(cell) == worker for worker, own in enumerate(owned) for cell in own)
        assert len(how.names) == workers == len(set(how.names)) and all(map(is_learner, how.names))
    assert LearningPlan().names == ("learner",) and not is_learner("es-1")


def test_a_worker_takes_its_own_cells_decisions_and_sees_what_all_cells_were_like_and_cost():
    ear, _ = listen()
    whole = assembled(ear.heard, patience=SLOTS)
    cell = cell_of(ear.heard)
    for worker in range(2):
        own = LearningPlan(workers=2).cells_of(worker, CELLS)
        own_segments = assembled(ear.heard, patience=SLOTS, cells=own)
        assert len(own_segments) == len(whole) > 0
        for one, every in zip(own_segments, whole, strict=True):
            assert np.array_equal(one.cells, every.cells) and np.array_equal(one.rewards, every.rewards)
            is_own = [cell[tuple(inputs)] in own for inputs in every.features.astype(float).tolist()]
            assert 0 < sum(is_own) < len(is_own)
            assert np.array_equal(one.features, every.features[is_own])
            assert np.array_equal(one.slot, every.slot[is_own])


@pytest.mark.parametrize("team", [0.0, 0.3])
def test_a_cells_own_reward_is_what_the_twin_gives_it(team):
    ear, _ = listen()
    segments = assembled(ear.heard, patience=SLOTS, team=team)
    twin = Collector(
        SYSTEM,
        build.table(SYSTEM, TASKS),
        Sampling(num_envs=1, rollout_length=LENGTH, episode=2**40),
        double=True,
        actor=Actor(),
        team=team,
    )
    twin.twin.reset(SYSTEM.seed)
    assert len(segments) >= 4
    for segment in segments:
        rollout, _ = twin.rollout(FLAT)
        assert segment.rewards.shape == (LENGTH, CELLS) == rollout.rewards.shape
        assert np.allclose(segment.rewards, rollout.rewards, rtol=1e-5, atol=1e-6)
        assert np.array_equal(segment.cells, rollout.cells)
        assert np.array_equal(segment.slot, rollout.slot)
        assert np.array_equal(segment.features, rollout.features)


def test_a_worker_that_is_paid_for_its_own_cells_has_a_world_for_each_of_them():
    ear, _ = listen()
    every = assembled(ear.heard, team=0.0)
    own = assembled(ear.heard, cells=(0, 2), team=0.0)
    both = together(own[:2])
    assert both.rewards.shape == (LENGTH, 4) and both.cells.shape[:3] == (LENGTH + 1, 4, 1)
    for n, (one, all_cells) in enumerate(zip(own[:2], every, strict=False)):
        assert np.array_equal(one.rewards, all_cells.rewards[:, [0, 2]])
        assert np.array_equal(both.rewards[:, 2 * n : 2 * n + 2], one.rewards)
        of_segment = both.slot % 4 // 2 == n
        assert np.array_equal(both.features[of_segment], one.features)
        assert np.array_equal(both.slot[of_segment] // 4, one.slot // 2)
        assert np.array_equal(both.slot[of_segment] % 2, one.slot % 2)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_on_policy_each_segment_is_decided_by_one_copy_and_learned_from_once(workers):
    learners, ran = learned_run(mode=ON_POLICY, workers=workers)
    segments = SLOTS // SEGMENT_SLOTS
    assert all(1 <= len(worker.done) <= segments + 1 for worker in learners.workers)
    assert learners.shared.updates == sum(len(worker.done) for worker in learners.workers)
    for worker in learners.workers:
        own = LearningPlan(workers=workers).cells_of(worker.number, CELLS)
        published = {version for version, _ in worker.copies}
        for first in range(0, SLOTS, SEGMENT_SLOTS):
            versions = {
                message.version
                for message in learners.heard
                if isinstance(message, Seen) and message.cell in own and first <= message.slot < first + SEGMENT_SLOTS
            }
            assert len(versions) == 1 and versions <= published
    assert not np.array_equal(learners.shared.params, FLAT) and ran.reason == ""


def test_the_next_segment_does_not_wait_for_the_gradient_of_the_one_before():
    """Tasks of a segment's last slots end in the next one: by then its decisions are being made."""
    learners, _ = learned_run(mode=ON_POLICY, workers=1)
    (worker,) = learners.workers
    assert [version for version, _ in worker.copies[:3]] == [0, 0, 1]
    assert [one.lag for one in worker.done[:2]] == [0.0, 1.0]


class Recorder(Assembler):
    """An assembler whose segments a test hands over."""

    def __init__(self, *segments):
        self.cells = (0, 1)
        self.segments = list(segments)

    def take(self, message):
        pass

    def ready(self):
        segments, self.segments = self.segments, []
        return segments

    def segment_start(self, slot):
        return slot // LENGTH * LENGTH


def test_an_on_policy_gradient_is_that_of_the_copy_that_decided_applied_to_what_others_changed_since():
    ear, _ = listen()
    segment = msgspec.structs.replace(assembled(ear.heard)[1], version=np.full(1, 3))
    segment.version = np.full(len(segment.actions), 3)
    learner = OnPolicyLearner(Recorder(segment))
    decided = FLAT + np.float32(0.01)
    learner.decide_by(decided, 3)
    learner.decide_by(FLAT, 4)
    learner.take(None)
    params, square_avg = FLAT.copy() + np.float32(0.5), np.full(len(FLAT), 1e-4, np.float32)
    expected, squares = params.copy(), square_avg.copy()
    grad, losses = a3c.gradient(decided, together([segment]), OnPolicyConfig().actor_critic)
    rmsprop(expected, squares, grad, OnPolicyConfig().learning_rate)
    done = learner.update(params, square_avg, 9)
    assert np.array_equal(params, expected) and np.array_equal(square_avg, squares)
    assert (done.lag, done.entropy) == (6.0, losses.entropy) and not learner.busy


def test_decisions_of_another_copy_get_no_policy_gradient():
    ear, _ = listen()
    segment = assembled(ear.heard)[1]
    segment.version = np.where(segment.slot < 2, 5, 6)
    learner = OnPolicyLearner(Recorder(segment))
    for version in (5, 6):
        learner.decide_by(FLAT, version)
    learner.take(None)
    learner.update(FLAT.copy(), np.full(len(FLAT), 1e-4, np.float32), 6)
    assert np.array_equal(segment.weight, (segment.slot >= 2).astype(np.float32))


def test_a_worker_that_comes_back_learns_values_only_from_what_its_predecessor_decided():
    ear, _ = listen()
    segment = assembled(ear.heard)[1]
    segment.version = np.full(len(segment.actions), 2)
    learner = OnPolicyLearner(Recorder(segment))
    learner.decide_by(FLAT, 7)
    learner.take(None)
    learner.update(FLAT.copy(), np.full(len(FLAT), 1e-4, np.float32), 7)
    assert not segment.weight.any()


def test_copies_are_renewed_when_all_own_cells_have_been_seen_and_few_are_kept():
    learner = OnPolicyLearner(Recorder())
    learner.decide_by(FLAT, 0)

    def see(cell, slot):
        learner.take(Seen(cell=cell, slot=slot, version=0, features=()))

    renewed = []
    for slot in range(2 * LENGTH):
        for cell in (0, 1, 2):
            see(cell, slot)
            if learner.renews:
                renewed.append((slot, cell))
                learner.decide_by(FLAT, slot)
    assert renewed == [(LENGTH - 1, 1), (2 * LENGTH - 1, 1)]
    see(0, 3 * LENGTH)
    assert learner.renews
    for version in range(100, 100 + 2 * KEPT_COPIES):
        learner.decide_by(FLAT, version)
    assert sorted(learner._copies) == list(range(100 + KEPT_COPIES, 100 + 2 * KEPT_COPIES))


def test_workers_that_replay_share_what_they_learn_and_repeat_themselves_on_this_clock():
    (first, _), (second, _) = (learned_run(mode=REPLAY, workers=2) for _ in range(2))
    assert np.array_equal(first.shared.params, second.shared.params)
    assert all(worker.done for worker in first.workers)
    versions = [version for worker in first.workers for version, _ in worker.copies]
    assert max(versions) == first.shared.updates > len(first.workers[0].done)


def test_a_segment_begins_where_the_one_before_ends_and_behind_a_gap():
    ear, _ = listen()
    assembler = Assembler(SYSTEM, LENGTH)
    assert [assembler.segment_start(slot) for slot in (0, LENGTH - 1, LENGTH)] == [0, 0, LENGTH]
    for message in ear.heard:
        if isinstance(message, Seen) and message.slot >= 15:
            assembler.take(message)
    assert [assembler.segment_start(slot) for slot in (27, 36, 37)] == [27, 27, 37]
