"""The supervisor of processes on this host: started through a zygote, watched and ended by pidfd."""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from testbed.live.activity import Activity
from testbed.live.supervisor import Child, ClockReading, Deployment
from testbed.model.errors import StartError
from testbed.node.zygote import REFUSED
from testbed.protocol.placement import CROWD_ROLE

ZYGOTE = """import json, sys
sys.path.extend(path for path in json.loads(sys.argv.pop(1)) if path not in sys.path)
from testbed.node.zygote import main
sys.exit(main(sys.argv[1:]))"""
_PATIENCE_S = 30.0
ROLES = ("ue_agent", CROWD_ROLE, "edge_server", "controller", "controller.online")


class _Handle(msgspec.Struct):
    """How this host's kernel knows a child: by its number, by the descriptor of its process, and by what it does."""

    pid: int
    pidfd: int
    activity: Activity


def _interpreter() -> list[str]:
    """The command that becomes a zygote, whatever lies in the working directory.

    Python's own modules and what is installed are found first, then whatever else is on this process's path (-P leaves
    out the working directory, which has no place there unless the testbed itself lies in it).
    """
    home = str(Path(__file__).resolve().parents[2])
    extra = [path for path in sys.path if path and not _is_here(path)] + [home]
    return [sys.executable, "-P", "-c", ZYGOTE, json.dumps(extra)]


def _is_here(path: str) -> bool:
    """Whether ``path`` is the working directory."""
    return os.path.realpath(path) == os.getcwd()


def last_lines(log: Path, lines: int) -> list[str]:
    """The last lines of a log, at most so many; none if there is no log."""
    return log.read_text(errors="replace").strip().splitlines()[-lines:] if log.exists() else []


class LocalSupervisor:
    """Forks the processes of the run in ``run_dir``, see `Supervise`; raises `StartError` if it cannot, or what forks
    them does not answer within ``patience_s``."""

    def __init__(self, run_dir: Path, token: bytes, patience_s: float = _PATIENCE_S) -> None:
        self._run_dir, self._token = run_dir, token.hex()
        self._children: dict[str, Child] = {}
        self._handles: dict[str, _Handle] = {}
        self._deaths = select.poll()
        own_end, other = socket.socketpair()
        command = [*_interpreter(), str(other.fileno()), *ROLES]
        self._log = open(self._log_of("zygote"), "ab")  # noqa: SIM115 - lives as long as the zygote
        try:
            self._zygote = subprocess.Popen(
                command,
                pass_fds=[other.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                process_group=0,
            )
        except OSError as error:
            self._log.close()
            raise StartError(f"cannot start processes: {error.strerror or error}") from None
        other.close()
        own_end.settimeout(patience_s)
        self._channel = own_end
        self._replies = own_end.makefile("r")
        self._read()

    def _read(self) -> str:
        try:
            line = self._replies.readline()
        except OSError as error:
            raise StartError(f"the process starter does not answer ({error})", self._where()) from None
        if not line:
            raise StartError("the process starter died", self._where())
        return line.strip()

    def _where(self) -> str:
        return f"see {self._log_of('zygote')}"

    def start(self, role: str, name: str, incarnation: int = 0) -> None:
        """See `Supervisor`."""
        log = self._log_of(name)
        argv = ["--run", str(self._run_dir.resolve()), "--name", name, "--incarnation", str(incarnation)]
        request = {"module": role, "argv": argv, "log": str(log.resolve()), "token": self._token}
        self._channel.sendall(json.dumps(request).encode() + b"\n")
        reply = self._read()
        if reply.startswith(REFUSED):
            why = f"{name} cannot be started: {reply.removeprefix(REFUSED)}"
            raise StartError(why, "see `ulimit -u` and free memory, or --set emulation.ues_per_process=10")
        pid = int(reply)
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            raise StartError(f"{name} died at once", f"see {log}") from None
        self._children[name] = Child(name=name, role=role, pid=pid, incarnation=incarnation)
        self._handles[name] = _Handle(pid, pidfd, Activity(pid))
        self._deaths.register(pidfd, select.POLLIN)

    def table(self) -> Mapping[str, Child]:
        """See `Supervisor`."""
        return self._children

    def returned(self) -> list[str]:
        """Nothing: there is one host, and this is it."""
        return []

    def ahead_ns(self, name: str) -> int:
        """0: all have one clock."""
        return 0

    def clocks(self) -> Sequence[ClockReading]:
        """None: there are no other hosts."""
        return ()

    def failed(self) -> bool:
        """Whether the zygote is dead; its children died with it."""
        return self._zygote.poll() is not None

    def works(self, name: str) -> bool:
        """See `Supervisor`; read from /proc."""
        return name in self._handles and self._handles[name].activity.works()

    def wait(self, fd: int, milliseconds: int) -> None:
        """See `Supervisor`."""
        self._deaths.register(fd, select.POLLIN)
        with contextlib.suppress(InterruptedError):
            self._deaths.poll(milliseconds)
        self._deaths.unregister(fd)

    def dead(self) -> list[str]:
        """See `Supervisor`."""
        ended = {fd for fd, _ in self._deaths.poll(0)}
        return [name for name, handle in self._handles.items() if handle.pidfd in ended] if ended else []

    def kill(self, name: str) -> None:
        """See `Supervisor`."""
        self._signal(name, signal.SIGKILL)

    def freeze(self, name: str) -> None:
        """See `Supervisor`."""
        self._signal(name, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """See `Supervisor`."""
        self._signal(name, signal.SIGCONT)

    def _signal(self, name: str, number: signal.Signals) -> None:
        handle = self._handles.get(name)
        if handle is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle.pidfd, number)

    def forget(self, name: str) -> None:
        """See `Supervisor`."""
        handle = self._handles.pop(name, None)
        if handle is not None:
            del self._children[name]
            self._deaths.unregister(handle.pidfd)
            os.close(handle.pidfd)

    def log_tail(self, name: str, lines: int = 1) -> list[str]:
        """See `Supervisor`."""
        return last_lines(self._log_of(name), lines)

    def log_place(self, name: str) -> str:
        """See `Supervisor`."""
        return str(self._log_of(name))

    def crashed(self, name: str) -> bool:
        """See `Supervisor`."""
        log = self._log_of(name)
        return log.exists() and "Traceback (most recent call last)" in log.read_text(errors="replace")

    def _log_of(self, name: str) -> Path:
        return self._run_dir / "logs" / f"{name}.log"

    def close(self) -> None:
        """See `Supervisor`."""
        for name in list(self._handles):
            self.kill(name)
            self.forget(name)
        self._replies.close()
        self._channel.close()
        try:
            self._zygote.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._zygote.kill()
            self._zygote.wait()
        self._log.close()


LOCAL_DEPLOYMENT = Deployment(LocalSupervisor)
