"""Progress of whatever takes long: a live bar with the time left on a terminal, otherwise lines."""

import contextlib
import math
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Self, TextIO

import msgspec

from testbed.cli.colour import is_screen
from testbed.cli.layout import width
from testbed.model.human import duration
from testbed.model.printable import printable

if TYPE_CHECKING:
    from rich.progress import Progress

LINE_EVERY_S, REFRESH_EVERY_S, SECOND_S, LONGEST_SILENCE_S = 2.0, 0.2, 1.0, 60.0
BAR_COLUMNS, USUAL_COLUMNS = 12, 80


class ProgressDisplay:
    """Shows texts on ``stream``, not more often than a reader can follow; use it as a context.

    A terminal gets one line, a bar with ``title`` to begin with, which is gone at the end; a pipe, a terminal that
    cannot rewrite lines, and whoever wants it ``plain`` get a line every two seconds. While nothing new is told, the
    last text is shown again with how long it has been true: on a bar as time goes by, as lines less and less often.
    So work that cannot tell how far it is only needs a name before it begins. Whose ``news_s`` are longer than two
    seconds has no line repeated before they are over. ``clock`` counts seconds.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        plain: bool,
        title: str = "",
        news_s: float = LINE_EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream, self._clock = stream, clock
        self._bar = _bar(stream, title, clock) if is_screen(stream) and not plain else None
        self._every_s = LINE_EVERY_S if self._bar is None else REFRESH_EVERY_S
        self._told = Told(text=title, at_s=clock())
        self._first: Told | None = None
        self._shown: Told | None = None
        self._shown_s = self._told.at_s
        self._next_s = self._told.at_s + self._every_s
        self._news_s = news_s if self._bar is None else LINE_EVERY_S
        self._silence_s = LINE_EVERY_S
        self._lock, self._over = threading.Lock(), threading.Event()
        self._ticker = threading.Thread(target=self._keep_ticking, name="progress", daemon=True)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        self._ticker.start()
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self._over.set()
            self._ticker.join()
        finally:
            if self._bar is not None:
                self._bar.stop()

    def __call__(self, text: str, share: float | None = None, *, left_s: float | None = None, brief: str = "") -> None:
        """Show ``text``, if it is time to; beside a bar ``brief``, if that is given.

        ``share`` (0 to 1) of the work is done, None where that is unknown: the bar then stays as it was. ``left_s``
        seconds are left, None where that is to be estimated from shares.
        """
        with self._lock:
            message = Told(text=text, at_s=self._clock(), share=share, left_s=left_s, brief=brief)
            if message.text != self._told.text:
                self._silence_s = self._news_s
            self._told = message
            if share is not None and self._first is None:
                self._first = message
            if message.at_s >= self._next_s:
                self._show(message.at_s)

    def tick(self) -> None:
        """Show the last text, if it is time to and it has not been yet, or again after a while of silence."""
        with self._lock:
            now_s = self._clock()
            if not self._told.text or now_s < self._next_s:
                return
            if self._told is not self._shown:
                self._show(now_s)
            elif now_s - self._shown_s >= self._silence_s:
                self._silence_s = min(LONGEST_SILENCE_S, 2.0 * self._silence_s) if self._bar is None else SECOND_S
                self._show(now_s)

    def _keep_ticking(self) -> None:
        """Tick until all is over, or the stream takes no more, which whoever writes to it next will find out."""
        with contextlib.suppress(OSError):
            while not self._over.wait(self._every_s):
                self.tick()

    def _show(self, now_s: float) -> None:
        self._next_s, self._shown_s = now_s + self._every_s, now_s
        self._shown = message = self._told
        since_s = now_s - message.at_s
        lasting = f", {duration(round(since_s))} so far" if since_s >= LINE_EVERY_S else ""
        left_s = self._left_s(message) if message.left_s is None else message.left_s
        left_s = None if left_s is None or left_s < since_s else left_s - since_s  # what took longer was no estimate
        if self._bar is None:
            self._stream.write(f"{printable(message.text)}{lasting}{', ' if left(left_s) else ''}{left(left_s)}\n")
            self._stream.flush()
        else:
            self._rewrite(self._bar, printable(message.brief or message.text) + lasting, message.share, left_s)

    def _left_s(self, message: "Told") -> float | None:
        """The seconds that are left if work goes on as fast as since the first share was told; None if unknown."""
        if self._first is None or message.share is None or message.share <= (self._first.share or 0.0):
            return None
        pace = (message.share - (self._first.share or 0.0)) / max(1e-9, message.at_s - self._first.at_s)
        return (1.0 - message.share) / pace

    def _rewrite(self, bar: "Progress", text: str, share: float | None, left_s: float | None) -> None:
        [task] = bar.tasks
        if share is not None:
            bar.update(task.id, total=1.0, completed=share)
        bar.console.width = _columns(self._stream)
        bar.update(task.id, description=beside_a_bar(text, share, left_s), visible=True, refresh=True)


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What was told of the work at ``at_s``; see `ProgressDisplay.__call__`."""

    text: str
    at_s: float
    share: float | None = None
    left_s: float | None = None
    brief: str = ""


def beside_a_bar(text: str, share: float | None = None, left_s: float | None = None) -> str:
    """``text`` after the ``share`` that is done and the seconds that are left, as far as they are known (pure)."""
    parts = [] if share is None else [f"{100.0 * share:3.0f} %"]
    return "  ".join([*parts, *([left(left_s)] if left(left_s) else []), text])


def left(left_s: float | None) -> str:
    """How long it will take yet, "" if that is unknown (pure)."""
    return "" if left_s is None or not math.isfinite(left_s) else f"{duration(round(left_s))} left"


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
