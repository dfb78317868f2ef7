"""Folders that do not outlive their owner, however it ends: a small process of its own removes them."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

SCRIPT = """trap '' INT TERM HUP
read -r _
tries=0
while :; do
    rm -rf -- "$@"
    left=0
    for folder; do if [ -e "$folder" ]; then left=1; fi; done
    if [ $left = 0 ] || [ $tries -ge 100 ]; then exit; fi
    tries=$((tries + 1))
    sleep 0.1
done
"""


@contextlib.contextmanager
def swept(*folders: Path) -> Iterator[None]:
    """While this lasts, ``folders`` are removed as soon as this process has ended, and at the end of it anyway.

    A shell waits, out of reach of what a terminal sends, for the end of a pipe that only this process (and what it
    forks) holds. The processes that work in the folders die with their owner; what they still write is removed too.
    """
    reading, writing = os.pipe()
    try:
        sweeper = subprocess.Popen(
            ["/bin/sh", "-c", SCRIPT, "sweeper", *map(str, folders)],
            stdin=reading,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except BaseException:
        os.close(writing)
        raise
    finally:
        os.close(reading)
    try:
        yield
    finally:
        os.close(writing)
        sweeper.wait()
