"""Files that are whole or not there at all."""

import contextlib
import errno
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from testbed.model.errors import StartError

_REMEDY = "check its rights and the free space, or choose another place"


@contextlib.contextmanager
def replacing(path: Path, *, through_links: bool = True, durable: bool = True) -> Iterator[Path]:
    """A name beside ``path`` to write to; it becomes ``path``, on disk, when the block ends well, and is removed
    otherwise.

    A link that the user names stays one, and what it leads to is replaced; what is no regular file, like a pipe or a
    terminal, is written to as it stands. Without ``through_links`` whatever is at ``path`` is itself replaced: that is
    for places that somebody else may have prepared. What means nothing once the host was switched off need not be
    ``durable``: it is whole as well, but nobody waits for the disk. Raises `OSError`.
    """
    if through_links and path.exists() and not path.is_file():
        yield path
        return
    target = _led_to(path) if through_links else path
    beside = _fresh(target)
    try:
        yield beside
        if durable:
            _sync(beside)
        os.replace(beside, target)
    finally:
        beside.unlink(missing_ok=True)


def _led_to(path: Path) -> Path:
    """What a link leads to, which need not be there; another path stays what it is. Raises `OSError` for a circle."""
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return target


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


def temporary_folder() -> Path:
    """A temporary folder, for its maker to remove. Raises `StartError` where none can be made."""
    try:
        return Path(tempfile.mkdtemp(prefix="testbed-"))
    except OSError as error:
        why = f"no temporary folder can be made: {error.strerror or error}"
        raise StartError(why, "set TMPDIR to a folder that can be written, with free space") from None


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A temporary folder that is removed in the end. Raises `StartError` where none can be made."""
    folder = temporary_folder()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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


def must_be_writable(path: Path, option: str) -> None:
    """Raise `StartError`, before any work is done, if the file ``path`` could not be written in the end.

    ``option`` is what chooses another, like ``--out FILE``.
    """
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if path.is_file():
            os.close(os.open(path, os.O_WRONLY))
        elif not path.exists():
            target = _led_to(path)
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            target.unlink()
    except OSError as error:
        raise unwritable(path, error, option) from None


def unwritable(path: Path, error: OSError, option: str = "--out DIR") -> StartError:
    """The error of a file or directory that cannot be written; ``option`` chooses another place."""
    return StartError(f"{path} cannot be written: {error.strerror or error}", f"{_REMEDY} with {option}")


def make_once(path: Path, data: Callable[[], bytes]) -> None:
    """Make ``data()`` what ``path`` holds, all at once, unless there is such a file: of several who do this at the same
    time one prevails, and the others find its file. Raises `OSError`.
    """
    if path.exists():
        return
    beside = _fresh(path)
    try:
        beside.write_bytes(data())
        _sync(beside)
        with contextlib.suppress(FileExistsError):
            os.link(beside, path)
    finally:
        beside.unlink(missing_ok=True)
