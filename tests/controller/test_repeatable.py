"""Equal trainings leave equal files, whatever the memory that they were given held before."""

import subprocess
import sys

import pytest

from tests.command import PATIENCE_S, environment

TRAIN = ("train", "smoke", "--updates", "3", "--slots", "10", "--option", "worlds=2")


def trained(folder, algorithm, fill):
    """The checkpoint of a training whose fresh memory is filled with byte ``fill``."""
    command = [sys.executable, "-m", "testbed", *TRAIN, "--algorithm", algorithm, "--out", str(folder), "--json"]
    filled = environment() | {"MALLOC_PERTURB_": str(fill), "PYTHONHASHSEED": str(fill)}
    subprocess.run(command, cwd=folder.parent, env=filled, check=True, capture_output=True, timeout=PATIENCE_S)
    return (folder / f"{algorithm}.npz").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["a3c-do", "dqn"])
def test_equal_trainings_are_equal_to_the_byte(tmp_path, algorithm):
    first, second = (trained(tmp_path / f"c{fill}", algorithm, fill) for fill in (17, 200))
    assert first == second
