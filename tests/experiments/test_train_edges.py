"""``testbed train`` where something is in the way, or asked for too much."""

import json

import pytest

from controller.learn import curves
from controller.learn.curves import Curve
from testbed.cli.main import main
from tests.experiments.test_train import REPORT, place, trained_by
from tests.record.test_files import full_disk

__all__ = ["place"]


@pytest.mark.parametrize(
    ("args", "output"),
    [
        (("--seed", "99999999999999999999999"), "at most 536745911"),
        (("--updates", "99999999999999999999", "--wall", "2s"), "at most 1000000000000"),
        (("--option", "worlds=1000000000"), "of memory"),
        (("--option", "slots=10000000000"), "at most"),
        (("--algorithm", "dqn", "--option", "capacity=1000000000000"), "at most"),
        (("--algorithm", "dqn", "--option", "capacity=1000000000"), "make it smaller"),
        (("--slots", "10000000"), "of memory"),
        (("--option", "gamma=nan"), "gamma is a number, at least 0, at most 1"),
        (("--option", "vtrace=perhaps"), "vtrace is true or false"),
        (("--out", ""), "give a directory"),
    ],
)
def test_what_is_too_much_is_refused_before_anything_is_tuned(place, capsys, args, output):
    result = trained_by(capsys, *args, code=2)
    assert output in result and "heuristics" not in result


def test_a_network_is_not_written_where_a_directory_stands(place, capsys):
    (place / "ck" / "a3c-do.npz").mkdir(parents=True)
    assert "a3c-do.npz cannot be written: Is a directory" in trained_by(capsys, "--updates", "2", code=3)


def test_training_goes_on_when_no_event_file_can_be_written(place, capsys):
    (place / "ck").mkdir()
    (place / "ck" / curves.FOLDER).write_text("")
    assert main(["train", "smoke", "--set", "slots=20", "--out", "ck", "--json", "--updates", "2"]) == 0
    captured = capsys.readouterr()
    assert captured.err.count("no TensorBoard files from here on") == 1 and json.loads(captured.out)["updates"] == 2


def test_an_event_file_that_finds_no_space_is_told_of_once(tmp_path):
    messages: list[str] = []
    curve = Curve(tmp_path, "a3c-001", messages.append)
    with full_disk():
        for _ in range(3):
            curve(REPORT)
    curve(REPORT)
    assert messages == ["no TensorBoard files from here on: File too large"]


def test_every_training_has_a_curve_of_its_own_which_a_resumed_one_goes_on_in(place, capsys):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    trained_by(capsys, "--updates", "2")
    trained_by(capsys, "--updates", "3")
    trained_by(capsys, "--updates", "3", "--resume")
    assert sorted(path.name for path in (place / "ck" / curves.FOLDER).iterdir()) == ["a3c-do-001", "a3c-do-002"]
    result = accumulator.EventAccumulator(str(place / "ck" / curves.FOLDER / "a3c-do-002"))
    result.Reload()
    assert [event.step for event in result.Scalars("overhead")] == [1, 2, 3, 3]


def test_a_training_that_diverges_fails_and_says_what_may_help(place, capsys):
    message = trained_by(capsys, "--updates", "20", "--option", "rate=1e30", code=4)
    assert "diverged" in message and "ck/a3c-do.npz holds the best before" in message and "--option rate" in message


def test_a_synchronous_training_is_not_resumed_otherwise(place, capsys):
    trained_by(capsys, "--updates", "2", "--synchronous")
    message = trained_by(capsys, "--updates", "2", "--resume", code=2)
    assert 'made with synchronous "True", this training has "False"' in message and "without --resume" in message


def test_a_training_too_short_for_an_update_says_so(place, capsys):
    assert "nothing was learned" in trained_by(capsys, "--wall", "1us", code=3)
