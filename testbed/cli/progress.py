"""Progress of whatever takes long: a live bar with the time left on a terminal, otherwise a line every two seconds."""

import math
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Self, TextIO

from testbed.cli.colour import is_screen
from testbed.cli.layout import width

if TYPE_CHECKING:
    from rich.progress import Progress

LINE_EVERY_S, REFRESH_EVERY_S = 2.0, 0.2
BAR_COLUMNS, USUAL_COLUMNS = 12, 80


class ProgressDisplay:
    """Shows texts on ``stream``, not more often than a reader can follow; use it as a context.

    A terminal gets one line, a bar with ``title`` to begin with, which is gone at the end; a pipe, a terminal that
    cannot rewrite lines, and whoever wants it ``plain`` get a line every two seconds. ``clock`` counts seconds.
    """

    def __init__(
        self, stream: TextIO, *, plain: bool, title: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream, self._clock = stream, clock
        self._bar = _bar(stream, title, clock) if is_screen(stream) and not plain else None
        self._every_s = LINE_EVERY_S if self._bar is None else REFRESH_EVERY_S
        self._next_s = clock() + self._every_s

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, text: str, share: float | None = None, *, left_s: float | None = None, brief: str = "") -> None:
        """Show ``text``, if it is time to; beside a bar ``brief``, if that is given.

        ``share`` (0 to 1) of the work is done, None where that is unknown: the bar then stays as it was. ``left_s``
        seconds are left, None where that is to be estimated from shares.
        """
        now_s = self._clock()
        if now_s < self._next_s:
            return
        self._next_s = now_s + self._every_s
        if self._bar is None:
            self._stream.write(f"{text}\n")
            self._stream.flush()
        else:
            self._rewrite(self._bar, brief or text, share, left_s)

    def _rewrite(self, bar: "Progress", text: str, share: float | None, left_s: float | None) -> None:
        [task] = bar.tasks
        if share is not None:
            bar.update(task.id, total=1.0, completed=share)
            left_s = task.time_remaining if left_s is None else left_s
        bar.console.width = _columns(self._stream)
        bar.update(task.id, description=beside_a_bar(text, share, left_s), visible=True, refresh=True)


def beside_a_bar(text: str, share: float | None = None, left_s: float | None = None) -> str:
    """``text`` after the ``share`` that is done and the seconds that are left, as far as they are known (pure)."""
    parts = [] if share is None else [f"{100.0 * share:3.0f} %"]
    parts += [] if left_s is None or not math.isfinite(left_s) else [f"{left_s:.0f} s left"]
    return "  ".join([*parts, text])


def _columns(stream: TextIO) -> int:
    """Columns that a line may have: one less than the terminal's, because a full line goes on to the next."""
    return max(1, (width(stream) or USUAL_COLUMNS) - 1)


def _bar(stream: TextIO, title: str, clock: Callable[[], float]) -> "Progress":
    """A bar of rich, loaded where one is needed; it has no thread and is drawn when it is told something."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    bar = Progress(
        BarColumn(BAR_COLUMNS),
        TextColumn("{task.description}", markup=False),
        console=Console(file=stream, force_terminal=True, width=_columns(stream)),
        auto_refresh=False,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
        redirect_stderr=sys.stderr.isatty(),
        get_time=clock,
    )
    bar.add_task(title, total=None, visible=bool(title))
    return bar
