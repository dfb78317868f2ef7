"""A clone is also where people work: what they put into it changes nothing of what is checked."""

import shutil
import subprocess
import sys

from tests.command import ROOT

FOLDERS = (
    "ue_agent",
    "edge_server",
    "controller",
    "testbed",
    "tests",
    "benchmarks",
    "compose",
    "examples",
    "docs",
    "tools",
)


def ruff(*args, cwd):
    """What ruff says, and its exit code."""
    done = subprocess.run([sys.executable, "-m", "ruff", *args], cwd=cwd, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr, done.returncode


def test_lint_reads_all_that_belongs_to_the_project_and_nothing_else():
    said, code = ruff("check", "--show-files", ".", cwd=ROOT)
    assert code == 0
    assert set(said.split()) == {str(path) for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")}


def test_lint_does_not_mind_what_users_put_into_their_clone(tmp_path):
    """A policy beside the packages, and folders that are called like what benchmarks import from each other."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for folder in ("benchmarks", "examples"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "near.py").write_text("def near_do(cell,rng): return {}\n")
    for name in ("runs", *(path.stem for path in (ROOT / "benchmarks").glob("*.py")), "matplotlib", "numpy"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine.py").write_text("import os\n")
    for how in (("check",), ("format", "--check")):
        said, code = ruff(*how, "--no-cache", ".", cwd=tmp_path)
        assert code == 0, said
