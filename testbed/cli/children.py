"""What a command starts beside a run, as processes of their own: the live screen and the metrics server.

Whatever becomes of them, the command goes on and the terminal is restored.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import termios
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from testbed.cli.colour import is_screen

SCREEN, METRICS_MODULE = "testbed.watch", "testbed.watch.metrics"
# Leave the alternate screen, show the cursor, stop reports of mouse, focus and pasting, and the keyboard protocol.
RESTORE = "\x1b[?1049l\x1b[?25h\x1b[?1000;1002;1003;1004;1006;1015;2004l\x1b[<u\x1b[0m"
READY_S, CLOSE_S = 10.0, 3.0


def screen_possible() -> bool:
    """Whether a screen can be shown: both ends are a terminal that can do more than append letters."""
    return is_screen(sys.stdout) and sys.stdin.isatty()


class Beside:
    """A process that looks at a run: ``python -m module ARGUMENTS``; use it as a context, in which it is ready."""

    def __init__(self, module: str, arguments: Sequence[str]) -> None:
        ready, write_end = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, *arguments, *owned(), "--ready", str(write_end)],
                pass_fds=[write_end],
                env=_environment(),
            )
        finally:
            os.close(write_end)
        select.select([ready], [], [], READY_S)
        os.close(ready)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def open(self) -> bool:
        """Whether it is still there."""
        return self._process.poll() is None

    def wait(self, seconds: float | None = None) -> int | None:
        """Wait until it has closed by itself; its exit code, None if it is there after ``seconds``."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.poll()

    def close(self) -> None:
        """Let it close itself; after a while without it."""
        if self.open:
            self._process.send_signal(signal.SIGTERM)
            if self.wait(CLOSE_S) is None:
                self._process.kill()
                self._process.wait()


def owned() -> list[str]:
    """The option by which a child knows whose it is."""
    return ["--owner", str(os.getpid())]


def _environment() -> dict[str, str]:
    """This one without sizes that a shell may have exported: the terminal itself knows when it is resized."""
    return {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}


class Screen(Beside):
    """A screen that shows the run in the folder ``path`` on this terminal."""

    def __init__(self, path: Path, options: Sequence[str] = ()) -> None:
        self._before = termios.tcgetattr(sys.stdin)
        self._restored = False
        super().__init__(SCREEN, [str(path), *options])

    @property
    def open(self) -> bool:
        """Whether it is still there; once it is not, the terminal is as it was."""
        there = super().open
        if not there and not self._restored:
            self._restored = True
            with contextlib.suppress(OSError, termios.error):
                termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)
                if self._process.returncode != 0:  # killed or crashed: it could not do so itself
                    os.write(sys.stdout.fileno(), RESTORE.encode())
        return there

    def wait(self, seconds: float | None = None) -> int | None:
        """See `Beside.wait`; the terminal is restored."""
        code = super().wait(seconds)
        return code if not self.open else None

    def close(self) -> None:
        """See `Beside.close`; the terminal is restored."""
        super().close()
        assert not self.open
