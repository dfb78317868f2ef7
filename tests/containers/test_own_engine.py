"""The engine that tests bring up themselves leaves nothing behind."""

import pytest

from tests.command import ROOT
from tests.containers import engine

pytestmark = pytest.mark.containers


def test_an_engine_of_the_tests_own_leaves_the_machine_as_it_was(tmp_path):
    before = engine.machine()
    try:
        with engine.own(ROOT / "build" / "engine", tmp_path):
            base = engine.build_base(tmp_path)
            engine.docker("network", "create", "aside")
            engine.docker("run", "--detach", "--network", "aside", "--name", "sleeper", base, "sleep", "600")
            assert engine.docker("ps", "--quiet").split() != []
            assert engine.machine()["processes"] != before["processes"]
    except engine.UnavailableError as why:
        pytest.skip(str(why))
    for kind, there in engine.machine().items():
        assert set(there) <= set(before[kind]), kind
