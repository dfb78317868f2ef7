"""What somebody reads who listens on the network of a run's containers: nothing but payload that is to be plain."""

import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import Any

import pytest

from tests import capture
from tests.command import PATIENCE_S
from tests.containers import engine
from tests.containers.support import KNOCKS, finished, wait_until

pytestmark = [pytest.mark.containers, pytest.mark.slow]
KNOCK, FILLER = b"GET / HTTP/1.0", bytes(256)
NAMES = (b"ue-1-1", b"ue-1-2", b"es-1", b"controller", b"launcher")
KINDS = (b"Heartbeat", b"Decision", b"Welcome")
WORDS = (KNOCK, FILLER, *NAMES, *KINDS)


@contextlib.contextmanager
def listening(words, heard):
    """Fills ``heard`` with what a capture of all the engine's interfaces says in the end."""
    program = [sys.executable, "-u", capture.__file__, *(word.hex() for word in words)]
    listener = subprocess.Popen([*engine.within("net"), *program], stdout=subprocess.PIPE, text=True)
    try:
        assert listener.stdout is not None
        if not listener.stdout.readline():
            pytest.skip("only root may listen")
        yield
        listener.send_signal(signal.SIGTERM)
        heard |= json.loads(listener.communicate(timeout=PATIENCE_S)[0])
    finally:
        listener.kill()
        listener.wait()


def input_bytes(run):
    """The input of all tasks that were offloaded."""
    with closing(sqlite3.connect(run / "run.db")) as db:
        return db.execute("SELECT sum(input_bits) / 8 FROM tasks WHERE choice > 0").fetchone()[0]


@pytest.mark.parametrize(("encryption", "readable"), [("curve", {KNOCK}), ("none", {KNOCK, FILLER})])
def test_who_listens_on_the_bridge_reads_nothing_but_payload_that_is_to_be_plain(up, images, encryption, readable):
    """A stranger's plain words show that the capture sees everybody's."""
    heard: dict[str, Any] = {}
    with listening(WORDS, heard):
        change = f"emulation.payload_encryption={encryption}"
        run = up("--slots", "60", "--policy", "offload", "--set", change)
        wait_until(lambda: finished(run) >= 3)
        options = ("--rm", "--network", "testbed_run", "--entrypoint", "python3")
        assert engine.docker("run", *options, images["agent"], "-c", KNOCKS).strip() == "knocked"
        engine.docker("wait", "recorder")
    assert {bytes.fromhex(word) for word in heard["found"]} == readable and heard["missed"] == 0
    assert heard["bytes"] > input_bytes(run) > 500_000, "all that was sent has been seen"
