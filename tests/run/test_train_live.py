"""``testbed train --on testbed``: real processes, measured outcomes, a checkpoint that is a policy everywhere."""

import json
import signal

import numpy as np
import pytest

from controller import checkpoint
from tests.cli import call, document, start

pytestmark = pytest.mark.live
FAST = ("--on", "testbed", "--set", "emulation.speed=6", "--set", "emulation.burn=0.02")


def train(place, run, *args):
    """What training says that is interrupted as soon as ``run`` has learned something."""
    process = start("train", "smoke", *FAST, "--out", "ck", "--slots", "4000", "--json", *args, cwd=place)
    try:
        for _ in process.stderr:
            if (place / "runs" / run / "learned.npz").exists():
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, err
    return json.loads(out)


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
    found = document("run", "smoke", "--backend", "sim", "--slots", "20", "--policy", policy, cwd=tmp_path)
    assert found["tasks"]["unaccounted"] == 0


def test_a_run_too_short_to_learn_from_says_so(tmp_path):
    done = call("train", "smoke", *FAST, "--slots", "5", cwd=tmp_path, code=3)
    assert "nothing was learned in 5 slots" in done.stderr and "--for" in done.stderr
