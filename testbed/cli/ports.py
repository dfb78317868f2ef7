"""Ports that a command is to listen on, checked before any work is done."""

import socket

from testbed.model.errors import StartError, UsageError

LOOPBACK = "127.0.0.1"
HIGHEST = 65535


def parse(text: str, option: str) -> tuple[str, int]:
    """``PORT`` or ``ADDRESS:PORT`` as an address, loopback unless it is given, and a port. Raises `UsageError`."""
    address, _, port = text.rpartition(":")
    if not port.isascii() or not port.isdigit() or not 0 < int(port) <= HIGHEST:
        raise UsageError(f"{option} {text}", f"give a port from 1 to {HIGHEST}, or ADDRESS:PORT")
    return address.strip("[]") or LOOPBACK, int(port)


def must_be_free(address: str, port: int, option: str) -> None:
    """Raise `StartError` if nobody could listen on ``port`` of ``address``, `UsageError` if there is no such port."""
    if not 0 < port <= HIGHEST:
        raise UsageError(f"{option} {port}", f"give a port from 1 to {HIGHEST}")
    try:
        family = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except OSError as error:
        raise StartError(
            f"{option}: port {port} of {address}: {error.strerror or error}", "choose another one"
        ) from None
