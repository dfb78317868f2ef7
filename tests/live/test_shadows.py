"""Files in the working directory that are named like modules: nothing executes them, yet a policy may be one."""

import importlib
import json
import os
import subprocess
import sys

import pytest

from testbed.model.errors import UsageError
from testbed.policy import loading, own
from tests.command import PATIENCE_S, ROOT, call, document

SHADOWS = (
    "argparse",
    "controller",
    "json",
    "logging",
    "multiprocessing",
    "msgspec",
    "numpy",
    "pickle",
    "random",
    "selectors",
    "signal",
    "testbed",
    "torch",
    "ue_agent",
    "zmq",
)
DECIDE = "def decide(cell, rng):\n    return {ue.name: 1 for ue in cell.ues if ue.tasks}\n"
LIVE = ("--speed", "20", "--set", "emulation.burn=0.02", "--set", "emulation.payload=declared", "--slots", "5")


@pytest.fixture
def folder(tmp_path):
    """A folder full of modules that nobody asked for; each leaves a trace when it is executed."""
    for name in SHADOWS:
        (tmp_path / f"{name}.py").write_text(f"open('executed-{name}', 'w').close()\nraise SystemExit(9)\n")
    return tmp_path


def executed(folder):
    return sorted(path.name for path in folder.rglob("executed-*"))


def module(folder, *args):
    """``python -m testbed ARGS``, the testbed being installed rather than lying in ``folder``."""
    code = (
        "import sys; sys.path.append(sys.argv.pop(1)); import runpy; runpy.run_module('testbed', run_name='__main__')"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, "-P", "-c", code, str(ROOT), *args],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


@pytest.mark.live
def test_a_live_run_executes_nothing_of_its_working_directory(folder):
    done = module(folder, "run", "smoke", "--policy", "lc", *LIVE, "--json", "--out", "r")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tasks"]["unaccounted"] == 0 and executed(folder) == []


def test_learners_side_by_side_execute_nothing_of_their_working_directory(folder):
    done = module(folder, "train", "smoke", "--workers", "2", "--updates", "4", "--slots", "20", "--out", "c", "--json")
    assert done.returncode == 0, done.stderr
    assert executed(folder) == []


def test_python_m_does_not_search_the_working_directory_for_what_is_installed(tmp_path):
    for name in ("argparse", "tempfile", "contextlib"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(9)\n")
    done = subprocess.run(
        [sys.executable, "-m", "testbed", "--version"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.live
@pytest.mark.parametrize(
    "name", ["statistics:decide", "near:decide", "near.py:decide", "deep.er:decide", "sub/near:decide"]
)
def test_a_policy_in_the_working_directory_is_found_by_its_path_on_every_clock(tmp_path, name):
    (tmp_path / "deep").mkdir()
    (tmp_path / "sub").mkdir()
    for file in ("statistics.py", "near.py", "deep/er.py", "sub/near.py"):
        (tmp_path / file).write_text(DECIDE)
    for backend in (("--backend", "sim"), LIVE):
        content = document(
            "run", "smoke", "--policy", name, *backend, "--slots", "5", "--out", backend[1], cwd=tmp_path
        )
        assert content["policy"] == name and content["tasks"]["offloaded"] > 0
        assert not any("policy failed" in warning for warning in content["warnings"])


def test_a_policy_whose_name_is_taken_leaves_the_owner_in_peace(tmp_path, monkeypatch):
    (tmp_path / "statistics.py").write_text("from stat_helper import CHOICE\n" + DECIDE)
    (tmp_path / "stat_helper.py").write_text("from random import Random\nCHOICE = Random(1).randrange(2)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert loading.load("statistics:decide")[0]
    assert hasattr(importlib.import_module("statistics"), "median")
    assert sys.path[-1] == str(tmp_path) and "" not in sys.path
    assert own.placed("statistics:decide") == f"{tmp_path}/statistics:decide"
    assert own.placed("examples_of_nobody:decide") == "examples_of_nobody:decide"


@pytest.mark.parametrize("name", ["gone/near:decide", "/near:decide", "gone.py:decide", "a-b:decide", "x/:f"])
def test_a_policy_that_is_nowhere_is_a_mistake(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="policy "):
        loading.load(name)


def test_a_record_cannot_start_code(tmp_path):
    (tmp_path / "near.py").write_text("open('executed-near', 'a').close()\n" + DECIDE)
    call("run", "smoke", "--policy", "near:decide", "--backend", "sim", "--slots", "5", "--out", "r", cwd=tmp_path)
    (tmp_path / "executed-near").unlink()
    output = call("replay", "r", "--on", "sim", "--out", "a", cwd=tmp_path, code=2).stderr
    assert "near:decide" in output and "--policy" in output
    call("replay", "r", "--as-recorded", "--on", "sim", "--out", "b", cwd=tmp_path)
    assert executed(tmp_path) == []
    call("replay", "r", "--policy", "near:decide", "--on", "sim", "--out", "c", cwd=tmp_path)
    assert executed(tmp_path) == ["executed-near"]


SCRIPT = """
import sys
sys.path.append({root!r})
from testbed.cli.main import main
if __name__ == "__main__":
    sys.exit(main())
"""


@pytest.mark.parametrize(
    "words",
    [
        ("compare", "smoke", "--policies", "lc,greedy", "--seeds", "2", "--workers", "2", "--json"),
        ("train", "smoke", "--workers", "2", "--updates", "4", "--slots", "20", "--out", "c", "--json"),
    ],
    ids=["compare", "train"],
)
def test_helpers_of_the_installed_command_execute_nothing_of_the_working_directory(folder, tmp_path_factory, words):
    """The command is a script that lies elsewhere, started without -P; Python puts the folder first for its helpers."""
    script = tmp_path_factory.mktemp("bin") / "testbed"
    script.write_text(SCRIPT.format(root=str(ROOT)))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, str(script), *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0 and json.loads(done.stdout), done.stderr
    assert executed(folder) == []
