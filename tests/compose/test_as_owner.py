"""The recorder becomes who owns the folder of its file, and so does what it records."""

import os
import subprocess
import sys

import pytest

from tests.command import ROOT

OWNER, GROUP = 12_345, 23_456
COMMAND = ("sh", "-c", "echo $(id -u) $(id -g) $(id -G)")


def output_of(folder, runs):
    command = [sys.executable, str(ROOT / "compose" / "as_owner.py"), str(folder), str(runs), *COMMAND]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_root_becomes_the_owner_who_then_owns_the_runs_that_root_made(tmp_path):
    folder, runs = tmp_path / "clone", tmp_path / "runs"
    for result in (folder, runs):
        result.mkdir()
    os.chown(folder, OWNER, GROUP)
    assert output_of(folder, runs) == f"{OWNER} {GROUP} {GROUP}"
    assert (runs.stat().st_uid, runs.stat().st_gid) == (OWNER, GROUP)
    os.chown(runs, 1, 1)
    output_of(folder, runs)
    assert runs.stat().st_uid == 1, "somebody else's folder stays theirs"


def test_whoever_is_not_root_stays_who_they_are(tmp_path):
    if os.getuid() == 0:
        pytest.skip("this is root")
    assert output_of(tmp_path, tmp_path).startswith(f"{os.getuid()} ")
