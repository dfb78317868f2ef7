"""Text files that a user gives: read whole, as UTF-8, also those that can be read only once."""

from pathlib import Path

from testbed.model.errors import ScenarioError, undecodable

_read_once: dict[tuple[str, int, int], str] = {}


def read_text(path: str | Path) -> str:
    """The text of a file. Raises `ScenarioError` when it cannot be read or is no text.

    What can be read only once, like a pipe, is read once: whoever asks for it again gets the same text.
    """
    file = Path(path)
    try:
        if file.is_file():
            return file.read_bytes().decode("utf-8-sig")
        status = file.stat()
        known = str(file), status.st_dev, status.st_ino
        if known not in _read_once:
            _read_once[known] = file.read_bytes().decode("utf-8-sig")
        return _read_once[known]
    except OSError as error:
        raise ScenarioError(f"cannot be read: {error.strerror}", str(path), remedy="give a readable file") from None
    except UnicodeDecodeError as error:
        raise undecodable(str(path), error) from None


def is_stream(path: str | Path) -> bool:
    """Whether ``path`` is there, and neither a regular file nor a directory: a pipe, a terminal, ``/dev/stdin``."""
    file = Path(path)
    return file.exists() and not file.is_file() and not file.is_dir()
