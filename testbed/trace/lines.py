"""Lines of recorded files, one at a time, also of compressed ones: a file may be larger than memory."""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, cast

from testbed.model.errors import ScenarioError
from testbed.model.packages import naming_extras

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
LONGEST_LINE = 1 << 20


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


def lines(path: str | Path) -> Iterator[Line]:
    """The lines of a text file, plain or compressed by gzip or zstd, without their ends, empty ones too.

    Raises `ScenarioError` for what cannot be read, is no text, or ends in the middle of what was compressed.
    """
    name, number = str(path), 0
    try:
        with Path(path).open("rb") as file:
            for number, raw in enumerate(_decompressed(file), start=1):
                if len(raw) > LONGEST_LINE:
                    raise ScenarioError("the line is too long to be one", name, number, 1, remedy="give a text file")
                text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
                yield Line(name, number, text.rstrip("\r\n"))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        why = f"the compressed file ends early or is damaged ({error})"
        raise ScenarioError(why, name, number + 1, 1, remedy="copy or download it again") from None
    except UnicodeDecodeError:
        raise ScenarioError("this is no text in UTF-8", name, number, 1, remedy="give a text file") from None
    except OSError as error:
        raise ScenarioError(f"cannot be read: {error.strerror or error}", name, remedy="give a readable file") from None


def _decompressed(file: BufferedReader) -> Iterator[bytes]:
    magic = file.peek(len(ZSTD))  # a pipe cannot be read from its beginning again
    if magic[:2] == GZIP:
        return iter(cast(BinaryIO, gzip.GzipFile(fileobj=file)))
    return _zstd(file) if magic.startswith(ZSTD) else iter(file)


def _zstd(file: BinaryIO) -> Iterator[bytes]:
    with naming_extras("decompress the file first: zstd -d FILE"):
        import zstandard
    whole = zstandard.ZstdDecompressor().decompressobj()
    rest = b""
    while chunk := file.read(1 << 20):
        try:
            rest += whole.decompress(chunk)
        except zstandard.ZstdError as error:
            raise EOFError(str(error)) from None
        *complete, rest = rest.splitlines(keepends=True) or [b""]
        yield from complete
    if not whole.eof:
        raise EOFError("it is not whole")
    if rest:
        yield rest
