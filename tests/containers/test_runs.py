"""Runs in containers: what they record, what becomes of them when containers die, what they leave."""

import json
import os
import sqlite3
from contextlib import closing

import pytest

from testbed.policy import checkpoint, network
from tests.chaos.support import events
from tests.command import call, document
from tests.containers.engine import docker
from tests.containers.support import KNOCKS, LITTLE, OWNER, finished, nothing_is_left, running, wait_until

pytestmark = pytest.mark.containers
AGENT_MB = 15


def decided(run):
    with closing(sqlite3.connect(run / "run.db")) as db:
        return db.execute("SELECT ue, number, choice FROM tasks ORDER BY ue, number").fetchall()


def test_an_agent_is_a_few_megabytes_on_its_base_and_runs_as_nobody(images):
    sizes = {name: int(docker("image", "inspect", "--format", "{{.Size}}", name)) for name in images.values()}
    base = int(docker("image", "inspect", "--format", "{{.Size}}", os.environ["TESTBED_BASE"]))
    assert sizes[images["agent"]] - base <= AGENT_MB * 1e6
    for name in images.values():
        messages = json.loads(docker("image", "inspect", name))[0]["Config"]
        assert (
            messages["User"] == "50000:50000"
            and messages["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
        )
        history = docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", name)
        assert not any(word in (history + json.dumps(messages)).lower() for word in ("token", "secret", "curve"))


def test_a_run_in_containers_is_a_run_as_any(images, tmp_path):
    os.chown(tmp_path, OWNER, OWNER)
    here = document("run", "smoke", *LITTLE, "--out", "here", cwd=tmp_path)
    (tmp_path / "runs").mkdir()
    os.chown(tmp_path / "runs", OWNER, OWNER)
    there = document("run", "smoke", *LITTLE, "--backend", "compose", "--out", "runs/r", cwd=tmp_path)
    assert there["tasks"]["generated"] == here["tasks"]["generated"] == 13
    assert there["tasks"]["unaccounted"] == there["tasks"]["failed"] == 0 and there["fidelity"]["grade"]
    assert decided(tmp_path / "runs" / "r") == decided(tmp_path / "here")
    assert {path.stat().st_uid for path in (tmp_path / "runs" / "r").rglob("*")} == {OWNER}
    clocks = {source for source, *_ in events(tmp_path / "runs" / "r", "clock")}
    assert clocks == {"controller", "es-1", "ue-1-1", "ue-1-2"}
    assert nothing_is_left()
    again = document("replay", "runs/r", "--on", "sim", "--as-recorded", cwd=tmp_path)
    assert again["tasks"]["generated"] == 13


def test_a_policy_with_a_checkpoint_decides_as_it_does_here(images, tmp_path):
    (tmp_path / "tuned").mkdir()
    (tmp_path / "tuned" / "p.json").write_text('{"policy": "priced", "beta": 0.1, "beta0": 0.0}')
    asked = ("run", "smoke", "--set", "emulation.burn=0.02", "--policy", "priced-do:tuned/p.json")
    here = document(*asked, "--out", "here", cwd=tmp_path)
    there = document(*asked, "--backend", "compose", "--out", "runs/r", cwd=tmp_path)
    assert there["policy"] == here["policy"] == "priced-do:tuned/p.json" and there["tasks"]["failed"] == 0
    remaining = tmp_path / "runs" / "r" / "policy.json"
    assert remaining.read_bytes() == (tmp_path / "tuned" / "p.json").read_bytes()
    assert document("replay", "runs/r", "--on", "sim", cwd=tmp_path)["policy"] == here["policy"]


@pytest.mark.slow
def test_a_run_learns_in_containers_and_what_it_learned_comes_out(up, learning_image, tmp_path):
    checkpoint.save(
        tmp_path / "a3c.npz",
        {"parameters": network.initial(1)},
        {"algorithm": "a3c", "head": "sequential", "second_offload": True},
    )
    asked = ("--policy", "a3c-do:a3c.npz", "--learn", "--slots", "40000")
    run = up(*asked, little=("--set", "emulation.burn=0.02", "--speed", "5"))
    wait_until(lambda: (run / "learned.npz").exists())
    call("learn", "runs/r", "pause", cwd=tmp_path)
    wait_until(lambda: events(run, "learning_paused"))
    call("learn", "runs/r", "resume", cwd=tmp_path)
    wait_until(lambda: events(run, "learning_resumed"))
    docker("kill", "--signal", "INT", "recorder")
    docker("wait", "recorder")
    content = document("report", "runs/r", cwd=tmp_path)
    assert content["learning"]["updates"] > 0 and content["tasks"]["unaccounted"] == 0
    _, about = checkpoint.read(run / "learned.npz")
    assert about["learned"]["updates"] >= content["learning"]["updates"]
    again = ("run", "smoke", "--policy", "a3c-do:runs/r/learned.npz", "--backend", "sim")
    assert document(*again, cwd=tmp_path)["tasks"]["unaccounted"] == 0


@pytest.mark.slow
def test_containers_that_are_killed_paused_and_cut_off_lose_no_task(up, tmp_path):
    run = up("--slots", "8000")  # until all of it was seen, however long the engine takes
    wait_until(lambda: finished(run) >= 5)
    docker("kill", "es-1")
    wait_until(lambda: events(run, "died"))
    docker("start", "es-1")
    wait_until(lambda: events(run, "restarted"))
    docker("pause", "ue-1-1")
    wait_until(lambda: any(source == "ue-1-1" for source, *_ in events(run, "silent")))
    docker("unpause", "ue-1-1")
    wait_until(lambda: any(source == "ue-1-1" for source, *_ in events(run, "heard")))
    address = docker("inspect", "--format", "{{.NetworkSettings.Networks.testbed_run.IPAddress}}", "ue-1-2").strip()
    docker("network", "disconnect", "testbed_run", "ue-1-2")
    wait_until(lambda: any(source == "ue-1-2" for source, *_ in events(run, "silent")))
    docker("network", "connect", "--ip", address, "testbed_run", "ue-1-2")
    wait_until(lambda: any(source == "ue-1-2" for source, *_ in events(run, "heard")))
    docker("kill", "--signal", "INT", "recorder")
    assert docker("wait", "recorder").strip() == "130"
    content = document("report", "runs/r", cwd=tmp_path)
    assert content["ended"] == "interrupted" and content["tasks"]["unaccounted"] == 0
    assert [source for source, *_ in events(run, "died")] == ["es-1"]
    assert {source for source, *_ in events(run, "silent")} == {"ue-1-1", "ue-1-2"}, "a death silences nobody else"


@pytest.mark.slow
@pytest.mark.parametrize("signal", ["KILL", "TERM"])
def test_nothing_of_a_run_goes_on_without_its_recorder(up, signal):
    run = up("--slots", "4000")
    wait_until(lambda: finished(run) >= 3)
    docker("kill", "--signal", signal, "recorder")
    assert wait_until(lambda: running() == set(), 60) < 10


@pytest.mark.slow
def test_a_limit_that_binds_is_named_by_the_remedy(images, tmp_path):
    limits = "emulation.limits={es: {cpu: 0.1, memory: 64 MB}}"
    more = ("--set", limits, "--set", "emulation.burn=1", "--slots", "40", "--backend", "compose", "--out", "runs/r")
    content = document("run", "smoke", "--policy", "offload", *more, cwd=tmp_path)
    held = content["fidelity"]["throttled"]
    assert held["process"] == "es-1" and held["cores"] == pytest.approx(0.1) and held["share"] > 0.3
    assert content["fidelity"]["grade"] in ("C", "F") and "emulation.limits" in content["fidelity"]["remedy"]
    [(_, detail, _)] = [one for one in events(tmp_path / "runs" / "r", "limits") if one[0] == "es-1"]
    assert 1e6 < json.loads(detail)["memory_peak_bytes"] <= json.loads(detail)["memory_bytes"] == 64e6


@pytest.mark.slow
def test_a_stranger_in_the_network_is_refused_and_counted(up, images, tmp_path):
    run = up("--slots", "60")
    wait_until(lambda: finished(run) >= 3)
    code = KNOCKS
    options = ("--rm", "--network", "testbed_run", "--entrypoint", "python3")
    assert docker("run", *options, images["agent"], "-c", code).strip() == "knocked"
    docker("wait", "recorder")
    assert document("report", "runs/r", cwd=tmp_path)["tasks"]["unaccounted"] == 0
    messages = {source: why for source, why, _ in events(run, "dropped_frame")}
    assert {"es-1", "controller", "ue-1-1", "launcher"} <= set(messages)
    assert all("a connection was refused" in why for why in messages.values())
