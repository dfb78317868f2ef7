"""A preloaded process that forks roles on request: a hundred processes in well under a second, and none survives.

``main([FD, MODULE…])`` imports the role modules by name, then answers JSON lines on the socket FD.
The zygote dies with the launcher and its children die with the zygote, whatever kills them. It has a process group of
its own: what a terminal sends to the launcher's is the launcher's business.
"""

import gc
import importlib
import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from typing import Any

from testbed.node import signals
from testbed.node.clock import die_with_parent

REFUSED = "refused: "


def _child(request: dict[str, Any], mains: dict[str, Callable[[list[str]], int]]) -> None:
    """Become the requested role; never returns."""
    code = 1
    try:
        die_with_parent(signal.SIGKILL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        _give(bytes.fromhex(request["token"]))
        code = mains[request["module"]](request["argv"])
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
    except BaseException:  # noqa: BLE001 - the last resort of a child: say it in its log and leave
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _give(token: bytes) -> None:
    """Let this process find ``token``, and then the end, on its standard input."""
    reader, writer = os.pipe()
    os.write(writer, token)
    os.close(writer)
    os.dup2(reader, 0)
    os.close(reader)


def serve(channel: socket.socket, modules: list[str]) -> None:
    """Fork one role per request line until the channel closes."""
    mains = {name: importlib.import_module(f"{name}.__main__").main for name in modules}
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.collect()
    gc.freeze()
    lines = channel.makefile("r")
    channel.sendall(b"ready\n")
    for line in lines:
        request = json.loads(line)
        try:
            pid = os.fork()
        except OSError as error:
            channel.sendall(f"{REFUSED}{error.strerror or error}\n".encode())
            continue
        if pid == 0:
            channel.close()
            _child(request, mains)
        channel.sendall(f"{pid}\n".encode())


def main(argv: list[str]) -> int:
    """Serve the launcher that holds the other end of socket FD."""
    die_with_parent(signal.SIGKILL)
    signals.reset()
    channel = socket.socket(fileno=int(argv[0]))
    serve(channel, argv[1:])
    return 0
