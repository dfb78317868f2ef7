"""The floor of coverage: counted by package, and no package may be under it."""

import json
import shutil
import subprocess

import pytest

from tests.command import PATIENCE_S, ROOT
from tools import coverage_floor

FILES = {
    "testbed/__init__.py": (9, 10),
    "testbed/node/host.py": (90, 100),
    "testbed/node/work.py": (0, 10),
    "testbed/gym/deep/in.py": (5, 5),
    "controller/__init__.py": (0, 0),
}


def test_files_are_counted_by_package_and_in_all():
    assert coverage_floor.by_package(FILES) == {
        "all": (104, 125),
        "testbed": (9, 10),
        "testbed.gym": (5, 5),
        "testbed.node": (90, 110),
    }


@pytest.mark.parametrize(("floor", "code", "low"), [("81", 0, ""), ("85", 1, "under 85 %: all, testbed.node\n")])
def test_a_package_under_the_floor_is_named(tmp_path, capsys, floor, code, low):
    summaries = {
        name: {"summary": {"covered_lines": hit, "num_statements": count}} for name, (hit, count) in FILES.items()
    }
    report = tmp_path / "report.json"
    report.write_text(json.dumps({"files": summaries}))
    assert coverage_floor.main([str(report), "--floor", floor]) == code
    captured = capsys.readouterr()
    assert captured.err == low
    assert "testbed.node            81.8 %  90 of 110" in captured.out
    assert captured.out.count("under the floor") == len(low.split(",")) * (code == 1)


@pytest.mark.parametrize(
    ("tests_exit", "floor_exit", "code"),
    [(0, 0, 0), (1, 0, 2), (0, 1, 2), (1, 1, 2)],
    ids=["passed", "failed", "low", "both"],
)
def test_one_run_gives_the_figures_whatever_the_tests_say_and_fails_where_either_does(
    tmp_path, tests_exit, floor_exit, code
):
    tools = {
        "coverage": f'echo "coverage $*"; [ "$1" = run ] && exit {tests_exit} || exit 0',
        "python": f'echo "python $*"; case "$1" in tools/coverage_floor.py) exit {floor_exit};; esac',
    }
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements.lock").touch()
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "bin").mkdir()
    for name, text in tools.items():
        script = tmp_path / "bin" / name
        script.write_text(f"#!/bin/sh\n{text}\n")
        script.chmod(0o755)
    (tmp_path / ".installed").touch()
    command = ["make", "--no-print-directory", "coverage", "VENV=.", "TESTS=tests/model"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    lines = [line for line in run.stdout.splitlines() if line.startswith(("coverage ", "python "))]
    steps = [" ".join(line.split()[:2]) for line in lines[-5:]]
    assert run.returncode == code, run.stdout + run.stderr
    files, floor = "python tools/coverage_files.py", "python tools/coverage_floor.py"
    assert steps == ["coverage run", files, "coverage combine", "coverage json", floor]
    assert "tests/model" in run.stdout
