"""Running testbeds that are hurt on purpose."""

import json
import os
import re
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import IO

from tests.command import PATIENCE_S, start

SPEED = 3.0
LITTLE = ("--set", "emulation.burn=0.02", "--set", "emulation.payload=declared", "--speed", f"{SPEED:g}")


KNOWN = (
    "-c",
    "import sys; from testbed.live import process_group; from tests.mailboxes import TOKEN\n"
    "from testbed.__main__ import main; process_group.new_token = lambda: TOKEN; sys.exit(main())",
)


def begin(cwd: Path, *args: str, **options) -> subprocess.Popen[str]:
    """A live run into ``r``, under way; ``options`` as for `begun`."""
    return begun(cwd, *args, **options)[0]


def begun(
    cwd: Path, *args: str, scenario: str = "smoke", program: tuple[str, ...] = ("-m", "testbed")
) -> tuple[subprocess.Popen[str], float]:
    """A live run into ``r``, under way, and the emulated instant in seconds at which it said so.

    As ``program`` `KNOWN` its token is that of `tests.mailboxes`: what the test sends is not refused at the door.
    """
    process = start("run", scenario, *LITTLE, "--plain", "--out", "r", *args, cwd=cwd, program=program)
    (now_s,) = re.findall(r"running: ([\d.]+) of", wait_for(process.stdout, "running"))
    return process, float(now_s)


def wait_for(stream: IO[str] | None, word: str) -> str:
    """Read ``stream`` until a line holds ``word``; returns that line."""
    assert stream is not None
    for line in stream:
        if word in line:
            return line
    raise AssertionError(f"it ended without saying {word}")


def wait_until(process, ready):
    """Follow the run's progress until ``ready()``; returns what that was."""
    while not (result := ready()):
        wait_for(process.stdout, "running")
    return result


def end(process, code: int) -> tuple[str, str]:
    """Wait for its end; the exit code must be ``code``."""
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code, f"exit {process.returncode}, not {code}\n{out}\n{err}"
    assert "Traceback" not in out + err
    return out, err


def pids(run: Path) -> dict[str, int]:
    """Process ids of a run by name."""
    return {one["name"]: one["pid"] for one in json.loads((run / "processes.json").read_text())}


def left(run: Path) -> list[int]:
    """Processes that work in the directory of ``run``: its roles, and what burns for them."""
    items = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            here = os.readlink(process / "cwd") == str(run.resolve())
            dead = (process / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            continue
        if here and not dead:
            items.append(int(process.name))
    return items


def events(run: Path, kind: str) -> list[tuple[str, str, float]]:
    """(source, detail, value) of every event of ``kind`` in a run's record."""
    with closing(sqlite3.connect(run / "run.db")) as db:
        return db.execute("SELECT source, detail, value FROM events WHERE kind = ?", (kind,)).fetchall()


def stop(process) -> None:
    """End a run that a failed test may have left."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)
