"""Files that are whole or not there at all."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from testbed.model.errors import StartError

_REMEDY = "check its rights and the free space, or choose another place with --out DIR"


@contextlib.contextmanager
def replacing(path: Path, *, through_links: bool = True) -> Iterator[Path]:
    """A name beside ``path`` to write to; it becomes ``path``, on disk, when the block ends well, and is removed
    otherwise.

    A link that the user names stays one, and what it leads to is replaced; what is no regular file, like a pipe or a
    terminal, is written to as it stands. Without ``through_links`` whatever is at ``path`` is itself replaced: that is
    for places that somebody else may have prepared. Raises `OSError`.
    """
    if through_links and path.exists() and not path.is_file():
        yield path
        return
    target = path.resolve() if through_links else path
    beside = _fresh(target)
    try:
        yield beside
        _sync(beside)
        os.replace(beside, target)
    finally:
        beside.unlink(missing_ok=True)


def _fresh(target: Path) -> Path:
    """An empty file beside ``target`` that nobody had before, of a name that nobody could foresee."""
    while True:
        beside = target.with_name(f".{target.name[:200]}.{secrets.token_hex(4)}")
        with contextlib.suppress(FileExistsError):
            os.close(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
            return beside


def _sync(path: Path) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def keep(path: Path, data: bytes) -> None:
    """Make ``data`` what ``path`` holds, in a folder that may be new; `StartError`, and what was there before, if that
    cannot be done.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as beside:
            beside.write_bytes(data)
    except OSError as error:
        raise unwritable(path, error) from None


def unwritable(path: Path, error: OSError) -> StartError:
    """The error of a file or directory that cannot be written."""
    return StartError(f"{path} cannot be written: {error.strerror or error}", _REMEDY)
