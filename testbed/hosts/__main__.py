"""``python -m testbed.hosts``: the agent of a host."""

import argparse
import contextlib
import logging
import os
import select
import socket
import sys
import tempfile
import time
from pathlib import Path

from testbed.hosts.agent import HostAgent
from testbed.hosts.calls import called, read_keys
from testbed.model.errors import StartError

AGAIN_S, _PATIENCE_S, _LAST_S = 0.1, 120.0, 120.0


def main(argv: list[str]) -> int:
    """Serve one launcher; returns the exit code."""
    parser = argparse.ArgumentParser(prog="testbed.hosts", description="Starts a run's processes on this host.")
    parser.add_argument("--folder", type=Path, help="where they run, emptied by nobody (default: a temporary one)")
    parser.add_argument("--join", type=Path, metavar="SOCKET", help="report there instead of on standard streams")
    parser.add_argument("--call", metavar="HOST:PORT", help="call a launcher there instead")
    parser.add_argument("--name", default=socket.gethostname(), help="what to call oneself (the name of the host)")
    parser.add_argument("--keys", type=Path, metavar="FILE", help="keys of agents that call")
    parser.add_argument("--outlast", action="store_true", help="stay until the launcher's process has ended")
    arguments = parser.parse_args(argv)
    with contextlib.ExitStack() as stack:
        folder = arguments.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="testbed-")))
        reader, writer = os.dup(0), os.dup(1)
        if arguments.join is not None:
            end = stack.enter_context(joined(arguments.join))
            reader = writer = end.fileno()
        if arguments.call is not None:
            if arguments.keys is None:
                parser.error("--call needs --keys FILE")
            end = stack.enter_context(called(arguments.call, arguments.name, read_keys(arguments.keys)))
            reader = writer = end.fileno()
        os.dup2(2, 1)  # what somebody prints is no report
        try:
            HostAgent(folder, reader, writer).serve()
        except StartError as error:
            logging.error("%s", error)
            return 3
        if arguments.outlast:
            wait_for_end(reader)
    return 0


def wait_for_end(reader: int) -> None:
    """Until whoever is at the other end of the socket ``reader`` has closed it, with its process at the latest.

    Compose ends a run with the first container that ends (``--exit-code-from``): that must not be before the summary.
    """
    gone = select.poll()
    gone.register(reader, 0)
    gone.poll(_LAST_S * 1000)


def joined(path: Path) -> socket.socket:
    """A connection to the launcher that waits at ``path``, or will soon; raises `StartError`."""
    until = time.monotonic() + _PATIENCE_S
    while True:
        end = socket.socket(socket.AF_UNIX)
        try:
            end.connect(str(path))
            return end
        except OSError as error:
            end.close()
            if time.monotonic() > until:
                raise StartError(f"no launcher at {path}: {error.strerror or error}") from None
        time.sleep(AGAIN_S)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
