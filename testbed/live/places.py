"""Where the processes of a run are reached, and the secrets by which they know each other."""

import ipaddress
import secrets
import socket
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import msgspec
import zmq

from testbed.live.supervisor import Endpoints
from testbed.model.errors import StartError
from testbed.model.system import LAUNCHER, TCP
from testbed.node.credentials import KEY_FOLDER, PLACES, TOKEN_BYTES, private_folder, write_private
from testbed.protocol.place import Place

LOOPBACK_NETWORK = ipaddress.IPv4Network("127.0.0.0/8")
PORTS = range(20_000, 32_000)  # below those that Linux hands out by itself
PAYLOAD_PORTS, TRIES = 500, 20


def new_token() -> bytes:
    """A token that nobody can guess; it is in no file, and a run has it as long as it lasts."""
    return secrets.token_bytes(TOKEN_BYTES)


class Places:
    """The places of the processes that ``names`` lists with the cores in each, the launcher's too.

    On TCP every process has a key, and the endpoints that ``endpoints`` finds for it, by default on an address of its
    own on this host's loopback; otherwise a socket below the run's directory. ``plain_payload`` has endpoints beside
    them, `PAYLOAD_PORTS` further on. Raises `StartError` where no addresses can be had.
    """

    def __init__(
        self,
        names: Mapping[str, Sequence[str]],
        transport: str,
        endpoints: Endpoints | None = None,
        *,
        plain_payload: bool = False,
    ) -> None:
        self._names, self._tcp = names, transport == TCP
        self._secret: dict[str, str] = {}
        self._reached: dict[str, Place] = {}
        if self._tcp:
            for name, (bind, address) in (endpoints or _loopback)(names).items():
                public, secret = (key.decode() for key in zmq.curve_keypair())
                beside = (_beside(bind), _beside(address)) if plain_payload else ("", "")
                self._secret[name], self._reached[name] = secret, Place(bind, address, public, *beside)

    def key_of(self, process: str) -> str:
        """A process's secret key; "" where there are none."""
        return self._secret.get(process, "")

    def by_name(self, prefix: str = "") -> dict[str, Place]:
        """The place of whoever has a name, for a process to which the run's directory is ``prefix``."""
        places: dict[str, Place] = {}
        for process, cores in self._names.items():
            local = f"ipc://{prefix}sock/{process}"
            places |= dict.fromkeys((process, *cores), self._reached.get(process, Place(local, local)))
        return places

    def write(self, run_dir: Path) -> None:
        """Leave in the run's private folder what each process reads: the places, and its key; for this user only."""
        write_private(run_dir / PLACES, msgspec.msgpack.encode(self.by_name()))
        for name, key in self._secret.items():
            if name != LAUNCHER:
                private_folder(run_dir / KEY_FOLDER)
                write_private(run_dir / KEY_FOLDER / name, key.encode())


def _beside(endpoint: str) -> str:
    """Where the payload of the process at ``endpoint`` travels."""
    host, _, port = endpoint.rpartition(":")
    return f"{host}:{int(port) + PAYLOAD_PORTS}"


def _loopback(names: Collection[str]) -> dict[str, tuple[str, str]]:
    """The endpoints of each name, on addresses of their own that nobody uses with that port."""
    for _ in range(TRIES):
        first = 2 + secrets.randbelow(LOOPBACK_NETWORK.num_addresses - len(names) - 3)
        port = secrets.choice(PORTS)
        addresses = [str(LOOPBACK_NETWORK[first + index]) for index in range(len(names))]
        if all(_is_free(address, each) for address in addresses for each in (port, port + PAYLOAD_PORTS)):
            endpoints = (f"tcp://{address}:{port}" for address in addresses)
            return {name: (endpoint, endpoint) for name, endpoint in zip(names, endpoints, strict=True)}
    raise StartError("no free addresses on this host's loopback", "--set emulation.transport=ipc")


def _is_free(address: str, port: int) -> bool:
    with socket.socket() as tried:
        try:
            tried.bind((address, port))
        except OSError:
            return False
    return True
