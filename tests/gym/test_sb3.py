"""Stable-Baselines3 trains on the native batch."""

import numpy as np
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecMonitor, VecNormalize

from testbed.gym.evaluation import evaluate
from testbed.gym.sb3 import Batch, OverheadCallback
from testbed.gym.told import SUMS
from testbed.gym.vector import EdgeOffloadVector
from testbed.model.errors import UsageError


def test_the_batch_speaks_of_ends_as_sb3_expects():
    batch, native = Batch(2, episode_slots=3), EdgeOffloadVector(2, episode_slots=3)
    batch.seed(5)
    assert (batch.reset() == native.reset(seed=5)[0]).all()
    paid, totals = np.zeros(2), {key: np.zeros(2) for key in SUMS}
    for slot in range(1, 6):
        seen, rewards, ended, infos = batch.step(np.ones((2, 15)))
        wanted, paying, _, cut, messages = native.step(np.ones((2, 15)))
        assert isinstance(seen, np.ndarray) and (seen == wanted).all()
        assert rewards == pytest.approx(paying.astype(np.float32))
        assert (ended == (slot == 3)).all()
        paid += paying
        for w in range(2):
            assert (infos[w] == {}) == (not cut[w])
            for key in totals:
                totals[key][w] += messages.get("final_info", messages)[key][w]
            if cut[w]:
                assert infos[w]["episode"] == {"r": pytest.approx(paid[w]), "l": 3}
                assert infos[w]["TimeLimit.truncated"] is True
                assert (infos[w]["terminal_observation"] == messages["final_obs"][w]).all()
                assert {key: infos[w][key] for key in totals} == pytest.approx({k: v[w] for k, v in totals.items()})
                mean = totals["overhead"][w] / totals["finished"][w]
                assert infos[w]["mean_overhead"] == pytest.approx(mean)
    assert (batch.reset() == native.reset()[0]).all()


def test_single_worlds_of_the_batch():
    batch = Batch(3)
    batch.seed(5)
    batch.reset()
    assert batch.get_attr("num_envs", [0, 1]) == [3, 3]
    assert batch.get_attr("seed") == [5, 6, 7]
    assert batch.get_attr("action_space", 1) == [batch.action_space]
    assert (np.stack(batch.env_method("action_masks")) == batch.batch.action_masks()).all()
    assert batch.has_attr("action_masks") and not batch.has_attr("nothing")
    batch.set_attr("backlog_s", 2.0, [1])
    assert batch.get_attr("backlog_s") == [0.0, 2.0, 0.0]
    assert batch.env_is_wrapped(Monitor) == [True] * 3
    with pytest.raises(UsageError, match="single worlds"):
        batch.env_method("reset")
    with pytest.raises(UsageError, match="single worlds"):
        batch.set_attr("speed", 2)
    with pytest.raises(UsageError, match="autoreset_mode"):
        Batch(2, autoreset_mode="next_step")
    batch.close()
    with pytest.raises(UsageError, match="closed"):
        batch.reset()


def test_a_monitor_keeps_the_mean_overhead_of_episodes(tmp_path):
    batch = VecMonitor(Batch(2, episode_slots=4), str(tmp_path / "log"), info_keywords=("mean_overhead", "overhead"))
    batch.reset()
    for _ in range(4):
        infos = batch.step(np.ones((2, 15)))[3]
    assert [info["episode"]["mean_overhead"] for info in infos] == [info["mean_overhead"] for info in infos]
    assert "mean_overhead" in (tmp_path / "log.monitor.csv").read_text()


@pytest.mark.parametrize("normal", [False, True])
def test_a_callback_evaluates_on_fixed_workloads_and_keeps_the_best(tmp_path, normal):
    plain = Batch(4, settings=["slots=30"], episode_slots=10)
    batch = VecNormalize(plain) if normal else plain
    callback = OverheadCallback(20, seeds=[1, 2], save_best=tmp_path / "best", settings=["slots=30"])
    model = PPO("MlpPolicy", batch, n_steps=20, batch_size=40, n_epochs=1, seed=1)
    model.learn(160, callback=callback)
    assert [steps for steps, _ in callback.found] == [80, 160]
    assert all(list(result.each) == [1, 2] for _, result in callback.found)
    assert (tmp_path / "best.zip").exists()
    if not normal:
        best = min((result for _, result in callback.found), key=lambda result: result.overhead)
        again = evaluate(PPO.load(tmp_path / "best"), [1, 2], settings=["slots=30"])
        assert again == best
