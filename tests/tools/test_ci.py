"""What `.ci/run` makes of tests of containers: what failed or could not run is said, and does not fail the rest."""

import os
import shutil
import subprocess

import pytest

from tests.command import ROOT

MAKE = """#!/bin/sh
case "$1" in
test-containers) {containers} ;;
*) echo "=== 7 passed in 1.00s ===" ;;
esac
"""
SKIPPED = "SKIPPED [4] tests/containers/conftest.py:38: no container engine runs, and none can be fetched: no network"


@pytest.mark.parametrize(
    ("containers", "output"),
    [
        ("echo '=== 4 passed in 9.00s ==='", "4 passed in 9.00s"),
        (f"echo '{SKIPPED}'; echo '=== 4 skipped in 1.00s ==='", "none can be fetched: no network"),
        ("echo '=== 1 failed, 3 passed in 9.00s ==='; exit 2", "1 failed, 3 passed in 9.00s (FAILED, exit 2"),
        ("exit 2", "no test ran (FAILED, exit 2"),
        ("exec sleep 600", "before they were through"),
        ("sleep 20 & exit 0", "no test ran"),
    ],
    ids=["passed", "no engine", "failed", "broke", "took too long", "left something running"],
)
def test_what_came_of_the_tests_of_containers_is_in_the_last_lines(tmp_path, containers, output):
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    (tmp_path / "bin").mkdir()
    make = tmp_path / "bin" / "make"
    make.write_text(MAKE.format(containers=containers))
    make.chmod(0o755)
    environment = os.environ | {"PATH": f"{make.parent}:{os.environ['PATH']}", "CONTAINERS_S": "1"}
    done = subprocess.run(
        ["bash", tmp_path / ".ci" / "run"], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [line] = [line for line in done.stdout.splitlines() if line.startswith(".ci/run: make test-containers")]
    assert output in line
    assert done.stdout.splitlines()[-1].startswith(".ci/run: passed")
