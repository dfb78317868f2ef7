"""A run whose processes live with agents that report at a socket: those of containers."""

import socket
from pathlib import Path

from testbed.hosts.channel import AgentSocket
from testbed.hosts.containers import containers_of, endpoints_in, home_of, users_of
from testbed.hosts.fleet import FleetSupervisor
from testbed.live.supervisor import Deployment, Supervisor
from testbed.model.errors import StartError
from testbed.protocol.placement import Processes

HOSTS_READY_S = 240  # a hundred containers start one after the other, on a host that may be busy


def own_network() -> str:
    """The network that this container is on: the first three parts of its address. Raises `StartError`."""
    name = socket.gethostname()
    try:
        return socket.gethostbyname(name).rpartition(".")[0]
    except OSError as error:
        raise StartError(f"{name} has no address: {error.strerror or error}", "--agents is for containers") from None


def in_containers(processes: Processes, agents: Path) -> Deployment:
    """The deployment of ``processes`` in containers, whose agents report at the socket ``agents``."""
    containers = containers_of(processes)
    home = home_of(containers)

    def supervise(run_dir: Path, token: bytes) -> Supervisor:
        return FleetSupervisor(run_dir, token, AgentSocket(agents, users_of(containers)), home)

    return Deployment(supervise, endpoints_in(containers, own_network), HOSTS_READY_S)
