"""The processes of a run as the launcher sees them: started through a zygote, watched and ended by pidfd."""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import msgspec

from testbed.model.errors import StartError
from testbed.node.zygote import REFUSED

ZYGOTE = """import json, sys
sys.path.extend(path for path in json.loads(sys.argv.pop(1)) if path not in sys.path)
from testbed.node.zygote import main
sys.exit(main(sys.argv[1:]))"""
ROLES = ("ue_agent", "edge_server", "controller", "controller.online")


class Child(msgspec.Struct, kw_only=True):
    """One started process; ``incarnation`` counts its restarts."""

    name: str
    role: str
    pid: int
    pidfd: int
    incarnation: int = 0
    ready: bool = False
    cpu: int = -1

    def works(self) -> bool:
        """Whether it has computed since the last call, or would like to (running, or waiting for a disk).

        At the first call there is nothing to compare with: it counts as working.
        """
        try:
            words = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return False
        before, self.cpu = self.cpu, int(words[11]) + int(words[12])
        return words[0] in "RD" or self.cpu != before


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


class Supervisor:
    """Starts children and makes sure that none outlives the run."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self.children: dict[str, Child] = {}
        self._deaths = select.poll()
        mine, other = socket.socketpair()
        command = [*_interpreter(), str(other.fileno()), *ROLES]
        self._log = open(run_dir / "logs" / "zygote.log", "ab")  # noqa: SIM115 - lives as long as the zygote
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
        mine.settimeout(30)
        self._channel = mine
        self._replies = mine.makefile("r")
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
        return f"see {self._run_dir / 'logs' / 'zygote.log'}"

    def start(self, role: str, name: str, incarnation: int = 0) -> Child:
        """Fork a role's process."""
        log = self._run_dir / "logs" / f"{name}.log"
        argv = ["--run", str(self._run_dir.resolve()), "--name", name, "--incarnation", str(incarnation)]
        request = {"module": role, "argv": argv, "log": str(log.resolve())}
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
        child = Child(name=name, role=role, pid=pid, pidfd=pidfd, incarnation=incarnation)
        self.children[name] = child
        self._deaths.register(pidfd, select.POLLIN)
        return child

    @property
    def starter_died(self) -> bool:
        """Whether the zygote is dead; its children died with it."""
        return self._zygote.poll() is not None

    def wait(self, fd: int, milliseconds: int) -> None:
        """Sleep until ``fd`` is readable, or a death, a signal or the timeout."""
        self._deaths.register(fd, select.POLLIN)
        with contextlib.suppress(InterruptedError):
            self._deaths.poll(milliseconds)
        self._deaths.unregister(fd)

    def dead(self) -> list[str]:
        """Children that have died and are not yet forgotten."""
        ended = {fd for fd, _ in self._deaths.poll(0)}
        return [child.name for child in self.children.values() if child.pidfd in ended] if ended else []

    def kill(self, name: str) -> None:
        """Kill −9 a child."""
        child = self.children.get(name)
        if child is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(child.pidfd, signal.SIGKILL)

    def forget(self, name: str) -> None:
        """A child has died: release its descriptor."""
        child = self.children.pop(name, None)
        if child is not None:
            self._deaths.unregister(child.pidfd)
            os.close(child.pidfd)

    def write_table(self) -> None:
        """``processes.json``: name, role and pid of every process that is up, replaced atomically."""
        rows = [
            {"name": child.name, "role": child.role, "pid": child.pid}
            for child in self.children.values()
            if child.ready
        ]
        path = self._run_dir / "processes.json"
        part = path.with_suffix(".part")
        part.write_text(json.dumps(rows, indent=1) + "\n")
        os.replace(part, path)

    def close(self) -> None:
        """End everything that still runs."""
        for name in list(self.children):
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
