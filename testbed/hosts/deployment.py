"""Runs whose processes live elsewhere: in containers, whose agents report at a socket, or on the hosts of a file."""

import ipaddress
import secrets
import shutil
import socket
import tempfile
from collections import Counter
from collections.abc import Collection, Mapping
from importlib import metadata
from pathlib import Path

from testbed.hosts.calls import CallDoor, read_keys
from testbed.hosts.carriers import command_of, remedy_of
from testbed.hosts.channel import AgentSocket
from testbed.hosts.containers import FIRST_PORT, containers_of, endpoints_in, home_of, users_of
from testbed.hosts.fleet import FleetSupervisor
from testbed.hosts.hosts_file import THIS_HOST, HostsFile
from testbed.hosts.link_check import clock_verdict, slow_links
from testbed.hosts.placement import LAUNCHER_HOST, PlacedRun, placed
from testbed.hosts.started import StartedAgents
from testbed.hosts.survey import Say, Surveyor
from testbed.live.host_costs import HostCosts
from testbed.live.places import PORTS
from testbed.live.supervisor import Deployment, Endpoints, Supervisor
from testbed.model.errors import StartError
from testbed.model.system import Plan
from testbed.protocol.placement import Processes, processes_of

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


def on_hosts(plan: Plan, listed: HostsFile, costs: HostCosts, run_dir: Path, say: Say) -> Deployment:
    """The deployment of ``plan`` on the hosts that are ``listed``: all are there, with their clocks and links told to
    ``say``. Raises `StartError` for a host that is not, or clocks that are not known well enough for the run."""
    processes = processes_of(plan)
    run = placed(plan, processes, listed, costs)
    logs = run_dir / "logs"
    logs.mkdir(exist_ok=True)
    sockets = Path(tempfile.mkdtemp(prefix="testbed-"))
    release = metadata.version("edge-testbed")
    commands = {host.name: command_of(host, release, sockets) for host in listed.hosts if not host.reach.calls}
    calling = [host.name for host in listed.hosts if host.reach.calls]
    door = CallDoor(listed.door, read_keys(Path(listed.secret)), calling) if calling else None
    source = StartedAgents(commands, logs, again=True, door=door)
    source.at_end(lambda: shutil.rmtree(sockets, ignore_errors=True))
    try:
        surveyor = Surveyor(source, {host.name: remedy_of(host) for host in listed.hosts}, say)
        surveyor.gather()
        called_from = door.addresses if door is not None else {}
        addresses = {host.name: host.address or called_from[host.name] for host in listed.hosts}
        pairs = [(link.source, link.target) for link in run.links if {link.source, link.target} <= addresses.keys()]
        survey = surveyor.survey(addresses, listed.first_port, pairs)
        for warning in slow_links(plan, run, survey.rates):
            say(warning)
        grade, remedy = clock_verdict(plan, survey.clocks)
        if grade == "F":
            what, _, how = remedy.partition(": ")
            raise StartError(f"{what}, which is too little for speed {plan.emulation.speed:g}", how)
        if remedy:
            say(f"the grade will be {grade} at best: {remedy}")
        own = listed.launcher or own_address(_far_first(listed, addresses))
    except BaseException:
        source.close()
        raise

    def supervise(run_dir: Path, token: bytes) -> Supervisor:
        return FleetSupervisor(run_dir, token, source, lambda name: run.homes.get(name, ""))

    return Deployment(supervise, endpoints_on(run, addresses | {LAUNCHER_HOST: own}, listed.first_port), HOSTS_READY_S)


def _far_first(listed: HostsFile, addresses: Mapping[str, str]) -> str:
    """The address of a host that is not this one, if there is one."""
    far = [host.name for host in listed.hosts if host.reach.way != THIS_HOST]
    return addresses[(far or [listed.hosts[0].name])[0]]


def own_address(other: str) -> str:
    """The address of this host that the host at address ``other`` sees; nothing is sent. Raises `StartError`."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
            asked.connect((other, FIRST_PORT))
            return str(asked.getsockname()[0])
    except OSError as error:
        why = f"{other} cannot be reached: {error.strerror or error}"
        raise StartError(why, "give launcher: ADDRESS in the file of hosts") from None


def endpoints_on(run: PlacedRun, addresses: Mapping[str, str], first_port: int) -> Endpoints:
    """Finds the endpoints of each process: at the address of its host, at ports from ``first_port`` (0: by chance)."""

    def find(names: Collection[str]) -> dict[str, tuple[str, str]]:
        first, taken = first_port or secrets.choice(PORTS), Counter[str]()
        endpoints = {}
        for name in names:
            address = addresses[run.homes.get(name, LAUNCHER_HOST)]
            endpoint = f"{address}:{first + taken[address]}"
            taken[address] += 1
            endpoints[name] = (f"tcp://{_bound(endpoint)}", f"tcp://{endpoint}")
        return endpoints

    return find


def _bound(endpoint: str) -> str:
    """What is bound so that ``endpoint`` reaches it: itself, or all addresses of the host if it has a name."""
    host, _, port = endpoint.rpartition(":")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return f"*:{port}"
    return endpoint
