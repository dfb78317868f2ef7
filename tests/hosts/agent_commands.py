"""Host agents that a test starts itself, each by a command that carries its standard streams."""

import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from testbed.hosts.channel import Channel
from testbed.model.errors import StartError

END_S = 5


class AgentCommands:
    """Agents that this process starts, each by a command that carries its standard input and output: ``commands`` by
    host. What they say on standard error goes to ``logs``."""

    def __init__(self, commands: Mapping[str, Sequence[str]], logs: Path) -> None:
        self.fd = -1
        self._opened: list[tuple[str, Channel]] = []
        self._running: list[subprocess.Popen[bytes]] = []
        for host, command in commands.items():
            near_end, other = socket.socketpair()
            with other, open(logs / f"agent-{host}.log", "ab") as log:
                try:
                    running = subprocess.Popen(
                        command, stdin=other.fileno(), stdout=other.fileno(), stderr=log, start_new_session=True
                    )
                except OSError as error:
                    near_end.close()
                    self.close()
                    why = f"{command[0]}: {error.strerror or error}"
                    raise StartError(f"the agent of {host} cannot be started: {why}") from None
            self._running.append(running)
            self._opened.append((host, Channel(near_end)))

    def new(self) -> list[tuple[str, Channel]]:
        """See `ChannelSource`."""
        opened, self._opened = self._opened, []
        return opened

    def release(self, channel: Channel) -> None:
        """See `ChannelSource`; it ends itself too."""
        channel.close()

    def close(self) -> None:
        """Wait for the commands to end, which they do when their channels are closed; end those that do not."""
        for _, channel in self.new():
            channel.close()
        for running in self._running:
            try:
                running.wait(END_S)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()
