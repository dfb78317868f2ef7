"""What `.ci/run` makes of tests of containers: a failure fails, what could not run is said and does not."""

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
    ("containers", "code", "said"),
    [
        ("echo '=== 4 passed in 9.00s ==='", 0, "4 passed in 9.00s"),
        (f"echo '{SKIPPED}'; echo '=== 4 skipped in 1.00s ==='", 0, "none can be fetched: no network"),
        ("echo 'FAILED tests/x.py::test_y'; echo '=== 1 failed, 3 passed in 9.00s ==='; exit 2", 2, "1 failed"),
        ("exit 2", 2, "no test ran"),
        ("exec sleep 600", 0, "before they were through"),
        ("echo 'FAILED tests/x.py::test_y'; exec sleep 600", 124, "before they were through"),
    ],
    ids=["passed", "no engine", "failed", "broke", "took too long", "failed and took too long"],
)
def test_tests_of_containers_fail_a_submission_only_by_failing(tmp_path, containers, code, said):
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
    assert done.returncode == code, done.stdout + done.stderr
    [line] = [line for line in done.stdout.splitlines() if line.startswith(".ci/run: make test-containers")]
    assert said in line
    assert done.stdout.splitlines()[-1].startswith(f".ci/run: {'passed' if code == 0 else 'FAILED'}")
