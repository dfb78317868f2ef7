"""The three ways a batch begins anew, against Gymnasium's own vector of single environments; and its single worlds."""

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import testbed.gym
from testbed.gym.vector import EdgeOffloadVector
from testbed.model.errors import UsageError

OPTIONS = {"episode_slots": 0, "settings": ["slots=6", "density=0.3"]}


def same(own, theirs):
    """Whether two infos tell the same; the native one has an array of each number's own type."""
    assert {key for key in own if key != "final_info"} == {key for key in theirs if key != "final_info"}
    for key, value in theirs.items():
        if key == "final_info":
            same_where(own[key], value)
        elif key != "final_obs":
            assert own[key] == pytest.approx(value), key
        else:
            for one, other in zip(own[key], value, strict=True):
                assert (one is None and other is None) or (one == other).all()


def same_where(own, theirs):
    assert own.keys() == theirs.keys()
    for key in [key for key in theirs if not key.startswith("_")]:
        where = theirs[f"_{key}"]
        assert (own[f"_{key}"] == where).all()
        assert own[key][where] == pytest.approx(theirs[key][where])


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP])
@pytest.mark.parametrize("actions", ["multibinary", "multidiscrete"])
def test_a_batch_begins_anew_as_gymnasiums_own_vector(mode, actions):
    options = {**OPTIONS, "actions": actions}
    native = EdgeOffloadVector(3, autoreset_mode=mode.name.lower(), **options)
    sync = SyncVectorEnv([lambda: gymnasium.make(testbed.gym.ID, **options)] * 3, autoreset_mode=mode)
    assert native.metadata["autoreset_mode"] is mode
    seen, info = native.reset(seed=4)
    wanted, messages = sync.reset(seed=4)
    assert (seen == wanted).all()
    same(info, messages)
    ended, rng = 0, np.random.default_rng(1)
    for _ in range(40):
        action = rng.integers(0, 2, (3, 15), np.int8)
        own, theirs = native.step(action), sync.step(action)
        for one, other in zip(own[:4], theirs[:4], strict=True):
            assert one == pytest.approx(other, rel=1e-12)
        same(own[4], theirs[4])
        ended += (own[2] | own[3]).sum()
    assert ended > 5


def test_without_autoreset_the_caller_begins_what_has_ended():
    envs = EdgeOffloadVector(3, autoreset_mode=AutoresetMode.DISABLED, settings=["slots=6"], episode_slots=0)
    envs.reset(seed=4)
    ended = np.zeros(3, bool)
    while not ended.any():
        seen, _, ended, _, info = envs.step(np.zeros((3, 15)))
    assert not ended.all()
    with pytest.raises(UsageError, match="the episode of world"):
        envs.step(np.zeros((3, 15)))
    fresh, begun = envs.reset(options={"reset_mask": ended})
    assert (fresh[~ended] == seen[~ended]).all()
    assert (begun["_seed"] == ended).all()
    assert (begun["slot"] == np.where(ended, 0, info["slot"])).all()
    assert not envs.step(np.zeros((3, 15)))[2].all()
    for mask in ([True], np.zeros(3, bool), np.ones(3)):
        with pytest.raises(UsageError, match="reset_mask"):
            envs.reset(options={"reset_mask": mask})
    with pytest.raises(UsageError, match="known: next_step, same_step, disabled"):
        EdgeOffloadVector(2, autoreset_mode="later")


def test_worlds_can_be_asked_and_burdened_one_by_one():
    envs = EdgeOffloadVector(3, episode_slots=5)
    envs.reset(seed=20)
    assert envs.get_attr("seed") == (20, 21, 22)
    assert (np.stack(envs.call("action_masks")) == envs.action_masks()).all()
    envs.set_attr("backlog_s", [0.0, 3.0, 0.0])
    queues = envs.reset(seed=20)[0][:, :3].sum(axis=1)
    assert queues[1] > 0 == queues[0] == queues[2]
    assert envs.call("backlog_s") == (0.0, 3.0, 0.0)
    with pytest.raises(UsageError, match="2 values of backlog_s"):
        envs.set_attr("backlog_s", [1.0, 2.0])
    with pytest.raises(UsageError, match="cannot be set for single worlds"):
        envs.set_attr("speed", 2)


def test_worlds_draw_themselves():
    envs = gymnasium.make_vec(testbed.gym.ID, num_envs=2, render_mode="ansi")
    single = gymnasium.make(testbed.gym.ID, render_mode="ansi")
    envs.reset(seed=3)
    single.reset(seed=3)
    texts: Any = envs.render()
    assert texts[0] == single.render() != texts[1]
    assert texts[0].splitlines()[0] == "slot 0  workload 3"
    assert texts[1].count("\n") == 18 and "ue-3-5  queue 0.00 s" in texts[1]
    assert gymnasium.make(testbed.gym.ID).unwrapped.render() is None
