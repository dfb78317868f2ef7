"""A planner as the teacher: what it shows, how the network takes it in, and what is refused."""

import msgspec
import numpy as np
import pytest

from controller.learn import school
from controller.learn.learner import A3cLearner, TrainConfig
from controller.learn.school import Teacher
from controller.learn.train import Budget
from testbed.cli.main import main
from testbed.experiments.train import Training, TrainingJob
from testbed.model.errors import InvalidError, UsageError
from testbed.policy import network
from testbed.policy.heuristics import Priced
from testbed.policy.planned import Planned
from testbed.scenario.load import load_scenario
from testbed.scenario.task_model import task_model
from testbed.trace import inputs
from testbed.twin import build
from tests.support import MS

SCENARIO = load_scenario("region", ["slots=60", "density=0.8"])
SYSTEM = inputs.resolve(SCENARIO).system
MODEL = task_model(SCENARIO)
assert MODEL is not None
TEACHER = Teacher(
    name="plan-do@2ms", policy=Planned(Priced(0.3, 0.1), 2 * MS), model=MODEL, demonstrations=80, double=True
)
CONFIG = TrainConfig(
    system=SYSTEM,
    source=build.generator(SCENARIO, SYSTEM, endless=True),
    double=True,
    head="regional",
    num_envs=2,
    rollout_length=4,
    updates=50,
    teacher=TEACHER,
)


def school_of(config):
    school = config.school(0)
    assert school is not None
    return school


def agreement(params, pupils):
    logits = network.actor(params, CONFIG.layout, pupils.inputs)[:, 0]
    return float(np.average((logits > 0) == (pupils.actions > 0), weights=pupils.margins))


def test_a_fifth_of_the_lessons_comes_first_and_the_rest_at_its_pace():
    pupils, params = school_of(CONFIG), CONFIG.start
    known = []
    for _ in range(40):
        pupils.gradient(params)
        known.append(len(pupils.actions))
    first, slots = known[0], known[-1]
    assert 16 <= first <= 16 * 15 and known == sorted(known) and len(set(known)) == 9
    assert known[32] == slots <= 80 * 15
    assert pupils.inputs.shape == (slots, 52) and (pupils.margins >= 0).all() and pupils.margins.max() > 0.1
    assert 0.2 < pupils.actions.mean() < 0.9


def test_who_is_taught_comes_to_decide_like_the_teacher():
    pupils, params = school_of(CONFIG), CONFIG.start
    pupils.gradient(params)
    before = agreement(params, pupils)
    for _ in range(150):
        params -= np.float32(0.05) * pupils.gradient(params)
    assert agreement(params, pupils) > before + 0.03


def test_a_lessons_weight_is_its_margin_up_to_the_full_one():
    pupils, params = school_of(CONFIG), CONFIG.start
    pupils.gradient(params)
    pupils._teacher = msgspec.structs.replace(TEACHER, demonstrations=0)
    pupils.margins[:] = 0.0
    assert not pupils.gradient(params).any()
    pupils.margins[:] = school.FULL_MARGIN
    full = pupils.gradient(params)
    pupils._updates -= 1
    pupils.margins[:] = 10 * school.FULL_MARGIN
    assert np.array_equal(pupils.gradient(params), full) and full.any()
    assert np.linalg.norm(full) <= school.MOST_NORM * (1 + 1e-5)


def test_lessons_weigh_less_and_less_and_nothing_in_the_end():
    free = msgspec.structs.replace(CONFIG, teacher=None)
    params = CONFIG.start
    last, alone, first = (
        A3cLearner(CONFIG, 0).grad(params, 50)[0],
        A3cLearner(free, 0).grad(params, 0)[0],
        A3cLearner(CONFIG, 0).grad(params, 0)[0],
    )
    assert np.array_equal(last, alone) and not np.array_equal(first, alone)


def test_a_taught_learner_goes_on_exactly_where_it_was():
    learner, params = A3cLearner(CONFIG, 0), CONFIG.start
    learner.grad(params, 0)
    arrays = {name: array.copy() for name, array in learner.arrays().items()}
    wanted = learner.grad(params, 1)[0]
    other = A3cLearner(CONFIG, 0)
    other.load(arrays)
    assert np.array_equal(other.grad(params, 1)[0], wanted)
    with pytest.raises(InvalidError, match="lesson_actions"):
        A3cLearner(CONFIG, 0).load({**arrays, "lesson_actions": np.zeros((3, 2), np.float32)})


def job(tmp_path, **changes):
    budget = Budget(updates=2, every_s=0.0, every_updates=1, early_stop=False)
    wanted = {"algorithm": "a3c-do", "head": "regional", "teacher": "plan-do@2ms", "demonstrations": 8, **changes}
    return TrainingJob(scenario=SCENARIO, seed=0, budget=budget, folder=tmp_path, **wanted)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"teacher": "greedy-do"}, "only a planner"),
        ({"teacher": "plan"}, "second offload is off there"),
        ({"head": "sequential"}, "for the head regional"),
    ],
)
def test_who_cannot_teach_is_refused(tmp_path, changes, message):
    with pytest.raises(UsageError, match=message):
        Training(job(tmp_path, **changes))


def test_demonstrations_need_a_teacher(capsys):
    assert main(["train", "region", "--demonstrations", "8"]) == 2
    assert "--teacher plan-do" in capsys.readouterr().err


def test_a_taught_checkpoint_is_the_regions_and_tells_its_teacher(tmp_path):
    from testbed.policy import checkpoint

    training = Training(job(tmp_path))
    assert training._trainer.run(lambda report: None) == "updates"
    arrays, about = checkpoint.read(tmp_path / "a3c-region-do.npz")
    assert (about["teacher"], about["demonstrations"], about["head"]) == ("plan-do@2ms", 8, "regional")
    assert len(arrays["lesson_actions"]) > 8 and np.isfinite(arrays["parameters"]).all()
