"""Published weights: whole or not at all, whoever dies while writing; an online learner that repeats itself."""

import threading

import numpy as np
import pytest

from controller.online.online_learner import OnlineConfig, ReplayLearner, together
from controller.online.trajectory import Assembler
from testbed.policy import network
from testbed.policy.published_weights import SEQUENCE, Weights
from tests.online.test_online_learner import FLAT, SYSTEM, assembled, listen

SIZE = 5000


@pytest.fixture
def weights(tmp_path):
    result = Weights.create(tmp_path / "weights", np.zeros(SIZE, np.float32))
    yield result
    result.close()


def other(tmp_path):
    return Weights(tmp_path / "weights", SIZE)


def filled(value):
    return np.full(SIZE, value, np.float32)


def test_a_reader_follows_what_is_published(weights, tmp_path):
    reader = other(tmp_path)
    assert reader.refresh() and reader.version == 0 and not reader.params.any()
    assert weights.publish(filled(3.0)) == 1
    assert weights.publish(filled(4.0)) == 2
    assert reader.version == 0 and reader.refresh() and reader.version == 2
    assert np.array_equal(reader.params, filled(4.0))
    before = reader.params
    assert reader.refresh() and reader.params is before
    reader.close()


def test_weights_outlive_those_who_open_them(weights, tmp_path):
    weights.publish(filled(2.0))
    again = Weights.create(tmp_path / "weights", filled(9.0))
    assert again.refresh() and np.array_equal(again.params, filled(2.0))
    assert again.publish(filled(5.0)) == 2
    again.close()


def test_half_written_weights_are_never_read_and_a_new_writer_repairs_them(weights, tmp_path):
    reader = other(tmp_path)
    weights.publish(filled(1.0))
    assert reader.refresh()
    weights._numbers[SEQUENCE] |= 1
    weights._params[: SIZE // 2] = 7.0
    assert not reader.refresh() and reader.version == 1 and np.array_equal(reader.params, filled(1.0))
    heir = other(tmp_path)
    assert heir.publish(filled(8.0)) == 2
    assert reader.refresh() and np.array_equal(reader.params, filled(8.0))
    heir.close()
    reader.close()


def test_what_does_not_fit_its_checksum_is_not_read(weights, tmp_path):
    reader = other(tmp_path)
    weights._params[3] = 7.0
    assert not reader.refresh() and len(reader.params) == 0
    weights.publish(filled(1.0))
    assert reader.refresh()
    reader.close()


def test_a_reader_beside_a_writer_sees_whole_versions_only(weights, tmp_path):
    reader, done = other(tmp_path), threading.Event()

    def write():
        for value in range(1, 400):
            weights.publish(filled(value))
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not done.is_set() or reader.version < 399:
        if reader.refresh():
            assert np.array_equal(reader.params, filled(reader.version))
            seen.add(reader.version)
    writer.join()
    assert max(seen) == 399
    reader.close()


def learned(*, masked=False, updates=5):
    ear, _ = listen()
    params, square_avg = FLAT.copy(), np.full(network.SIZE, 1e-4, np.float32)
    online_learner = ReplayLearner(Assembler(SYSTEM, 10), OnlineConfig(updates=updates))
    for message in ear.heard:
        online_learner.take(message)
    for segment in online_learner._buffer:
        segment.weight[:] = 0.0 if masked else 1.0
    done = [online_learner.update(params, square_avg, n) for n in range(updates)]
    assert not online_learner.busy
    return params, done


def test_an_online_learner_repeats_itself_and_uses_a_segment_as_often_as_it_is_told():
    (first, done), (second, _) = learned(), learned()
    assert np.array_equal(first, second) and not np.array_equal(first, FLAT)
    assert [one.lag for one in done] == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_decisions_without_weight_teach_the_critic_only():
    params, _ = learned(masked=True)
    actor = slice(0, network.ACTOR[-1].end)
    assert np.array_equal(params[actor], FLAT[actor])
    assert not np.array_equal(params[network.CRITIC[0].start :], FLAT[network.CRITIC[0].start :])


def test_segments_become_the_worlds_of_one_rollout():
    ear, _ = listen()
    result = assembled(ear.heard)[:3]
    rollout = together(result)
    assert rollout.rewards.shape == (10, 3) and rollout.cells.shape[:2] == (11, 3)
    for world, segment in enumerate(result):
        own = rollout.slot % 3 == world
        assert np.array_equal(rollout.features[own], segment.features)
        assert np.array_equal(rollout.slot[own] // 3, segment.slot)
        assert np.array_equal(rollout.rewards[:, world], segment.rewards[:, 0])


def test_live_learning_corrects_for_older_policies():
    assert OnlineConfig().actor_critic.vtrace
