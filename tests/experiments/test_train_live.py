"""``testbed train --on testbed``: real processes, measured outcomes, a checkpoint that is a policy everywhere."""

import contextlib
import json
import os
import signal

import msgspec
import numpy as np
import pytest

from controller.online.start import CHECKPOINT
from testbed.experiments import runner, train_live
from testbed.model.errors import InterruptedRunError, StartError
from testbed.model.task import INTERRUPTED
from testbed.policy import checkpoint
from testbed.protocol.rows import UpdateRow
from testbed.record.backends import SIM
from testbed.scenario.load import load_scenario
from testbed.trace import inputs
from tests.command import PATIENCE_S, document, start

live = pytest.mark.live
CELLS = "cells=[{es: {cpu: 2 GHz}, ues: 1}, {es: {cpu: 2 GHz}, ues: 1}]"
FAST = ("--on", "testbed", "--speed", "6", "--set", "emulation.burn=0.02")


@contextlib.contextmanager
def training(place, learned, *args):
    """Training that has written ``learned`` and goes on."""
    process = start("train", "smoke", *FAST, "--out", "ck", "--slots", "4000", "--json", *args, cwd=place)
    try:
        assert process.stderr is not None
        for _ in process.stderr:
            if (place / learned).exists():
                break
        yield process
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE_S)


def train(place, run, *args):
    """What training says that is interrupted as soon as ``run`` has learned something."""
    with training(place, f"runs/{run}/{CHECKPOINT}", *args) as process:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130, err
    return json.loads(out)


@pytest.fixture(name="interrupted")
def _interrupted(tmp_path):
    """A run of 10 slots that was interrupted in its eighth, and its summary."""
    resolved = inputs.resolve(load_scenario("region", ["slots=10"]))
    workload = inputs.generate(resolved.scenario, resolved.system)
    run = runner.execute(
        runner.Order(resolved=resolved, workload=workload, policy="greedy", backend=SIM, out=str(tmp_path / "r"))
    )
    run.end_ns, run.reason = 7_100_000_000, INTERRUPTED
    return run, runner.summary_of(run)


def keeper(place, *, goes_on=False, say=lambda text: None):
    return train_live.Keeper(place / "a3c.npz", goes_on=goes_on, say=say)


def test_what_was_learned_is_said_to_come_from_the_slots_that_were_played(interrupted, tmp_path):
    run, summary = interrupted
    (run.path / CHECKPOINT).write_bytes(b"learned")
    result = train_live.collect(run, summary, keeper(tmp_path), "a3c", 0, "")
    assert (result.slots, result.ended, (tmp_path / "a3c.npz").read_bytes()) == (7, INTERRUPTED, b"learned")


def test_nothing_learned_is_an_interrupt_only_if_there_was_one(interrupted, tmp_path):
    run, summary = interrupted
    with pytest.raises(InterruptedRunError, match="nothing was learned in 7 slots: interrupted"):
        train_live.collect(run, summary, keeper(tmp_path), "a3c", 0, "")
    for before in ("was not written", "is as it was"):
        with pytest.raises(StartError, match=f"the learner was not at work .*the run is .*/r, .*a3c.npz {before}"):
            train_live.collect(run, msgspec.structs.replace(summary, ended="drained"), keeper(tmp_path), "a3c", 0, "")
        (tmp_path / "a3c.npz").touch()


def test_a_run_that_was_to_learn_and_did_not_says_so_and_what_it_leaves(interrupted):
    run, summary = interrupted
    assert not any("learned" in warning for warning in summary.warnings)
    run.meta["learn"] = True
    result = runner.summary_of(run).warnings
    assert any("nothing was learned in 7 slots" in warning and "no learned.npz" in warning for warning in result)
    run.record.updates.append(
        UpdateRow(
            at_ns=1, learner="learner", version=2, loss=0.1, entropy=0.1, reward=-1.0, updates=1, lag=0.0, rate=1.0
        )
    )
    assert not any("nothing was learned" in warning for warning in runner.summary_of(run).warnings)


def test_what_a_run_has_learned_is_kept_while_it_goes_on(tmp_path):
    keep, remaining = keeper(tmp_path), tmp_path / "a3c.npz"
    keep(tmp_path)
    assert not remaining.exists()
    for second, text in enumerate((b"learned", b"learned more")):
        (tmp_path / CHECKPOINT).write_bytes(text)
        os.utime(tmp_path / CHECKPOINT, (second, second))
        keep(tmp_path)
        assert remaining.read_bytes() == text
    remaining.unlink()
    keep(tmp_path)
    assert not remaining.exists()


@pytest.mark.parametrize("goes_on", [False, True])
def test_the_checkpoint_before_is_kept_beside_unless_learning_goes_on_from_it(tmp_path, goes_on):
    (tmp_path / "a3c.npz").write_bytes(b"before")
    messages: list[str] = []
    keep = keeper(tmp_path, goes_on=goes_on, say=messages.append)
    for second, text in enumerate((b"learned", b"learned more")):
        (tmp_path / CHECKPOINT).write_bytes(text)
        os.utime(tmp_path / CHECKPOINT, (second, second))
        keep(tmp_path)
    assert (tmp_path / "a3c.npz").read_bytes() == b"learned more" and len(messages) == (not goes_on)
    assert goes_on or (tmp_path / "a3c.old.npz").read_bytes() == b"before"


@live
def test_training_on_the_testbed_goes_on_where_it_is_told_to_and_leaves_a_policy(tmp_path):
    first = train(tmp_path, "train-001", "--algorithm", "a3c")
    assert (first["algorithm"], first["start"], first["ended"]) == ("a3c", "", "interrupted") and first["updates"] > 0
    begun, _ = checkpoint.read(tmp_path / first["checkpoint"])
    second = train(tmp_path, "train-002", "--algorithm", "a3c-do", "--start", first["checkpoint"])
    arrays, about = checkpoint.read(tmp_path / second["checkpoint"])
    assert about["second_offload"] is True and about["learned"]["updates"] == second["updates"]
    apart = np.abs(arrays["parameters"] - begun["parameters"]).max()
    assert 0.0 < apart < 0.2 * np.abs(begun["parameters"]).max()
    policy = f"a3c-do:{second['checkpoint']}"
    content = document("run", "smoke", "--backend", "sim", "--slots", "20", "--policy", policy, cwd=tmp_path)
    assert content["tasks"]["unaccounted"] == 0


@live
def test_several_workers_train_on_policy_and_leave_a_policy(tmp_path):
    result = train(tmp_path, "train-001", "--algorithm", "a3c", "--workers", "2", "--mode", "a3c", "--set", CELLS)
    assert result["updates"] > 0
    summary = document("report", "runs/train-001", cwd=tmp_path)
    assert summary["learning"]["updates"] == result["updates"] and summary["tasks"]["unaccounted"] == 0


@live
def test_training_whose_launcher_was_killed_goes_on_from_what_it_learned(tmp_path):
    with training(tmp_path, "ck/a3c.npz", "--algorithm", "a3c") as process:
        process.kill()
        process.communicate(timeout=PATIENCE_S)
    second = train(tmp_path, "train-002", "--algorithm", "a3c", "--resume")
    assert second["start"] == "ck/a3c.npz" and second["updates"] > 0


def test_a_duration_is_as_many_slots_as_its_speed_makes_of_it():
    scenario = load_scenario("region", ["emulation.speed=24"])
    result = train_live.order(scenario, "a3c", 0, 30_000_000_000 * 1e-9, "")
    assert result.resolved.system.slots == 720
