"""``--stream``: a run as JSON lines on standard output, which never wait for their reader while a live run goes on."""

import contextlib
import os
import queue
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self, TextIO

from testbed.analysis.document import to_json_line
from testbed.analysis.stream import Document, InOrder, RunStream
from testbed.analysis.summary import Summary
from testbed.cli.encoding import ascii_json
from testbed.live.progress import Progress
from testbed.model.printable import printable
from testbed.model.system import Plan
from testbed.protocol.rows import Row
from testbed.record.backends import VIRTUAL

MOST_WAITING, PROGRESS_EVERY_S = 50_000, 1.0


class LineWriter:
    """Writes lines from a thread of its own; a reader that goes away is no error, and ends nothing but the lines.

    At most ``limit`` lines wait for a slow reader. With ``lossy`` further ones are ``dropped`` and counted; without,
    whoever writes waits.
    """

    def __init__(self, stream: TextIO, *, lossy: bool, limit: int = MOST_WAITING) -> None:
        self.dropped = 0
        self._stream, self._lossy = stream, lossy
        self._lines: queue.Queue[str | None] = queue.Queue(limit)
        self._error: OSError | None = None
        stream.flush()
        self._thread = threading.Thread(target=self._write, name="stream", daemon=True)
        self._thread.start()

    def put(self, document: Document, *, surely: bool = False) -> None:
        """Write ``document``, or count it as dropped; ``surely`` it is not."""
        line = ascii_json(to_json_line(document), self._stream)
        try:
            self._lines.put(line, block=surely or not self._lossy)
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Wait until all is written. Raises `OSError` if that failed, unless the reader only went away."""
        self._lines.put(None)
        self._thread.join()
        if self._error is not None and not isinstance(self._error, BrokenPipeError):
            raise self._error

    def _write(self) -> None:
        write = self._to_descriptor if _has_descriptor(self._stream) else self._to_stream
        while (line := self._lines.get()) is not None:
            if self._error is None:
                try:
                    write(f"{line}\n")
                except OSError as error:
                    self._error = error

    def _to_descriptor(self, line: str) -> None:
        """Past the stream: what the process prints at its very end must not wait for this thread."""
        rest = line.encode("utf-8", "backslashreplace")
        while rest:
            rest = rest[os.write(self._stream.fileno(), rest) :]

    def _to_stream(self, line: str) -> None:
        self._stream.write(line)
        self._stream.flush()


def _has_descriptor(stream: TextIO) -> bool:
    """Whether ``stream`` is a file of the system; one that a program put in its place may be none."""
    try:
        return stream.fileno() >= 0
    except OSError:
        return False


class RunLines:
    """What is told of one run: it hears its rows and moments, and writes lines. Use it as a context, which waits in the
    end until all is written; it raises `OSError` if that failed."""

    def __init__(self, stream: TextIO, policy: str, backend: str) -> None:
        self._policy, self._backend = policy, backend
        self._writer = LineWriter(stream, lossy=backend not in VIRTUAL)
        self._run: RunStream | None = None
        self._order: InOrder | None = None
        self._next_s = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        with contextlib.suppress(*(() if kind is None else (OSError,))):
            self._writer.close()

    def started(self, path: Path, plan: Plan) -> None:
        """The run has its directory."""
        self._run = RunStream(plan)
        self._order = InOrder(self._run) if self._backend in VIRTUAL else None
        self._put([self._run.started(printable(str(path)), printable(self._policy), self._backend)])

    def heard(self, rows: Sequence[Row]) -> None:
        """Rows have been made."""
        if self._run is not None:
            self._put((self._order or self._run).take(rows))

    def watch(self, progress: Progress) -> None:
        """A moment of a live run has come; of a virtual one every slot boundary is told already."""
        now_s = time.monotonic()
        if self._run is not None and self._order is None and now_s >= self._next_s:
            self._next_s = now_s + PROGRESS_EVERY_S
            self._put([self._run.progress(progress.now_ns, progress.phase, progress.silent)])

    def ended(self, summary: Summary, code: int) -> None:
        """The run is over."""
        if self._order is not None:
            self._put(self._order.rest())
        last = {"kind": "ended", "exit_code": code, "dropped": self._writer.dropped, "summary": summary}
        self._writer.put(last, surely=True)

    def _put(self, documents: Iterable[Document]) -> None:
        for document in documents:
            self._writer.put(document)
