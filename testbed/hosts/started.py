"""Agents that the launcher starts itself, each by a command, and again after it has ended: its host may come back."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from testbed.hosts.calls import CallDoor
from testbed.hosts.channel import Channel
from testbed.live.local_supervisor import last_lines
from testbed.model.delay import NS_PER_S
from testbed.model.errors import StartError

END_S = 5
AGAIN_AFTER_NS, AGAIN_MOST_NS = NS_PER_S, 10 * NS_PER_S


class _Carried(msgspec.Struct):
    """The command that carries an agent, when it may be started again, and how long the next wait is."""

    running: "subprocess.Popen[bytes]"
    again_ns: int = 0
    wait_ns: int = AGAIN_AFTER_NS


class StartedAgents:
    """Agents that this process starts, each by a command that carries its standard input and output: ``commands`` by
    host. What they say on standard error goes to ``logs``. With ``again`` one that has ended is started anew. Others
    call at ``door``, if that is given."""

    def __init__(
        self,
        commands: Mapping[str, Sequence[str]],
        logs: Path,
        *,
        again: bool = False,
        door: CallDoor | None = None,
    ) -> None:
        self.fd, self.door = -1, door
        self._commands, self._logs, self._again = dict(commands), logs, again
        self._opened: list[tuple[str, Channel]] = []
        self._carried: dict[str, _Carried] = {}
        self._at_end: list[Callable[[], None]] = []
        for host in commands:
            try:
                self._carried[host] = _Carried(self._start(host))
            except StartError:
                self.close()
                raise

    def _start(self, host: str) -> "subprocess.Popen[bytes]":
        """Start the command of ``host``; its channel is new."""
        command = self._commands[host]
        near_end, other = socket.socketpair()
        with other, open(self._log_of(host), "ab") as log:
            try:
                running = subprocess.Popen(
                    command, stdin=other.fileno(), stdout=other.fileno(), stderr=log, start_new_session=True
                )
            except OSError as error:
                near_end.close()
                why = f"{command[0]}: {error.strerror or error}"
                raise StartError(f"the agent of {host} cannot be started: {why}") from None
        self._opened.append((host, Channel(near_end)))
        return running

    def _log_of(self, host: str) -> Path:
        return self._logs / f"agent-{host}.log"

    def last_words(self, host: str) -> str:
        """What the command of ``host`` said last, "" if nothing."""
        return (last_lines(self._log_of(host), 1) or [""])[0]

    def hand_back(self, host: str, channel: Channel) -> None:
        """Let ``channel`` be new again, for who comes next."""
        self._opened.append((host, channel))

    def new(self) -> list[tuple[str, Channel]]:
        """See `ChannelSource`."""
        for host, carried in self._carried.items() if self._again else ():
            if carried.running.poll() is not None:
                self._start_again(host, carried)
        opened, self._opened = self._opened, []
        return opened + (self.door.new() if self.door is not None else [])

    def _start_again(self, host: str, carried: _Carried) -> None:
        """Start a command that has ended, after a wait that grows while it keeps ending."""
        now = time.monotonic_ns()
        if not carried.again_ns:
            carried.again_ns = now + carried.wait_ns
        elif now >= carried.again_ns:
            carried.wait_ns = min(2 * carried.wait_ns, AGAIN_MOST_NS)
            carried.again_ns = 0
            with contextlib.suppress(StartError):  # what was there once is there again, or the next try says so
                carried.running = self._start(host)

    def at_end(self, do: Callable[[], None]) -> None:
        """Do that when all agents have ended."""
        self._at_end.append(do)

    def release(self, channel: Channel) -> None:
        """See `ChannelSource`; it ends itself too."""
        channel.close()

    def close(self) -> None:
        """Wait for the commands to end, which they do when their channels are closed; end those that do not."""
        self._again = False
        for _, channel in self.new():
            channel.close()
        for carried in self._carried.values():
            try:
                carried.running.wait(END_S)
            except subprocess.TimeoutExpired:
                carried.running.kill()
                carried.running.wait()
        if self.door is not None:
            self.door.close()
            self.door = None
        while self._at_end:
            self._at_end.pop()()
