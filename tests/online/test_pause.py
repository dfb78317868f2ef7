"""Learning is paused and resumed while a run goes on, by whoever may write in its folder."""

import pytest

from testbed.cli.main import main
from testbed.protocol.rows import LEARNING_PAUSED, LEARNING_RESUMED
from testbed.record import alive, learning_requests
from testbed.record.writer import Recorder
from tests.online.test_learner_loop import heard, loop, tell


@pytest.fixture(autouse=True)
def _run_directory(tmp_path, monkeypatch):
    (tmp_path / "node").mkdir()
    monkeypatch.chdir(tmp_path)


def test_a_paused_worker_listens_and_says_so_once(tmp_path):
    work = loop()
    assert work.asked() == [] and learning_requests.pause(tmp_path) and not learning_requests.pause(tmp_path)
    (event,) = work.asked()
    assert work.paused and (event.source, event.kind) == ("learner-1", LEARNING_PAUSED) and work.asked() == []
    tell(work, heard()[:0])
    assert loop(2).paused is False
    assert learning_requests.resume(tmp_path) and not learning_requests.resume(tmp_path)
    (event,) = work.asked()
    assert not work.paused and event.kind == LEARNING_RESUMED


def test_one_that_comes_back_while_learning_is_paused_pauses_too(tmp_path):
    learning_requests.pause(tmp_path)
    work = loop(1, incarnation=1)
    (event,) = work.asked()
    assert work.paused and event.kind == LEARNING_PAUSED


def recorded(tmp_path, **meta):
    """A run that goes on, launched by this process."""
    import os

    run = tmp_path / "r"
    run.mkdir()
    there = {"launcher_pid": os.getpid(), "launcher_started": alive.birth(os.getpid()), "launcher_home": alive.home()}
    return run, Recorder(run / "run.db", {"learn": True, **there, **meta})


def test_the_verb_pauses_and_resumes_a_run_that_goes_on(tmp_path, capsys):
    run, recorder = recorded(tmp_path)
    for do, answer in (
        ("pause", "is paused"),
        ("pause", "paused already"),
        ("resume", "goes on"),
        ("resume", "already"),
    ):
        assert main(["learn", "r", do]) == 0
        assert answer in capsys.readouterr().out
        assert learning_requests.is_paused(run) == (do == "pause")
    recorder.close()


@pytest.mark.parametrize(("meta", "message"), [({"learn": False}, "--learn"), ({"reason": ""}, "has ended")])
def test_what_does_not_learn_cannot_pause(tmp_path, capsys, meta, message):
    run, recorder = recorded(tmp_path, **meta)
    assert main(["learn", "r", "pause"]) == 2
    assert message in capsys.readouterr().err and not learning_requests.is_paused(run)
    recorder.close()
