"""``hosts.yaml``: the hosts of a run, how to reach them, and what is to live where; mistakes are told by line."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec

from testbed.model.errors import ScenarioError
from testbed.scenario.fields import Items, Number, Quantity, Range, Section, Sections, Text
from testbed.scenario.mistake import Mistake
from testbed.scenario.parse import Builder
from testbed.scenario.reading import read_text
from testbed.scenario.source import Sources, Unsharing

THIS_HOST, SSH, DOCKER, COMMAND, SWARM, KUBERNETES = "local", "ssh", "docker", "command", "swarm", "kubernetes"
CALLING = (SWARM, KUBERNETES)  # whose agents call the launcher
WAYS = (SSH, DOCKER, COMMAND, SWARM, KUBERNETES)
FIRST_PORT_OF_HOST = Range(1024, 60_000)
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """How the agent of a host is started: at most one way; by none of them on this host.

    ``ssh`` is a destination, with a ``config`` file of its own if wanted; ``docker`` a context, whose engine runs
    ``image``; ``command`` carries an agent by its standard streams. Agents of a ``swarm`` service or a ``kubernetes``
    set, which are named for the reader only, run already, and call by the name of the host. ``python`` is the
    interpreter there that has the testbed.
    """

    ssh: Annotated[str, Text("destination")] = ""
    config: Annotated[str, Text("file name")] = ""
    docker: Annotated[str, Text("context")] = ""
    image: Annotated[str, Text("image")] = ""
    command: Annotated[tuple[str, ...], Items(Text("word"))] = ()
    swarm: Annotated[str, Text("service")] = ""
    kubernetes: Annotated[str, Text("set")] = ""
    python: Annotated[str, Text("interpreter")] = ""

    @property
    def way(self) -> str:
        """The one way that is given, `THIS_HOST` if none is."""
        return next((way for way in WAYS if getattr(self, way)), THIS_HOST)

    @property
    def calls(self) -> bool:
        """Whether its agent calls, instead of being started from here."""
        return self.way in CALLING


class ListedHost(msgspec.Struct, frozen=True, kw_only=True):
    """One host: the ``address`` at which others reach its processes ("" for one whose agent says it when it calls), its
    cores, the rate of its link in bit/s (0: not known before it is measured), and what is to live there: the
    ``controller``, cells, ESs and UEs by name."""

    name: Annotated[str, Text("name")]
    cores: Annotated[float, Number(Range(0, 4096, above=True))]
    address: Annotated[str, Text("address")] = ""
    link_bps: Annotated[float, Quantity("rate", Range(low=0, above=True))] = msgspec.field(name="link", default=0.0)
    reach: Annotated[Reach, Section(Reach)] = Reach()
    holds: Annotated[tuple[str, ...], Items(Text("name"))] = ()


class HostsFile(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file: the hosts, the address at which they reach the launcher ("": found out), the first port of a
    run's processes on each of them (0: by chance), and where agents that call find the launcher, with its secret."""

    hosts: Annotated[tuple[ListedHost, ...], Sections(ListedHost)]
    launcher: Annotated[str, Text("address")] = ""
    first_port: Annotated[int, Number(FIRST_PORT_OF_HOST, whole=True)] = 0
    door: Annotated[int, Number(Range(1, 65_535), whole=True)] = 5550
    secret: Annotated[str, Text("file name")] = ""

    def named(self, name: str) -> ListedHost:
        """The host of that name."""
        return next(host for host in self.hosts if host.name == name)


def read_hosts(path: Path) -> HostsFile:
    """The file at ``path``; raises `ScenarioError` for any mistake, where it stands."""
    return parse_hosts(read_text(path), str(path))


def parse_hosts(text: str, file: str) -> HostsFile:
    """As `read_hosts`, from ``text``; relative names of files are relative to the folder of ``file``."""
    sources = Sources()
    root = sources.compose(file, text)
    if root is None:
        raise ScenarioError("the file is empty", file, 1, 1, remedy="see docs/how-to/run-on-several-hosts.md")
    builder = Builder(sources, HostsFile, "the file of hosts")
    listed: HostsFile = builder.section(Unsharing(sources).copy(root), HostsFile)
    for mistake in _mistakes(listed):
        raise builder.at(mistake.place, mistake.message, mistake.remedy)
    folder = Path(file).parent
    hosts = tuple(_anchored(host, folder) for host in listed.hosts)
    secret = str(folder / listed.secret) if listed.secret else ""
    return msgspec.structs.replace(listed, hosts=hosts, secret=secret)


def _anchored(host: ListedHost, folder: Path) -> ListedHost:
    if not host.reach.config:
        return host
    return msgspec.structs.replace(
        host, reach=msgspec.structs.replace(host.reach, config=str(folder / host.reach.config))
    )


def _mistakes(listed: HostsFile) -> Iterator[Mistake]:
    """What is wrong between fields."""
    if not listed.hosts:
        yield Mistake(("hosts",), "no host is listed", "list at least one: - {name: here, address: 10.0.0.1, cores: 4}")
    names: dict[str, int] = {}
    held: dict[str, str] = {}
    for index, host in enumerate(listed.hosts):
        place = ("hosts", index)
        if _NAME.fullmatch(host.name) is None:
            remedy = "write lower-case letters, digits, dots and hyphens only"
            yield Mistake((*place, "name"), f'"{host.name}" is not a name of a host', remedy)
        if host.name in names:
            yield Mistake((*place, "name"), f'"{host.name}" is listed twice', "give each host a name of its own")
        names[host.name] = index
        yield from _of_reach(host, place)
        for number, what in enumerate(host.holds):
            if what in held:
                remedy = f"it is to live on {held[what]} already"
                yield Mistake((*place, "holds", number), f'"{what}" is placed twice', remedy)
            held[what] = host.name
    if any(host.reach.calls for host in listed.hosts) and not listed.secret:
        remedy = "add secret: FILE, which `compose --swarm` and `compose --kubernetes` write"
        yield Mistake((), "agents that call need a secret", remedy)


def _of_reach(host: ListedHost, place: tuple[str | int, ...]) -> Iterator[Mistake]:
    """What is wrong in how ``host`` is reached."""
    reach = host.reach
    ways = [way for way in WAYS if getattr(reach, way)]
    if len(ways) > 1:
        yield Mistake((*place, "reach", ways[1]), f"{host.name} is to be reached in two ways", "keep one of them")
    if reach.ssh.startswith("-"):
        yield Mistake((*place, "reach", "ssh"), f'"{reach.ssh}" is no destination', "write ssh: user@host")
    if reach.config and not reach.ssh:
        yield Mistake((*place, "reach", "config"), '"config" is for ssh', "leave it out")
    if reach.image and not reach.docker:
        yield Mistake((*place, "reach", "image"), '"image" is for docker', "leave it out")
    if not host.address and not reach.calls:
        yield Mistake(place, f"{host.name} has no address", "add address: the one at which the others reach it")
