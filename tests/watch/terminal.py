"""A real terminal for tests: tmux on a socket of its own."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Self

import pytest

from tests.command import PATIENCE_S, environment

WAIT_S = 60.0
PROMPT = "the command has ended"
needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


class Terminal:
    """``command`` on a terminal of ``size`` columns × rows, in ``cwd``; afterwards its exit code and terminal modes."""

    def __init__(self, command: list[str], cwd: Path, size: tuple[int, int] = (120, 40), **variables: str) -> None:
        self._socket = f"testbed-{uuid.uuid4().hex[:8]}"
        arguments = environment() | {"TERM": "xterm-256color", **variables}
        setting = [f"{name}={value}" for name, value in arguments.items() if name in ("PYTHONPATH", *variables)]
        line = shlex.join(["env", *setting, *command])
        script = f"stty -g > before; {line}; echo {PROMPT} $?; stty -g > after; sleep {PATIENCE_S}"
        columns, rows = (str(length) for length in size)
        self._tmux("-f", os.devnull, "new-session", "-d", "-x", columns, "-y", rows, "-c", str(cwd), script)
        self._cwd = cwd

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._tmux("kill-server")

    def _tmux(self, *args: str) -> str:
        return subprocess.run(
            ["tmux", "-L", self._socket, *args], check=True, capture_output=True, text=True, timeout=PATIENCE_S
        ).stdout

    @property
    def text(self) -> str:
        """What is on the screen."""
        return self._tmux("capture-pane", "-p")

    def press(self, *keys: str) -> None:
        """Type ``keys``, by tmux's names for them."""
        self._tmux("send-keys", *keys)

    def resize(self, columns: int, rows: int) -> None:
        """Make the terminal another size."""
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def wait_for(self, *words: str) -> str:
        """The screen once all ``words`` are on it."""
        limit = time.monotonic() + WAIT_S
        while not all(word in (text := self.text) for word in words):
            assert time.monotonic() < limit, f"{words} never came:\n{text}"
            time.sleep(0.1)
        return text

    def wait_until_gone(self, word: str) -> None:
        """Wait until ``word`` is not on the screen."""
        limit = time.monotonic() + WAIT_S
        while word in self.text:
            assert time.monotonic() < limit, f"{word} stays"
            time.sleep(0.1)

    def ended(self) -> int:
        """The command's exit code, once it has ended; its terminal must be as it was: modes, screen and cursor."""
        text = self.wait_for(PROMPT)
        limit = time.monotonic() + WAIT_S
        while not (self._cwd / "after").exists() or not (self._cwd / "after").read_text():
            assert time.monotonic() < limit
            time.sleep(0.05)
        assert (self._cwd / "after").read_text() == (self._cwd / "before").read_text()
        flags = "#{alternate_on} #{cursor_flag} #{mouse_any_flag}"
        assert self._tmux("display-message", "-p", flags).split() == ["0", "1", "0"], text
        return int(re.findall(rf"^{PROMPT} (\d+)", text, re.MULTILINE)[-1])


def command_line(*args: str) -> list[str]:
    """The command line of ``testbed ARGS``."""
    return [sys.executable, "-m", "testbed", *args]
