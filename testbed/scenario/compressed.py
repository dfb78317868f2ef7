"""Files that may be compressed by gzip or zstd, found by their first bytes: read as if they were not."""

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, cast

from testbed.model.errors import ScenarioError
from testbed.model.packages import naming_extras

if TYPE_CHECKING:
    from zstandard import ZstdDecompressionObj

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
READ_AT_ONCE = 1 << 18


def decompressed(file: BinaryIO) -> BinaryIO:
    """The content of ``file``, which is at its beginning, whatever it is packed in.

    Reading raises what `naming_damage` names. What cannot be looked into first, like a pipe, is taken as it is.
    """
    magic = cast(io.BufferedReader, file).peek(4)[:4]
    if magic[:2] == GZIP:
        return cast(BinaryIO, gzip.GzipFile(fileobj=file))
    return cast(BinaryIO, io.BufferedReader(_Zstd(file), READ_AT_ONCE)) if magic == ZSTD else file


@contextmanager
def naming_damage(name: str, line: Callable[[], int] = lambda: 1) -> Iterator[None]:
    """Damage found while the file ``name`` is decompressed becomes a `ScenarioError` at ``line()``."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        why = f"the compressed file ends early or is damaged ({error})"
        raise ScenarioError(why, name, line(), 1, remedy="copy or download it again") from None


class _Zstd(io.RawIOBase):
    """The content of a file of zstd frames, one after another."""

    def __init__(self, file: BinaryIO) -> None:
        with naming_extras("decompress the file first: zstd -d FILE"):
            import zstandard
        self._file, self._new, self._error = file, zstandard.ZstdDecompressor().decompressobj, zstandard.ZstdError
        self._frame: ZstdDecompressionObj | None = None
        self._rest = b""

    def readable(self) -> bool:
        """It can be read, and nothing else."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # the stub's own name of a buffer
        """See `io.RawIOBase`."""
        while not self._rest:
            packed = (self._frame.unused_data if self._frame is not None and self._frame.eof else b"") or (
                self._file.read(READ_AT_ONCE)
            )
            if not packed:
                if self._frame is not None and not self._frame.eof:
                    raise EOFError("it is not whole")
                return 0
            if self._frame is None or self._frame.eof:
                self._frame = self._new()
            try:
                self._rest = self._frame.decompress(packed)
            except self._error as error:
                raise EOFError(str(error)) from None
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size
