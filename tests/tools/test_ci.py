"""What `.ci/run` says in its last lines: of suites that fail, and of tests of containers, which fail nothing else."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.command import ROOT

MAKE = """#!/bin/sh
case "$1" in
test-containers) {containers} ;;
*) echo "=== 7 passed in 1.00s ===" ;;
esac
"""
SKIPPED = "SKIPPED [4] tests/containers/conftest.py:38: no container engine runs, and none can be fetched: no network"


def run(folder: Path, make: str) -> subprocess.CompletedProcess[str]:
    """What a copy of `.ci/run` in ``folder`` does where the command `make` is the script ``make``."""
    (folder / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", folder / ".ci" / "run")
    command = folder / "bin" / "make"
    command.parent.mkdir()
    command.write_text(make)
    command.chmod(0o755)
    environment = os.environ | {"PATH": f"{command.parent}:{os.environ['PATH']}", "CONTAINERS_S": "1"}
    return subprocess.run(
        ["bash", folder / ".ci" / "run"], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


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
    done = run(tmp_path, MAKE.format(containers=containers))
    assert done.returncode == 0, done.stdout + done.stderr
    [line] = [line for line in done.stdout.splitlines() if line.startswith(".ci/run: make test-containers")]
    assert output in line
    assert done.stdout.splitlines()[-1].startswith(".ci/run: passed")


@pytest.mark.parametrize("target", ["test", "unit"])
def test_a_suite_that_fails_ends_it_and_is_named_in_the_last_lines(tmp_path, target):
    make = '#!/bin/sh\necho "=== 1 failed, 3 passed in 9.00s ==="\ntest "$1" != ' + target + "\n"
    done = run(tmp_path, make)
    assert done.returncode == 1
    *_, counted, last = done.stdout.splitlines()
    assert counted.startswith(f".ci/run: make {target}: ") and counted.endswith(": 1 failed, 3 passed in 9.00s")
    assert last.startswith(".ci/run: FAILED (exit 1)")
