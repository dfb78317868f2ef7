"""`EdgeOffload-v0` on the twin: what checkers demand, what is paid and told, how episodes end, what is refused."""

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_for_sb3

import testbed.gym
from testbed.analysis.run_reward import by_slot
from testbed.model.errors import ScenarioError, UsageError
from testbed.policy.heuristics import FixedChoice
from testbed.scenario.load import load_scenario
from testbed.sim.simulation import simulate
from testbed.trace import inputs
from testbed.twin.twin import ArenaFullError


def made(**options):
    return gymnasium.make(testbed.gym.ID, **options)


def play(env, choice, seed=None):
    """One episode of a constant choice: (rewards, infos, terminated, truncated)."""
    env.reset(seed=seed)
    rewards, infos, terminated, truncated = [], [], False, False
    while not (terminated or truncated):
        _, reward, terminated, truncated, info = env.step(np.full(env.action_space.n, choice))
        rewards.append(reward)
        infos.append(info)
    return rewards, infos, terminated, truncated


@pytest.mark.parametrize(
    "options", [{}, {"observation": "paper", "reward": "paper"}, {"scenario": "shared-radio"}, {"scenario": "recorded"}]
)
def test_the_checkers_of_gymnasium_and_stable_baselines_agree(options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*maximum value is infinity.*")
        check_env(made(**options).unwrapped)
        check_for_sb3(made(**options).unwrapped)


@pytest.mark.parametrize("choice", [0, 1])
@pytest.mark.parametrize("reward", ["holding", "paper", "paper-sign"])
def test_a_drained_episode_earns_and_tells_what_the_simulation_records(choice, reward):
    scenario = load_scenario("region", ["slots=40", "density=0.5", f"agent.reward={reward}"])
    resolved = inputs.resolve(scenario)
    plan = resolved.plan(inputs.generate(scenario, resolved.system), "offload", second_offload=True, live=False)
    rows = simulate(plan, FixedChoice(choice)).tasks
    rewards, infos, terminated, truncated = play(made(scenario=scenario, episode_slots=0), choice, scenario.seed)
    assert (terminated, truncated) == (True, False)
    assert sum(rewards) == pytest.approx(sum(row.reward for row in by_slot(rows, resolved.system, reward)), rel=1e-9)
    total = {key: sum(info[key] for info in infos) for key in infos[0]}
    assert total["finished"] == total["decided"] == len(rows)
    assert total["offloaded"] == choice * len(rows)
    assert total["forwarded"] == sum(row.forwarded for row in rows)
    assert total["hits"] == sum(row.state == "completed" for row in rows)
    assert total["delay_s"] == pytest.approx(sum(row.finished_ns - row.generated_ns for row in rows) * 1e-9)
    for key in ("energy_j", "overhead"):
        assert total[key] == pytest.approx(sum(getattr(row, key) for row in rows))
    assert total["fallback"] == infos[-1]["inside"] == 0


def test_truncation_cuts_at_the_limit_and_leaves_tasks_inside():
    rewards, infos, terminated, truncated = play(made(settings=["density=1"], episode_slots=7), 0)
    assert (len(rewards), terminated, truncated) == (7, False, True)
    assert infos[-1]["slot"] == 7
    assert infos[-1]["inside"] > 0


def test_a_backlog_to_begin_with_is_seen():
    assert made(backlog_s=2.0).reset(seed=7)[0][:3].sum() > made().reset(seed=7)[0][:3].sum() == 0


@pytest.mark.parametrize(
    ("action", "said"),
    [
        (np.zeros(14), r"has shape \(14,\)\n  \(15,\) is needed.*ue-1-1 to ue-3-5"),
        (np.zeros((1, 15)), r"has shape \(1, 15\)"),
        (0, r"has shape \(\)"),
        ([0, 1, np.nan] + [0] * 12, "nan for ue-1-3"),
        ([0] * 14 + [np.inf], "inf for ue-3-5"),
        ([2] + [0] * 14, "2 for ue-1-1"),
        (["offload"] * 15, "numbers are needed"),
        (None, r"has shape \(\)"),
    ],
)
def test_wrong_actions_are_refused_and_change_nothing(action, said):
    env, other = made().unwrapped, made().unwrapped
    env.reset(seed=7)
    other.reset(seed=7)
    with pytest.raises(UsageError, match=said):
        env.step(action)
    assert (env.step(np.zeros(15))[0] == other.step(np.zeros(15, bool))[0]).all()


def test_steps_outside_an_episode_are_refused():
    env = made(episode_slots=1).unwrapped
    with pytest.raises(UsageError, match="no episode has begun"):
        env.step(np.zeros(15))
    env.reset()
    env.step(np.zeros(15))
    with pytest.raises(UsageError, match="the episode ended in slot 1"):
        env.step(np.zeros(15))
    env.close()
    env.close()
    with pytest.raises(UsageError, match="closed"):
        env.step(np.zeros(15))
    with pytest.raises(UsageError, match="closed"):
        env.reset()


@pytest.mark.parametrize("seed", [-1, 2**63, 0.5, "7", True])
def test_wrong_seeds_are_refused(seed):
    with pytest.raises(UsageError, match="seed"):
        made().unwrapped._episode.reset(seed)


def test_a_full_arena_raises_and_a_reset_heals_it():
    env = made(settings=["density=1"], capacity=20).unwrapped
    with pytest.raises(ArenaFullError, match="holds 20 tasks in slot"):
        play(env, 0)
    with pytest.raises(UsageError, match="the last step failed"):
        env.step(np.zeros(15))
    env.reset()


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"settings": ["agent.epoch=arrival"]}, ScenarioError, "agent.epoch"),
        (
            {"scenario": load_scenario("region", ["faults=[{at: 2 s, kill: es-1}]"])},
            ScenarioError,
            "do not support deaths",
        ),
        (
            {"scenario": load_scenario("region", ["faults=[{at: 2 s, for: 1 s, slow: es-1 to 50%}]"])},
            ScenarioError,
            "on the twin do not support faults",
        ),
        ({"scenario": "regoin"}, ScenarioError, 'did you mean "region"'),
        ({"settings": ["densty=1"]}, ScenarioError, "density"),
        ({"scenario": load_scenario("region"), "settings": ["slots=3"]}, UsageError, "a Scenario is given"),
        ({"backend": "twine"}, UsageError, "known: twin, testbed"),
        ({"speed": 20}, UsageError, 'backend "twin" has no option "speed"'),
        ({"observation": "total"}, UsageError, "known: full, paper"),
        ({"reward": "gold"}, UsageError, "known: holding, paper, paper-sign"),
        ({"episode_slots": -1}, UsageError, "episode_slots is -1"),
    ],
)
def test_what_cannot_be_an_environment_is_refused_when_it_is_made(options, error, said):
    with pytest.raises(error, match=said):
        made(**options)


def test_poisson_arrivals_have_room_and_no_bound_on_tasks():
    options = {"settings": ["workload.arrivals=poisson", "density=3"], "episode_slots": 30}
    assert play(made(**options), 0)[3]
    assert np.isinf(made(**options).observation_space.high).sum() == 15
    assert np.isfinite(made().observation_space.high).all()


@pytest.mark.parametrize(
    "options",
    [
        {"backlog_s": float("nan")},
        {"backlog_s": -1},
        {"capacity": 0},
        {"second_offload": "false"},
        {"settings": "density=0.5"},
    ],
)
def test_options_that_cannot_be_are_named(options):
    with pytest.raises(UsageError, match=next(iter(options))):
        gymnasium.make(testbed.gym.ID, **options)


def test_a_vector_of_running_processes_is_refused():
    with pytest.raises(UsageError, match="twin only"):
        gymnasium.make_vec(testbed.gym.ID, num_envs=2, vectorization_mode="vector_entry_point", backend="testbed")


# Always the same keys ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("actions", ["multibinary", "multidiscrete"])
def test_info_has_the_same_keys_and_types_after_a_reset_and_after_every_step(actions):
    for env in (made(actions=actions, episode_slots=3), made(scenario="recorded", actions=actions)):
        kinds = {key: type(value) for key, value in env.reset(seed=1)[1].items()}
        over = False
        while not over:
            _, _, ends, cut, info = env.step(env.action_space.sample())
            assert {key: type(value) for key, value in info.items()} == kinds
            over = ends or cut
        assert {key: type(value) for key, value in env.reset()[1].items()} == kinds


def test_masks_tell_where_a_decision_makes_a_difference():
    env, other = made(), made(actions="multidiscrete")
    seen, info = env.reset(seed=5)
    mask = other.reset(seed=5)[1]["action_mask"]
    for _ in range(20):
        present = seen[24:].reshape(15, 22)[:, 21] > 0
        assert 0 < present.sum() < 15
        assert (info["action_mask"] == np.c_[np.ones(15), present]).all()
        flat = env.unwrapped.action_masks()
        assert (flat.reshape(15, 2) == np.c_[np.ones(15, bool), present]).all()
        assert (env.action_space.sample(mask=info["action_mask"][:, 1] * np.int8(2)) <= present).all()
        assert (other.action_space.sample(mask=tuple(mask)) <= present).all()
        wild = np.ones(15, np.int8)
        masked, *_, last = other.step(wild * present)
        mask = last["action_mask"]
        seen, _, _, _, info = env.step(wild)
        assert (seen == masked).all()
