"""What a real engine complains of is told in a line, with what to do; nothing is left of the attempt."""

import contextlib
import os
import subprocess
import sys
import sysconfig
import tempfile
from typing import Any

import pytest
import yaml

from testbed.model.exit_codes import EXIT_START
from tests.command import ROOT, call
from tests.containers.engine import docker
from tests.containers.support import LITTLE, OWNER, nothing_is_left

pytestmark = [pytest.mark.containers, pytest.mark.slow]
OLDER = """FROM {image}
USER 0:0
COPY age.py /tmp/age.py
RUN ["python3", "/tmp/age.py"]
"""
AGE = """
import glob, pathlib
[file] = map(pathlib.Path, glob.glob('/opt/testbed/edge_testbed-*/METADATA'))
file.write_text(file.read_text().replace('Version: 0', 'Version: 0.0.9-0'))
"""


@pytest.fixture(autouse=True)
def _clean(images):
    yield
    assert nothing_is_left()


def refused(tmp_path, *arguments, code=EXIT_START):
    return call("run", "smoke", *LITTLE, "--backend", "compose", *arguments, cwd=tmp_path, code=code).stderr


def python_of(other, folder):
    """A Python with which another user can run this checkout, and its environment; None if there is none."""
    packages = sysconfig.get_path("purelib")
    for python in (sys.executable, "/usr/local/bin/python3.11", "/usr/bin/python3.11"):
        env = os.environ | {"PYTHONPATH": f"{ROOT}:{packages}", "PYTHONDONTWRITEBYTECODE": "1"}
        tried = [python, "-c", "import testbed, msgspec, yaml"]
        with contextlib.suppress(OSError):
            if subprocess.run(tried, cwd=folder, env=env, capture_output=True, **other).returncode == 0:
                return python, env
    return None


def test_a_user_without_rights():
    other: dict[str, Any] = {"user": OWNER, "group": OWNER, "extra_groups": []}
    with tempfile.TemporaryDirectory(prefix="testbed-") as folder:
        os.chmod(folder, 0o777)
        found = python_of(other, folder)
        if found is None:
            pytest.skip("another user cannot run this checkout")
        command = [found[0], "-m", "testbed", "run", "smoke", *LITTLE, "--backend", "compose"]
        done = subprocess.run(command, cwd=folder, env=found[1], capture_output=True, text=True, check=False, **other)
    assert done.returncode == EXIT_START and "Traceback" not in done.stderr, done.stderr
    assert "may not use the container engine" in done.stderr and "usermod" in done.stderr


def test_a_network_that_is_taken_and_another_in_its_place(tmp_path, monkeypatch):
    docker("network", "create", "--subnet", "10.213.7.0/24", "taken")
    try:
        assert "TESTBED_NETWORK=10.213.8" in refused(tmp_path)
        monkeypatch.setenv("TESTBED_NETWORK", "10.213.8")
        refused(tmp_path, "--slots", "5", code=0)
    finally:
        docker("network", "rm", "taken")


def test_a_name_that_is_taken(tmp_path):
    docker("run", "--detach", "--name", "es-1", os.environ["TESTBED_BASE"], "sleep", "600")
    try:
        said = refused(tmp_path)
        assert "a container of that name is there already" in said and "testbed down" in said
    finally:
        docker("rm", "--force", "es-1")


def test_a_port_that_is_in_use(tmp_path, monkeypatch):
    call("compose", "smoke", "-o", "file.yaml", cwd=tmp_path)
    services = yaml.safe_load((tmp_path / "file.yaml").read_text())["services"]
    stood_in = [services[name]["image"] for name in ("prometheus", "grafana")]
    base = os.environ["TESTBED_BASE"]
    (tmp_path / "Dockerfile").write_text(f'FROM {base}\nENTRYPOINT ["sleep", "600"]\n')
    for image in stood_in:
        docker("build", "--quiet", "--tag", image, str(tmp_path))
    docker("run", "--detach", "--name", "other", "--publish", "127.0.0.1:3000:3000", base, "sleep", "600")
    monkeypatch.setenv("COMPOSE_PROFILES", "observe")
    try:
        said = refused(tmp_path)
        assert "a port that the run publishes is in use" in said and "leave out the profile" in said
    finally:
        docker("rm", "--force", "other")
        docker("image", "rm", "--force", *stood_in)


def test_an_image_of_another_release(images, tmp_path, monkeypatch):
    (tmp_path / "Dockerfile").write_text(OLDER.format(image=images["agent"]))
    (tmp_path / "age.py").write_text(AGE)
    docker("build", "--quiet", "--network", "none", "--tag", "testbed-agent:older", str(tmp_path))
    monkeypatch.setenv("TESTBED_AGENT_IMAGE", "testbed-agent:older")
    try:
        done = call("run", "smoke", *LITTLE, "--backend", "compose", cwd=tmp_path, code=EXIT_START)
        said = done.stdout + done.stderr
        assert "has version 0.0.9-0" in said and "docker compose build" in said
    finally:
        docker("image", "rm", "--force", "testbed-agent:older")


def test_an_image_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("TESTBED_BASE", "no/such/base:1")
    monkeypatch.setenv("TESTBED_AGENT_IMAGE", "testbed-agent:none")
    assert "TESTBED_BASE=IMAGE" in refused(tmp_path)
