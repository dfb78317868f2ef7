"""Lines of recorded files, one at a time, also of compressed ones: a file may be larger than memory."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from testbed.model.errors import ScenarioError
from testbed.scenario.compressed import READ_AT_ONCE, decompressed, naming_damage
from testbed.scenario.reading import kept_text

LONGEST_LINE = 1 << 20
Share = Callable[[float], None]


def unwatched(share: float) -> None:
    """Take how far a reader is, of which nothing is shown."""


class Line:
    """A line of a file and its cells, each with its column (from 1)."""

    __slots__ = ("cells", "file", "number", "text")

    def __init__(self, file: str, number: int, text: str, cells: Sequence[tuple[int, str]] = ()) -> None:
        self.file, self.number, self.text, self.cells = file, number, text, cells

    def __len__(self) -> int:
        return len(self.cells)

    def __getitem__(self, at: int) -> str:
        return self.cells[at][1]

    def error(self, at: int, message: str, remedy: str = "") -> ScenarioError:
        """An error that underlines cell ``at``, or the line if it has no such cell."""
        column, text = self.cells[at] if at < len(self.cells) else (1, self.text)
        return ScenarioError(message, self.file, self.number, column, self.text, max(1, len(text)), remedy)

    def real(self, at: int, name: str) -> float:
        """Cell ``at``, called ``name``, as a finite number."""
        try:
            value = float(self.cells[at][1])
        except ValueError:
            raise self.error(at, f'{name} "{self[at]}" is not a number', "write a number") from None
        if not abs(value) < float("inf"):
            raise self.error(at, f'{name} "{self[at]}" is not a number', "write a finite number")
        return value


def lines(path: str | Path, share: Share = unwatched) -> Iterator[Line]:
    """The lines of a text file, plain or compressed by gzip or zstd, without their ends, empty ones too.

    ``share`` hears which part of the file has been read. Raises `ScenarioError` for what cannot be read, is no text, or
    ends in the middle of what was compressed.
    """
    name = str(path)
    for first, block in blocks(path, share):
        yield from block_lines(name, first, block)


def block_lines(name: str, first: int, block: bytes) -> Iterator[Line]:
    """The lines of a block of `blocks` of the file ``name``, numbered from ``first`` on."""
    for number, raw in enumerate(split(block), start=first) if block else ():
        yield Line(name, number, text_of(raw, name, number))


def split(block: bytes) -> list[bytes]:
    """The lines of a block of `blocks`, without their ends."""
    return block.removesuffix(b"\n").split(b"\n")


def text_of(raw: bytes, name: str, number: int) -> str:
    """A line as text. Raises `ScenarioError`."""
    try:
        return raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError:
        raise ScenarioError("this is no text in UTF-8", name, number, 1, remedy="give a text file") from None


def blocks(path: str | Path, share: Share = unwatched) -> Iterator[tuple[int, bytes]]:
    """As `lines`, many at once and undecoded, each time with the number of the first of them.

    A line ends with a line feed, a carriage return or both, in one file even; here each has its line feed, but the last
    one of the file, which may have none.
    """
    name, number, rest = str(path), 1, b""
    try:
        if (kept := kept_text(path)) is not None:
            if kept:
                yield 1, _with_line_feeds(kept.encode())
            return
        with Path(path).open("rb") as packed, naming_damage(name, lambda: number):
            size, file = _size(packed), decompressed(packed)
            while chunk := file.read(READ_AT_ONCE):
                data = rest + chunk
                cut = max(data.rfind(b"\n"), data.rfind(b"\r", 0, -1)) + 1
                whole, rest = _with_line_feeds(data[:cut]), data[cut:]
                found = whole.count(b"\n")
                if len(rest) > LONGEST_LINE:
                    raise _endless(name, number + found)
                if whole:
                    yield number, whole
                number += found
                if size:
                    share(min(1.0, packed.tell() / size))
            if rest:
                yield number, _with_line_feeds(rest)
    except OSError as error:
        raise ScenarioError(f"cannot be read: {error.strerror or error}", name, remedy="give a readable file") from None


def _with_line_feeds(data: bytes) -> bytes:
    """``data`` with each end of a line as a line feed."""
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data


def _size(file: BinaryIO) -> int:
    """The bytes of a regular file, 0 for what has no size, like a pipe."""
    status = os.fstat(file.fileno())
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def _endless(name: str, number: int) -> ScenarioError:
    return ScenarioError("the line is too long to be one", name, number, 1, remedy="give a text file")
