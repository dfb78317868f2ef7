"""Captures of the live screen on a real terminal: ``python -m tools.captures`` writes ``docs/images/tmux-*.svg``.

tmux gives each terminal its size; what it shows, colours included, is drawn as it was. `tools/screens.py` draws the
same runs without a terminal.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tools.screens import FOLDER, FONT_FROM_ELSEWHERE, SIZES, THEMES, recorded

PATIENCE_S, LOOK_S = 60.0, 0.2
HELD, FAR = "paused", ("S-Right",) * 3
KEYS: dict[str, Sequence[str]] = {"dark": (), "light": ("t",)}


class Tmux:
    """``testbed watch RUN`` on a terminal of ``size`` columns × rows, on a server of its own."""

    def __init__(self, run: Path, size: tuple[int, int]) -> None:
        self._socket = f"captures-{uuid.uuid4().hex[:8]}"
        line = shlex.join(["env", "TERM=xterm-256color", sys.executable, "-m", "testbed", "watch", str(run)])
        self.do("-f", os.devnull, "new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), line)

    def do(self, *words: str) -> str:
        """A command of tmux; what it prints."""
        done = subprocess.run(["tmux", "-L", self._socket, *words], check=True, capture_output=True, text=True)
        return done.stdout

    def wait_for(self, word: str) -> None:
        """Wait until the screen has ``word``; raises `TimeoutError` if it never comes."""
        limit = time.monotonic() + PATIENCE_S
        while word not in (text := self.do("capture-pane", "-p")):
            if time.monotonic() > limit:
                raise TimeoutError(f"{word} never came:\n{text}")
            time.sleep(LOOK_S)

    def settled(self) -> str:
        """The screen with its colours, once it stays as it is."""
        before, now = "", self.do("capture-pane", "-e", "-N", "-p")
        while before != now:
            time.sleep(5 * LOOK_S)
            before, now = now, self.do("capture-pane", "-e", "-N", "-p")
        return now


def captured(run: Path, size: tuple[int, int], keys: Sequence[str]) -> str:
    """The screen of a recorded run, held some thirty slots after its beginning, as SVG."""
    terminal = Tmux(run, size)
    try:
        terminal.wait_for("slot")
        terminal.do("send-keys", "Space")
        terminal.wait_for(HELD)
        for key in (*FAR, *keys):
            terminal.do("send-keys", key)
        shown = terminal.settled()
    finally:
        terminal.do("kill-server")
    console = Console(record=True, width=size[0], height=size[1], file=StringIO(), force_terminal=True)
    console.print(Text.from_ansi(shown, no_wrap=True), end="")
    return FONT_FROM_ELSEWHERE.sub("", console.export_svg(title=f"testbed watch in tmux, {size[0]}x{size[1]}"))


def main() -> None:
    """Capture every size, number of UEs and theme."""
    argparse.ArgumentParser(description="Captures of the live screen on a real terminal.").parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for ues in (15, 300):
            run = recorded(ues, Path(folder))
            for size in SIZES:
                for theme in THEMES:
                    file = FOLDER / f"tmux-{size[0]}x{size[1]}-{ues}-{theme}.svg"
                    file.write_text(captured(run.path, size, KEYS[theme]), encoding="utf-8")
                    print(file.relative_to(FOLDER.parent.parent))


if __name__ == "__main__":
    main()
