"""An engine with the images of this checkout, once for all tests of containers; skipped aloud where none can be had."""

import os
import platform
import shutil

import pytest

from tests.command import ROOT, call
from tests.containers import compose_v2, engine
from tests.containers.support import FILE, LITTLE, Compose, nothing_is_left

LEARNING_GB = 4


@pytest.fixture(scope="session", name="images")
def _images(tmp_path_factory):
    """The images, built without a network, on the engine that runs or on one of the tests' own."""
    folder = tmp_path_factory.mktemp("engine")
    if platform.machine() != "x86_64":
        pytest.skip("the engine of these tests is fetched for x86_64")
    try:
        if engine.runs():
            yield from _built(folder)
        else:
            with engine.own(ROOT / "build" / "engine", folder):
                yield from _built(folder)
    except engine.UnavailableError as why:
        pytest.skip(str(why))


def _built(folder):
    engine.fill_wheelhouse(ROOT)
    os.environ["TESTBED_BASE"] = engine.build_base(folder)
    names = {}
    try:
        for target in ("agent", "controller"):
            name = f"testbed-{target}:test"
            engine.build(ROOT, target, name)
            os.environ[f"TESTBED_{target.upper()}_IMAGE"] = names[target] = name
        yield names
    finally:
        for variable in ("TESTBED_BASE", "TESTBED_AGENT_IMAGE", "TESTBED_CONTROLLER_IMAGE"):
            os.environ.pop(variable, None)
        engine.docker("image", "rm", "--force", *names.values(), engine.BASE)
        engine.docker("image", "prune", "--force")


@pytest.fixture(scope="session", name="learning_image")
def _learning_image(images, tmp_path_factory):
    """The image with torch, which takes minutes and, while it is built, gigabytes."""
    name = "testbed-learning:test"
    free_gb = shutil.disk_usage(tmp_path_factory.getbasetemp()).free / 1e9
    if free_gb < LEARNING_GB:
        pytest.skip(f"an image with torch takes {LEARNING_GB} GB while it is built; free are {free_gb:.1f}")
    try:
        engine.fill_wheelhouse(ROOT, torch=True)
    except engine.UnavailableError as why:
        pytest.skip(str(why))
    engine.build(ROOT, "controller", name, "--build-arg", "TORCH=1")
    os.environ["TESTBED_LEARNING_IMAGE"] = name
    yield name
    os.environ.pop("TESTBED_LEARNING_IMAGE")
    engine.docker("image", "rm", "--force", name)


@pytest.fixture(name="up")
def _up(images, tmp_path):
    """Starts runs into runs/r, and takes them down in the end."""

    def up(*arguments, little=LITTLE):
        call("up", "smoke", *little, "--out", "runs/r", *arguments, cwd=tmp_path)
        return tmp_path / "runs" / "r"

    yield up
    call("down", cwd=tmp_path)
    assert nothing_is_left()


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
            except engine.UnavailableError as why:
                pytest.skip(str(why))
        command = ["docker", "compose"]

    result = Compose(command, clone)
    yield result
    if (clone / FILE).exists():
        result("down", "--volumes")
    assert nothing_is_left()
