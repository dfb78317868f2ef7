"""The file by itself: Compose, either of the two, brings a run up and ends with its summary and exit code."""

import os
import re
import shutil
import subprocess

import pytest

from testbed.model.errors import EXIT_THRESHOLD
from tests.command import ROOT, call
from tests.containers import compose_v2
from tests.containers.engine import UnavailableError
from tests.containers.test_runs import LITTLE, OWNER, nothing_is_left

pytestmark = [pytest.mark.containers, pytest.mark.slow]
FILE = "compose/compose.yaml"


class Compose:
    """Either Compose: its ``command``, and a folder ``clone``."""

    def __init__(self, command, clone):
        self.command, self.clone = command, clone

    def __call__(self, *arguments, code=0):
        command = [*self.command, "--file", FILE, *arguments]
        done = subprocess.run(command, cwd=self.clone, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture(name="compose", params=["1.29", "v2"])
def _compose(request, images, tmp_path, monkeypatch):
    """The command of either Compose, in a folder that looks like a clone of another user's; nothing is left."""
    clone = tmp_path / "clone"
    (clone / "compose").mkdir(parents=True)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "config"))
    if request.param == "1.29":
        if shutil.which("docker-compose") is None:
            pytest.skip("there is no docker-compose")
        command = ["docker-compose"]
    else:
        if not compose_v2.is_there():
            try:
                compose_v2.provide(ROOT / "build" / "engine", tmp_path / "config")
            except UnavailableError as why:
                pytest.skip(str(why))
        command = ["docker", "compose"]

    made = Compose(command, clone)
    yield made
    if (clone / FILE).exists():
        made("down", "--volumes")
    assert nothing_is_left()


def written(clone, *options):
    call("compose", "smoke", *LITTLE, *options, "-o", FILE, cwd=clone)
    for path in (clone, *clone.rglob("*")):
        os.chown(path, OWNER, OWNER)


def test_up_ends_with_the_summary_and_the_exit_code_of_the_run(compose):
    written(compose.clone, "--slots", "20")
    said = compose("up", "--no-build", "--exit-code-from", "recorder")
    assert re.search(r"recorder .*33 generated: \d+ completed", said) and "fidelity" in said
    kept = list((compose.clone / "runs").rglob("*"))
    assert any(path.name == "run.db" for path in kept) and {path.stat().st_uid for path in kept} == {OWNER}
    compose("down", "--volumes")
    written(compose.clone, "--slots", "20", "--set", "thresholds.delay_mean=< 1 ms")
    said = compose("up", "--no-build", "--exit-code-from", "recorder", code=EXIT_THRESHOLD)
    assert re.search(r"recorder .*33 generated: \d+ completed", said)
