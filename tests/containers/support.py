"""What tests of containers share: a run that is little, and how they wait for it and look at what is left of it."""

import os
import sqlite3
import subprocess
import time
from contextlib import closing

from tests.command import PATIENCE_S, call
from tests.containers.engine import docker

LITTLE = ("--set", "emulation.burn=0.02", "--policy", "random-do")
OWNER, FILE = 12_345, "compose/compose.yaml"
PERIOD_S = 0.1

KNOCKS = """
import socket, time, zmq
doors = zmq.Context().socket(zmq.PUSH)
doors.linger = 0
for name in ('es-1', 'controller', 'recorder', 'ue-1-1'):
    doors.connect(f'tcp://{name}:5555')
    socket.create_connection((name, 5555)).sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')
time.sleep(3)
print('knocked')
"""


def wait_until(done, seconds=PATIENCE_S):
    """Until ``done()`` says so; returns how long that took."""
    begin = time.monotonic()
    while not done():
        assert time.monotonic() < begin + seconds, "it did not happen"
        time.sleep(PERIOD_S)
    return time.monotonic() - begin


def running():
    return set(docker("ps", "--format", "{{.Names}}").split())


def nothing_is_left():
    kinds = (("ps", "--all"), ("volume", "ls"), ("network", "ls", "--filter", "type=custom"))
    return [docker(*kind, "--quiet").split() for kind in kinds] == [[], [], []]


def finished(run):
    """Tasks that a run has recorded so far."""
    if not (run / "run.db").exists():
        return 0
    with closing(sqlite3.connect(run / "run.db")) as db:
        try:
            return db.execute("SELECT count(*) FROM tasks WHERE finished_ns >= 0").fetchone()[0]
        except sqlite3.OperationalError:
            return 0


class Compose:
    """Either Compose: its ``command``, and a folder ``clone``."""

    def __init__(self, command, clone):
        self.command, self.clone = command, clone

    def __call__(self, *arguments, code=0):
        command = [*self.command, "--file", FILE, *arguments]
        done = subprocess.run(command, cwd=self.clone, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr


def written(clone, *options):
    """The file of a little run with ``options`` in ``clone``, which is another user's."""
    call("compose", "smoke", *LITTLE, *options, "-o", FILE, cwd=clone)
    for path in (clone, *clone.rglob("*")):
        os.chown(path, OWNER, OWNER)
