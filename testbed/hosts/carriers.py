"""The commands that carry an agent's standard streams from and to another host."""

import sys
from collections.abc import Sequence
from pathlib import Path

from testbed.hosts.hosts_file import COMMAND, DOCKER, KUBERNETES, SSH, SWARM, ListedHost, Reach

AGENT_MODULE = ("-m", "testbed.hosts")
REMOTE_PYTHON = "python3"
SSH_OPTIONS = (
    "BatchMode=yes",  # nobody is there to type a password
    "ConnectTimeout=10",
    "ServerAliveInterval=2",  # a host that is gone is missed after ten seconds
    "ServerAliveCountMax=5",
    "ControlMaster=auto",  # hosts behind one destination share a connection
    "ClearAllForwardings=yes",
)
REMEDIES = {
    SSH: "try the same by hand: ssh {0} true; keys and known hosts must be in order, as nobody can be asked",
    DOCKER: "try the same by hand: docker --context {0} version",
    SWARM: "see its service: docker service ps {0}",
    KUBERNETES: "see its pods: kubectl get pods -l app={0}",
    COMMAND: "try the command by hand: it must carry standard input and output",
}


def command_of(host: ListedHost, version: str, sockets: Path) -> list[str]:
    """The command that starts the agent of ``host``; shared connections have their sockets in ``sockets``."""
    reach = host.reach
    if reach.way == SSH:
        return [*_ssh(reach, sockets), reach.ssh, "--", _quoted(reach.python or REMOTE_PYTHON), *AGENT_MODULE]
    if reach.way == DOCKER:
        return _docker(reach, version)
    own = (reach.python or sys.executable, *AGENT_MODULE)
    return [*reach.command, *own] if reach.way == COMMAND else list(own)


def remedy_of(host: ListedHost) -> str:
    """What to try where the agent of ``host`` cannot be started."""
    reach = host.reach
    return REMEDIES.get(reach.way, "").format(getattr(reach, reach.way, ""))


def _ssh(reach: Reach, sockets: Path) -> Sequence[str]:
    config = ("-F", reach.config) if reach.config else ()
    options = [word for option in SSH_OPTIONS for word in ("-o", option)]
    return ("ssh", "-T", *config, *options, "-o", f"ControlPath={sockets}/%C")


def _docker(reach: Reach, version: str) -> list[str]:
    hardened = ("--network", "host", "--init", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
    image = reach.image or f"testbed-controller:{version}"
    own = ("--entrypoint", reach.python or REMOTE_PYTHON, image, *AGENT_MODULE)
    return ["docker", "--context", reach.docker, "run", "--rm", "-i", *hardened, *own]


def _quoted(word: str) -> str:
    """As the remote shell reads it; a leading ~ is left to it."""
    plain = all(letter.isalnum() or letter in "~/._-+" for letter in word)
    return word if plain else "'" + word.replace("'", "'\\''") + "'"
