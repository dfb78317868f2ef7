"""Stable-Baselines3 trains on the native batch."""

import numpy as np
import pytest
from stable_baselines3.common.monitor import Monitor

from testbed.gym.sb3 import Batch
from testbed.gym.vector import EdgeOffloadVector
from testbed.model.errors import UsageError


def test_the_batch_speaks_of_ends_as_sb3_expects():
    batch, native = Batch(2, episode_slots=3), EdgeOffloadVector(2, episode_slots=3)
    batch.seed(5)
    assert (batch.reset() == native.reset(seed=5)[0]).all()
    paid = np.zeros(2)
    for slot in range(1, 6):
        seen, rewards, ended, infos = batch.step(np.ones((2, 15)))
        wanted, paying, _, cut, told = native.step(np.ones((2, 15)))
        assert (seen == wanted).all()
        assert rewards == pytest.approx(paying.astype(np.float32))
        assert (ended == (slot == 3)).all()
        paid += paying
        for w in range(2):
            assert (infos[w] == {}) == (not cut[w])
            if cut[w]:
                assert infos[w]["episode"] == {"r": pytest.approx(paid[w]), "l": 3}
                assert infos[w]["TimeLimit.truncated"] is True
                assert (infos[w]["terminal_observation"] == told["final_obs"][w]).all()
    assert (batch.reset() == native.reset()[0]).all()


def test_the_batch_has_no_single_worlds():
    batch = Batch(3)
    assert batch.get_attr("num_envs", [0, 1]) == [3, 3]
    assert batch.env_is_wrapped(Monitor) == [True] * 3
    with pytest.raises(UsageError, match="single worlds"):
        batch.env_method("reset")
    with pytest.raises(UsageError, match="single worlds"):
        batch.set_attr("speed", 2)
    batch.close()
    with pytest.raises(UsageError, match="closed"):
        batch.reset()
