"""Progress of a search: a bar on a terminal, otherwise a line every two seconds."""

from typing import TYPE_CHECKING, TextIO

from testbed.cli.pulse import Pulse

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


class SearchBar:
    """Shows shares and texts on ``stream``, on a terminal as a bar of rich; use it as a context."""

    def __init__(self, stream: TextIO, *, plain: bool) -> None:
        self._bar: Bar | None = None
        self._pulse = Pulse(stream)
        if stream.isatty() and not plain:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

            columns = (BarColumn(12), TaskProgressColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
            self._bar = Progress(*columns, console=Console(file=stream), transient=True)
            self._task = self._bar.add_task("playing the policies", total=1.0)

    def __enter__(self) -> "SearchBar":
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()
        self._pulse.done()

    def __call__(self, share: float, text: str) -> None:
        """Show that ``share`` (0 to 1) is done, and ``text``."""
        if self._bar is not None:
            self._bar.update(self._task, completed=share, description=text)
        else:
            self._pulse(f"{100.0 * share:.0f} %: {text}")
