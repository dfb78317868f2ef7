"""Every verb that shares work out comes to the same at a Dask cluster as on this host."""

import json
import signal
import time
from functools import partial

import numpy as np
import pytest

from testbed.cli.main import main
from testbed.policy import checkpoint
from testbed.reproduce import reproduction
from testbed.workers import local
from testbed.workers.cluster import connected
from testbed.workers.opened import NOTHING
from tests.command import PATIENCE_S, start
from tests.reproduce.made import TINY
from tests.workers.dask_cluster import cluster_of, waits_for


@pytest.fixture(scope="module", name="cluster")
def _cluster(tmp_path_factory):
    with cluster_of(tmp_path_factory.mktemp("cluster"), "a", "b") as cluster:
        yield cluster


@pytest.fixture
def address(cluster):
    return cluster.address


def printed(capsys, *words, code=0):
    """What ``testbed WORDS --json`` prints."""
    assert main([*words, "--json"]) == code, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def test_a_bound_is_the_same_but_for_its_time(address, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ("bound", "region", "--slots", "10", "--evaluations", "3000", "--seeds", "2", "--policies", "lc,greedy-do")
    here = printed(capsys, *words, "--out", "here.csv")
    there = printed(capsys, *words, "--out", "there.csv", "--cluster", address)
    monkeypatch.setattr(local, "WORTHWHILE_S", 0.0)
    monkeypatch.setattr(local, "cores", lambda: 2)
    both = printed(capsys, *words, "--out", "both.csv")
    for found in (here, there, both):
        assert found["best_found"].pop("seconds") > 0.0
    assert here == there == both
    table = (tmp_path / "here.csv").read_bytes()
    assert table == (tmp_path / "there.csv").read_bytes() == (tmp_path / "both.csv").read_bytes()


def test_a_heuristic_is_tuned_to_the_same_bytes(address, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ("tune", "region", "--slots", "20", "--policy", "coin-do")
    here = printed(capsys, *words, "--out", "here")
    there = printed(capsys, *words, "--out", "there", "--cluster", address)
    assert here.pop("checkpoint") != there.pop("checkpoint") and here == there
    assert (tmp_path / "here" / "coin-do.json").read_bytes() == (tmp_path / "there" / "coin-do.json").read_bytes()


def test_networks_are_trained_to_the_same_bytes_and_trained_further(address, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ("train", "smoke", "--updates", "4", "--seeds", "2", "--seed", "3", "--slots", "20")
    here = printed(capsys, *words, "--out", "here")
    there = printed(capsys, *words, "--out", "there", "--cluster", address)
    assert [one["seed"] for one in there["trainings"]] == [3, 4] and here["overhead"] == there["overhead"]
    for seed in (3, 4):
        made = [tmp_path / where / f"seed-{seed}" / "a3c-do.npz" for where in ("here", "there")]
        assert made[0].read_bytes() == made[1].read_bytes()
        assert (made[1].parent / "tensorboard" / "a3c-do-001").is_dir()
    longer = ("train", "smoke", "--updates", "4", *words[4:], "--resume", "--cluster", address)
    assert [one["updates"] for one in printed(capsys, *longer, "--out", "there")["trainings"]] == [4, 4]
    again = printed(capsys, *words, "--out", "there", "--cluster", address)
    assert again["overhead"] == there["overhead"]
    kept = tmp_path / "there" / "seed-3" / "a3c-do.npz"
    assert checkpoint.old(kept).exists() and (kept.parent / "tensorboard" / "a3c-do-002").is_dir()
    arrays = [checkpoint.read(path)[0]["parameters"] for path in (kept, tmp_path / "here" / "seed-3" / "a3c-do.npz")]
    assert np.array_equal(*arrays)


@pytest.mark.slow
def test_a_claim_is_reproduced_to_the_same_bytes(address, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(reproduction, "QUICK", TINY)
    there = printed(capsys, "reproduce", "8", "--quick", "--out", "there", "--cluster", address)
    monkeypatch.setattr(local, "cores", lambda: 1)
    here = printed(capsys, "reproduce", "8", "--quick", "--out", "here")
    assert here == there
    units = {path.name: path.read_bytes() for path in (tmp_path / "here" / "units").iterdir()}
    assert units == {path.name: path.read_bytes() for path in (tmp_path / "there" / "units").iterdir()}
    assert any(name.startswith("bound-") for name in units)


def test_interrupted_trainings_end_at_the_workers_too_and_leave_nothing(cluster, tmp_path):
    words = ("train", "smoke", "--wall", "6000s", "--seeds", "2", "--slots", "20", "--out", "c", "--plain")
    process = start(*words, "--cluster", cluster.address, cwd=tmp_path)
    while len(scratch(cluster)) < 2:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130 and "before the first training was complete" in err
    assert "Traceback" not in out + err
    with connected(cluster.address, NOTHING) as executor:  # each is at once at something else
        futures = [executor.submit(partial(waits_for, tmp_path, number)) for number in range(2)]
        while len(list(tmp_path.glob("at-*"))) < 2:
            assert not any(future.done() for future in futures)
            time.sleep(0.01)
        (tmp_path / "go").touch()
        assert {future.result(PATIENCE_S)[1] for future in futures} == {cluster.pid("a"), cluster.pid("b")}
    assert scratch(cluster) == [] and not list((tmp_path / "c").rglob("*.npz"))


def scratch(cluster):
    """The folders in which trainings are at work."""
    return [path for path in cluster.folder.rglob("testbed-*") if path.is_dir()]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("train", "smoke", "--cluster", "tcp://127.0.0.1:1"), "give --seeds N too"),
        (("train", "smoke", "--seeds", "0"), "--seeds 0"),
        (("train", "smoke", "--seeds", "2", "--workers", "2"), "one process trains each seed"),
        (("train", "smoke", "--seeds", "2", "--on", "testbed"), "--seeds is for --on twin"),
        (("train", "smoke", "--seeds", "2", "--resume", "--out", "none"), "there is no none/seed-0/a3c-do.npz"),
        (("tune", "smoke", "--cluster", "here"), "is no address"),
        (("bound", "smoke", "--cluster", "here"), "is no address"),
        (("reproduce", "5", "--cluster", "here"), "is no address"),
        (("reproduce", "--list", "--cluster", "tcp://127.0.0.1:1"), "--list does none"),
    ],
    ids=lambda given: "-".join(given) if isinstance(given, tuple) else "",
)
def test_mistakes_have_a_remedy(tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    assert main([*words]) == 2
    assert said in capsys.readouterr().err


def test_a_run_is_bounded_here(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["run", "region", "--slots", "5", "--backend", "sim", "--out", "one"]) == 0
    assert main(["bound", "one", "--cluster", "tcp://127.0.0.1:1"]) == 2
    assert "a run is one workload" in capsys.readouterr().err
