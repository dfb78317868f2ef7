"""Runs whose folder has no room left say so in a line with the remedy; nothing of them stays but what was recorded."""

import contextlib
import subprocess
import sys

import pytest

from testbed.model.exit_codes import EXIT_START
from tests.command import PATIENCE_S, environment
from tests.containers import engine
from tests.containers.support import LITTLE, nothing_is_left

pytestmark = [pytest.mark.containers, pytest.mark.slow]


@contextlib.contextmanager
def little_disk(folder, kilobytes):
    """A file system of so many ``kilobytes`` at ``folder``, which the engine sees.

    Yields the words before commands that shall see it too.
    """
    there = engine.within("mount")
    size = f"size={kilobytes}k,mode=0755"
    done = subprocess.run([*there, "mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], capture_output=True)
    if done.returncode != 0:
        pytest.skip("only root may mount")
    try:
        yield there
    finally:
        subprocess.run([*there, "umount", folder], check=True)


def run_there(there, folder, *arguments):
    """`testbed run --backend compose` where the little disk is seen: exit code and what it said."""
    words = ("run", "smoke", *LITTLE, "--backend", "compose", "--out", "runs/r", *arguments)
    done = subprocess.run(
        [*there, "sh", "-c", 'cd "$0" && exec "$@"', folder, sys.executable, "-m", "testbed", *words],
        env=environment(),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE_S,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("kilobytes", [4, 12, 64], ids=["none", "for the file alone", "for a part of the inputs"])
def test_a_run_that_cannot_begin_says_why_and_is_gone(images, tmp_path, kilobytes):
    folder = tmp_path / "runs"
    folder.mkdir()
    with little_disk(folder, kilobytes) as there:
        code, said = run_there(there, tmp_path)
        listed = subprocess.run([*there, "ls", folder], capture_output=True, text=True, check=True).stdout.split()
    assert code == EXIT_START and "free space" in said and "Traceback" not in said, said
    assert set(listed) <= {"compose.yaml"}
    assert nothing_is_left()


def test_a_disk_that_becomes_full_ends_the_run_and_keeps_what_was_recorded(images, tmp_path):
    folder = tmp_path / "runs"
    folder.mkdir()
    with little_disk(folder, 240) as there:
        code, said = run_there(there, tmp_path, "--slots", "400", "--speed", "5")
        subprocess.run([*there, "cp", "--recursive", folder / "r", tmp_path / "kept"], check=True)
    assert code == EXIT_START and "Traceback" not in said, said
    [told] = [line for line in said.splitlines() if "cannot write the record" in line or "no space is left" in line]
    assert "full" in told or "no space" in told
    assert "free" in said.partition(told)[2]
    assert nothing_is_left()
