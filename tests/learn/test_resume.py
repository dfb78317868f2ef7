"""What a training goes on from is checked first; one that diverges keeps the best before."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from controller.learn import dqn
from controller.learn.learner import TrainConfig
from controller.learn.shared import Shared
from controller.learn.train import DIVERGED, Budget, Evaluator, Report, Trainer
from testbed.model.errors import StartError, UsageError
from testbed.policy import checkpoint, network
from testbed.scenario.load import load_scenario
from testbed.trace import inputs
from testbed.twin import build
from tests.record.test_files import full_disk

SCENARIO = load_scenario("smoke", ["slots=20"])
SYSTEM = inputs.resolve(SCENARIO).system
ENDLESS, FINITE = (build.generator(SCENARIO, SYSTEM, endless=endless) for endless in (True, False))


def trainer(path, updates=2, algorithm="a3c", *, resume=False, **changes):
    config = TrainConfig(
        system=SYSTEM,
        source=ENDLESS,
        double=True,
        algorithm=algorithm,
        num_envs=2,
        rollout_length=5,
        updates=40,
        **changes,
    )
    budget = Budget(seconds=0, updates=updates, every_s=0, every_updates=1)
    return Trainer(config, budget, Evaluator(config, FINITE, [101]), path, {"algorithm": algorithm}, resume=resume)


def cut(array):
    return array[:-1]


def nan(array):
    return np.full_like(array, np.nan)


DAMAGES = [
    ("a3c", "parameters", nan, "parameters is not finite"),
    ("a3c", "current", cut, "current of shape"),
    ("a3c", "square", lambda array: -array, "square is negative"),
    ("a3c", "square", lambda array: array.astype(np.float64), "type float64"),
    ("a3c", "progress", cut, "progress of shape"),
    ("a3c", "best", nan, "best is not a number"),
    ("a3c", "best", lambda array: np.array(["x"]), "best is not a number"),
    ("a3c", "rng", cut, "rng of shape"),
    ("a3c", "twin_status", None, "holds no twin_status"),
    ("a3c", "twin_tasks", cut, "twin_tasks of shape"),
    ("dqn", "ring_state", lambda array: array[:, :-1], "ring_state of shape"),
    ("dqn", "ring_scalars", cut, "ring_scalars of shape"),
    ("dqn", "ring_next", lambda array: array - 10**9, "ring_next is -"),
    ("dqn", "ring_rng", cut, "ring_rng of shape"),
    ("dqn", "target", cut, "target of shape"),
    ("dqn", "counters", None, "holds no counters"),
]


@pytest.mark.parametrize(("algorithm", "name", "damage", "message"), DAMAGES)
def test_a_damaged_checkpoint_is_refused_before_anything_is_done_with_it(tmp_path, algorithm, name, damage, message):
    path = tmp_path / "a.npz"
    trainer(path, algorithm=algorithm).run(lambda report: None)
    trainer(path, resume=True, algorithm=algorithm)
    arrays, about = checkpoint.read(path)
    whole = arrays.pop(name)
    checkpoint.save(path, arrays | ({name: damage(whole)} if damage else {}), about)
    with pytest.raises(UsageError, match=message) as error:
        trainer(path, resume=True, algorithm=algorithm)
    assert str(path) in error.value.message and "--resume" in error.value.remedy


def test_an_array_alone_is_no_checkpoint(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(3))
    with pytest.raises(UsageError, match="not a checkpoint") as error:
        checkpoint.load_policy(tmp_path / "a.npy", "a3c")
    assert error.value.remedy


def test_a_policy_whose_parameters_are_not_finite_is_refused_for_that(tmp_path):
    params = network.initial(1)
    params[7] = np.inf
    checkpoint.save(tmp_path / "a.npz", {"parameters": params}, {"algorithm": "a3c"})
    with pytest.raises(UsageError, match="not finite"):
        checkpoint.load_policy(tmp_path / "a.npz", "a3c")


def test_a_training_that_diverges_ends_there_and_keeps_the_best_before(tmp_path, recwarn):
    path = tmp_path / "a.npz"
    reports: list[Report] = []
    assert trainer(path, 50, learning_rate=1e30).run(reports.append) == DIVERGED
    assert len(reports) < 5 and not [one for one in recwarn if issubclass(one.category, RuntimeWarning)]
    arrays, _ = checkpoint.read(path)
    assert all(np.isfinite(arrays[name]).all() for name in ("parameters", "current", "square"))


def test_a_training_that_diverges_at_once_writes_nothing(tmp_path):
    path = tmp_path / "a.npz"
    path.write_text("old")
    reports: list[Report] = []
    wild = trainer(path, 50, algorithm="dqn", values=dqn.DqnConfig(learning_rate=1e30))
    assert wild.run(reports.append) == DIVERGED
    assert reports == [] and path.read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_a_new_training_keeps_the_checkpoint_before_it_and_a_resumed_one_goes_on_in_it(tmp_path):
    path = tmp_path / "a.npz"
    notes: list[str] = []
    trainer(path, 2).run(lambda report: None, notes.append)
    first = path.read_bytes()
    trainer(path, 4, resume=True).run(lambda report: None, notes.append)
    assert notes == [] and path.read_bytes() != first and list(tmp_path.iterdir()) == [path]
    second = path.read_bytes()
    trainer(path, 2).run(lambda report: None, notes.append)
    assert (tmp_path / "a.old.npz").read_bytes() == second
    assert notes == [f"{path} was there: kept as a.old.npz (--resume would have gone on)"]


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before_and_nothing_else(tmp_path):
    path = tmp_path / "a.npz"
    path.write_text("old")
    with pytest.raises(StartError, match="cannot be written: File too large"), full_disk():
        checkpoint.save(path, {"parameters": network.initial(1)}, {})
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
    path.unlink()
    path.mkdir()
    with pytest.raises(StartError, match="Is a directory"):
        checkpoint.save(path, {}, {})


def test_a_folder_that_vanishes_meanwhile_is_made_again(tmp_path):
    path = tmp_path / "c" / "a.npz"
    removed: list[Path] = []

    def remove(report):
        if not removed:
            shutil.rmtree(path.parent)
            removed.append(path.parent)

    trainer(path).run(remove)
    assert removed and checkpoint.read(path)[0]["progress"][0] == 2


def test_shared_memory_that_cannot_be_had_is_a_clear_error():
    with pytest.raises(StartError, match="no shared memory"), full_disk():
        Shared(1000, 1)
