"""An engine with the images of this checkout, once for all tests of containers; skipped aloud where none can be had."""

import os
import platform

import pytest

from tests.command import ROOT
from tests.containers import engine


def pytest_collection_modifyitems(config, items):
    """These tests bring an engine up, build images and take minutes: they run when they are asked for."""
    if "containers" in config.getoption("-m"):
        return
    for item in items:
        if item.get_closest_marker("containers") is not None:
            item.add_marker(pytest.mark.skip(reason="tests of containers run by `make test-containers`"))


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
def _learning_image(images):
    """The image with torch, which takes minutes and two gigabytes."""
    name = "testbed-learning:test"
    try:
        engine.fill_wheelhouse(ROOT, torch=True)
    except engine.UnavailableError as why:
        pytest.skip(str(why))
    engine.build(ROOT, "controller", name, "--build-arg", "TORCH=1")
    os.environ["TESTBED_LEARNING_IMAGE"] = name
    yield name
    os.environ.pop("TESTBED_LEARNING_IMAGE")
    engine.docker("image", "rm", "--force", name)
