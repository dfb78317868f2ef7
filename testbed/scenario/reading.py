"""Text files that a user gives: read whole, as UTF-8, also those that can be read only once."""

from pathlib import Path

from testbed.model.errors import ScenarioError, undecodable
from testbed.scenario.compressed import decompressed, naming_damage

_read_once: dict[tuple[str, int, int], str] = {}


def read_text(path: str | Path) -> str:
    """The text of a file, which may be compressed. Raises `ScenarioError` when it cannot be read or is no text.

    What can be read only once, like a pipe, is read once: whoever asks for it again gets the same text.
    """
    file = Path(path)
    try:
        if file.is_file():
            return _content(file).decode("utf-8-sig")
        status = file.stat()
        known = str(file), status.st_dev, status.st_ino
        if known not in _read_once:
            _read_once[known] = _content(file).decode("utf-8-sig")
        return _read_once[known]
    except OSError as error:
        raise ScenarioError(f"cannot be read: {error.strerror}", str(path), remedy="give a readable file") from None
    except UnicodeDecodeError as error:
        raise undecodable(str(path), error) from None


def kept_text(path: str | Path) -> str | None:
    """What `read_text` has read from a file that can be read only once; None if it has not, or need not keep it."""
    file = Path(path)
    if not _read_once or file.is_file() or not file.exists():
        return None
    status = file.stat()
    return _read_once.get((str(file), status.st_dev, status.st_ino))


def _content(path: Path) -> bytes:
    with path.open("rb") as file, naming_damage(str(path)):
        return decompressed(file).read()


def is_stream(path: str | Path) -> bool:
    """Whether ``path`` is there, and neither a regular file nor a directory: a pipe, a terminal, ``/dev/stdin``."""
    file = Path(path)
    return file.exists() and not file.is_file() and not file.is_dir()
