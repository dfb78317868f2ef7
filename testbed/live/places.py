"""Where the processes of a run are reached, and the secret by which they know each other."""

import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from testbed.node.credentials import TOKEN_BYTES
from testbed.node.process import PLACES
from testbed.protocol.place import Place


def new_token() -> bytes:
    """A token that nobody can guess; it is in no file, and a run has it as long as it lasts."""
    return secrets.token_bytes(TOKEN_BYTES)


def places_of(names: Mapping[str, Sequence[str]], prefix: str = "") -> dict[str, Place]:
    """The place of every process, for all ``names`` that mean it: a socket below the run's directory, or ``prefix``."""
    found: dict[str, Place] = {}
    for process, meaning in names.items():
        endpoint = f"ipc://{prefix}sock/{process}"
        found |= dict.fromkeys(meaning, Place(endpoint, endpoint))
    return found


def write_places(run_dir: Path, places: Mapping[str, Place]) -> None:
    """Leave ``places`` where processes read them, for this user only."""
    descriptor = os.open(run_dir / PLACES, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(msgspec.msgpack.encode(places))
