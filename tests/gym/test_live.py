"""`EdgeOffload-v0` on running processes: the same faces and episodes as on the twin, paid by what was measured."""

import time
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import testbed.gym
from testbed.gym.parallel import EdgeOffloadCells
from testbed.model.errors import LostError, UsageError
from tests.gym.live import OPTIONS, SETTINGS, environment

pytestmark = pytest.mark.live


@pytest.fixture
def env():
    """One environment, its episodes as long as their tasks."""
    one = environment(episode_slots=0)
    yield one
    one.close()


def outcomes_of(env):
    """A list that all outcomes told to ``env`` in its present episode will be in."""
    accounting, heard = env.backend._accounting, []
    messages = accounting.ended

    def ended(outcome):
        messages(outcome)
        heard.append(accounting._ended[-1])

    accounting.ended = ended
    return heard


def sleep_until(env, at_ns):
    """Stay away until the run's clock has come to ``at_ns``, some seconds ahead at the most."""
    clock = env.backend._players.clock
    pause_s = (clock.wall_ns(at_ns) - time.monotonic_ns()) * 1e-9
    assert pause_s < at_ns * 1e-9
    time.sleep(max(0.0, pause_s))


def play(env, actions):
    """Steps until the end; ``actions`` maps a slot to its action. Returns (rewards, infos, whether terminated)."""
    rewards, infos, ends, cut = [], [], False, False
    while not (ends or cut):
        _, reward, ends, cut, info = env.step(actions(env.backend.slot))
        rewards.append(reward)
        infos.append(info)
    return rewards, infos, ends


def test_the_checker_of_gymnasium_agrees():
    env = environment()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env)
    env.close()


@pytest.mark.parametrize("options", [{}, {"observation": "paper", "second_offload": False}])
def test_it_looks_like_the_twin_and_begins_with_what_the_twin_sees(options):
    live, twin = environment(**options), gymnasium.make(testbed.gym.ID, settings=SETTINGS, **options)
    assert (live.action_space, live.observation_space) == (twin.action_space, twin.observation_space)
    assert live.backend.pids == {}
    for seed in (5, 9):
        seen, info = live.reset(seed=seed)
        wanted, like = twin.reset(seed=seed)
        assert (seen == wanted).all()
        assert (info.pop("action_mask") == like.pop("action_mask")).all()
        assert info == like
    messages = live.step(np.ones(3))
    assert list(messages[4]) == list(twin.step(np.ones(3))[4]) == [*info, "action_mask"]
    assert messages[0] in live.observation_space
    live.close()


def test_decisions_are_executed_as_given_and_paid_by_what_was_measured(env):
    env.reset(seed=2)
    heard = outcomes_of(env)
    arguments = {slot: np.random.default_rng(slot).integers(0, 2, 3) for slot in range(100)}
    rewards, infos, terminated = play(env, arguments.get)
    total = {key: sum(info[key] for info in infos) for key in infos[0]}
    own = [outcome for outcome in heard if not outcome.fallback]
    assert all(outcome.choice == arguments[outcome.slot][outcome.task.ue] for outcome in own)
    assert terminated and infos[-1]["inside"] == 0
    assert total["finished"] == total["decided"] == len(heard) > 8
    assert total["fallback"] == len(heard) - len(own)
    assert total["offloaded"] == sum(outcome.choice for outcome in heard)
    assert total["delay_s"] == pytest.approx(sum(outcome.delay_ns for outcome in heard) * 1e-9)
    assert total["energy_j"] == pytest.approx(sum(outcome.energy_j for outcome in heard))
    ends = [outcome.task.generated_ns + outcome.delay_ns - outcome.finished_ns for outcome in heard]
    assert min(ends) >= 0 and total["lag_s"] == pytest.approx(sum(ends) * 1e-9)
    assert sum(rewards) == pytest.approx(-total["overhead"])
    assert total["overhead"] == pytest.approx(0.5 * total["delay_s"] + 0.5 * total["energy_j"])


def test_an_episode_is_like_the_twins_and_never_better():
    """What a busy host adds has no limit, so the other side alone can be asserted."""
    env = environment(episode_slots=0, decision_timeout_s=60.0)
    twin = gymnasium.make(testbed.gym.ID, settings=SETTINGS, episode_slots=0).unwrapped
    for one in (env, twin):
        one.reset(seed=3)
    live, like = (play(one, lambda _: np.array([0, 1, 1])) for one in (env, twin))
    env.close()
    total, wanted = ({key: sum(info[key] for info in infos) for key in infos[0]} for _, infos, _ in (live, like))
    assert [total[key] for key in ("finished", "offloaded", "fallback")] == [
        wanted[key] for key in ("finished", "offloaded", "fallback")
    ]
    assert total["energy_j"] == pytest.approx(wanted["energy_j"], rel=0.5)
    assert sum(live[0]) <= 0.95 * sum(like[0]) < 0.0


def test_reset_keeps_the_processes_and_nothing_of_the_old_episode(env):
    env.reset(seed=1)
    pids = env.backend.pids
    assert sorted(pids) == ["es-1", "es-2", "ue-1-1", "ue-1-2", "ue-2-1"]
    env.step(np.ones(3))
    env.reset(seed=2)
    env.reset(seed=1)
    infos = play(env, lambda _: np.zeros(3))[1]
    assert env.backend.pids == pids
    assert sum(info["decided"] for info in infos) == sum(info["finished"] for info in infos)
    assert [info["slot"] for info in infos] == sorted(info["slot"] for info in infos)


def test_who_comes_too_late_finds_slots_decided_by_the_fallback():
    env = environment(episode_slots=0, speed=2, decision_timeout_s=1.0)
    env.reset(seed=4)
    heard = outcomes_of(env)
    env.step(np.ones(3))
    sleep_until(env, 4_500_000_000)
    _, reward, *_, info = env.step(np.ones(3))
    assert info["missed"] == info["slot"] - 1 >= 3
    assert info["fallback"] == info["decided"] > 0
    assert reward < 0
    infos = play(env, lambda _: np.ones(3))[1]
    fallen = {outcome.slot for outcome in heard if outcome.fallback == "timeout"}
    assert {1, 2} <= fallen and 0 not in fallen
    assert sum(one["decided"] for one in infos) + info["decided"] <= len(heard)
    env.close()


def test_a_patient_timeout_lets_a_slow_caller_decide_every_slot():
    env = environment(episode_slots=4, decision_timeout_s=5.0)
    env.reset(seed=4)
    begun = time.monotonic()
    for slot in range(1, 5):
        if slot > 1:
            sleep_until(env, (slot + 1) * 1_000_000_000)
        *_, cut, info = env.step(np.ones(3))
        assert (info["slot"], info["missed"], info["fallback"], cut) == (slot, 0, 0, slot == 4)
    assert time.monotonic() - begun > 0.5
    env.close()


def test_what_is_wrong_is_refused(env):
    with pytest.raises(UsageError, match="no episode has begun"):
        env.step(np.zeros(3))
    env.reset(seed=1)
    with pytest.raises(UsageError, match=r"has shape \(4,\)"):
        env.step(np.zeros(4))
    play(env, lambda _: np.zeros(3))
    with pytest.raises(UsageError, match="the episode ended in slot"):
        env.step(np.zeros(3))
    env.close()
    env.close()
    with pytest.raises(UsageError, match="closed"):
        env.reset()


@pytest.mark.parametrize(
    ("options", "output"),
    [
        ({"speed": 0}, "speed is 0"),
        ({"payload": "none"}, "known: real, declared"),
        ({"decision_timeout_s": "1"}, "decision_timeout_s is '1'"),
        (
            {"backlog_s": 1.0},
            "unexpected keyword argument 'backlog_s'\n  known: speed, payload, decision_timeout_s",
        ),
    ],
)
def test_options_that_cannot_be_are_refused_when_it_is_made(options, output):
    with pytest.raises(UsageError, match=output):
        environment(**options)


def test_a_caller_who_was_away_for_too_long_is_told_so_and_begins_anew(env, monkeypatch):
    monkeypatch.setattr("testbed.gym.live.SEND_LIMIT", 40)
    env.reset(seed=1)
    env.step(np.ones(3))
    sleep_until(env, 12_000_000_000)
    with pytest.raises(LostError, match=r"nobody decided for \d+ s"):
        env.step(np.ones(3))
    assert env.backend.pids == {}
    assert env.reset(seed=1)[1]["seed"] == 1
    assert len(env.backend.pids) == 5


def test_cells_are_agents_here_too():
    cells = EdgeOffloadCells(settings=[*SETTINGS, "agent.team=0"], episode_slots=3, **OPTIONS)
    cells.reset(seed=6)
    while cells.agents:
        views, rewards, _, cut, infos = cells.step({"cell-1": [1, 0], "cell-2": [1]})
        assert all(views[agent] in cells.observation_space(agent) for agent in cells.possible_agents)
        assert max(rewards.values()) <= 0
        assert infos["cell-1"].keys() >= {"overhead", "delay_s", "energy_j", "hits", "fallback", "lag_s", "missed"}
    assert all(cut.values())
    cells.close()
