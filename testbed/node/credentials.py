"""What a process proves to belong to its run with: the run's token, and on TCP a secret key of its own.

A token comes on standard input, from whoever starts the process: others can read arguments, environment and logs.
Keys lie in files of the run's private folder, one a process, so that each can be handed to the process that needs it.
"""

import os
from pathlib import Path

import msgspec

from testbed.model.errors import StartError

TOKEN_BYTES = 32
KEY_FOLDER, PLACES = Path("node/keys"), Path("node/places.msgpack")


class Credentials(msgspec.Struct, frozen=True):
    """The run's token, and the process's secret CURVE key in Z85, "" if it needs none; never shown."""

    token: bytes
    secret_key: str = ""

    def __repr__(self) -> str:
        return "Credentials(…)"


def read_token(descriptor: int = 0) -> bytes:
    """The token on standard input; raises `StartError` if there is none."""
    token = b""
    while piece := os.read(descriptor, TOKEN_BYTES + 1 - len(token)):
        token += piece
    if len(token) != TOKEN_BYTES:
        raise StartError("no token on standard input", "runs are started by `testbed run`")
    return token


def read_key(name: str, keys: Path = KEY_FOLDER) -> str:
    """The secret key of the process ``name``; raises `StartError` if it cannot be read."""
    try:
        return (keys / name).read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise StartError(f"no key for {name} in {keys}: {error}", "runs are started by `testbed run`") from None


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only this user can read, whatever was there before; nobody's link is followed."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)
        file.write(data)


def private_folder(folder: Path) -> None:
    """A folder that only this user may enter, whatever its mode was before; a link in its place is removed."""
    if folder.is_symlink():
        folder.unlink()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
