"""The terminal application: it asks a feed for snapshots and lets panels draw them."""

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable
from typing import ClassVar

from rich.console import RenderableType
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical, VerticalScroll
from textual.css.query import NoMatches
from textual.screen import Screen
from textual.widgets import ContentSwitcher, Footer, Input, Static

from testbed.model.errors import TestbedError
from testbed.record.alive import birth
from testbed.record.fault_requests import FaultRequest
from testbed.record.reader import is_here
from testbed.watch import panels, views
from testbed.watch.asked import Asked
from testbed.watch.assessment import Assessment, Assessor
from testbed.watch.dialogs import END, LEAVE, FaultMenu, HelpScreen, QuitScreen
from testbed.watch.feed import Feed, RecordedFeed
from testbed.watch.snapshot import ENDED, Snapshot
from testbed.watch.ue_table import UeTable

FRAMES_A_SECOND = 4
LINGER_S, _LAST_S = 1.5, 3.0
NARROW, TINY, TALL = 100, 12, 30
VIEWS = ("overview", "servers", "ues", "learning", "tasks", "events")
Panel = Callable[[Snapshot, int, int], RenderableType]
BOXES: dict[str, tuple[str, Panel]] = {
    "region_box": ("region", lambda shown, width, height: panels.region(shown, width)),
    "tasks_box": ("tasks", lambda shown, width, height: panels.tasks(shown)),
    "delay_box": ("delay", lambda shown, width, height: panels.delays(shown)),
    "overhead_box": ("overhead and reward by slot", panels.overhead),
    "fidelity_box": ("fidelity so far", lambda shown, width, height: panels.honesty(shown)),
    "time_box": ("where the time of a task goes", lambda shown, width, height: panels.time_parts(shown, width)),
    "lives_box": ("last tasks, the life of each", views.tasks),
    "energy_box": ("energy of UEs", lambda shown, width, height: panels.energy(shown)),
    "events_box": ("events", lambda shown, width, height: panels.events(shown, height)),
}
OFTEN, SELDOM, SETTLING = 2, 4, 3
_COLUMNS = {
    "left": ("region_box", "overhead_box", "time_box", "lives_box"),
    "right": ("tasks_box", "delay_box", "fidelity_box", "energy_box", "events_box"),
}
PAGES: dict[str, Panel] = {
    "servers": lambda shown, width, height: views.servers(shown, width),
    "learning": lambda shown, width, height: views.learning(shown, width),
    "tasks": views.tasks,
    "events": lambda shown, width, height: panels.events(shown, len(shown.events)),
}


class WatchApp(App[None]):
    """Shows one feed. ``own_run``: the run was started with this screen, which closes when the run has ended.

    ``assessor`` finds the baseline and the grade. The descriptor ``ready`` is closed when the first frame is drawn.
    When the process ``owner`` is gone, nobody looks any more.
    """

    CSS_PATH = "app.tcss"
    TITLE = "testbed watch"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(n), f"view('{name}')", name) for n, name in enumerate(VIEWS, start=1)),
        Binding("space", "pause", "hold", show=False),
        Binding("f", "faults", "faults"),
        Binding("slash", "filter", "filter", key_display="/", show=False),
        Binding("t", "theme", "theme", show=False),
        Binding("left", "seek(-1)", "back", show=False),
        Binding("right", "seek(1)", "on", show=False),
        Binding("shift+left", "seek(-10)", "back 10", show=False),
        Binding("shift+right", "seek(10)", "on 10", show=False),
        Binding("plus", "faster(2.0)", "faster", show=False),
        Binding("minus", "faster(0.5)", "slower", show=False),
        Binding("question_mark", "help", "help", key_display="?"),
        Binding("q", "leave", "quit"),
        Binding("ctrl+c", "interrupt", "end the run", show=False, priority=True),
    ]

    def __init__(
        self,
        feed: Feed,
        *,
        own_run: bool = False,
        assessor: Assessor | None = None,
        ready: int | None = None,
        owner: int | None = None,
    ) -> None:
        super().__init__()
        self._feed, self._own_run, self._assessor = feed, own_run, assessor
        self._ready_fd, self._owner = ready, owner
        self._held = False
        self._frame, self._settling, self._shape = 0, SETTLING, (0, 0)
        self._grade: str | None = None
        self._over = not feed.live
        self._requests = Asked()
        self.shown: Snapshot | None = None

    def compose(self) -> ComposeResult:
        """The header line, one view at a time, the footer of keys."""
        yield Static(id="header")
        with ContentSwitcher(initial="overview"):
            with Container(id="overview"):
                yield Static(id="brief")
                for column, names in _COLUMNS.items():
                    with Vertical(id=column):
                        for name in names:
                            box = Static(id=name, classes="box")
                            box.border_title = BOXES[name][0]
                            yield box
            yield VerticalScroll(Static(id="servers_body"), id="servers", classes="page")
            with Container(id="ues"):
                yield Input(placeholder="part of a UE's name or state", id="ue_filter")
                yield UeTable(id="ue_table")
            for name in ("learning", "tasks", "events"):
                yield VerticalScroll(Static(id=f"{name}_body"), id=name, classes="page")
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Begin to show frames; a request to end is a wish to leave."""
        for wish in (signal.SIGTERM, signal.SIGHUP):
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                asyncio.get_running_loop().add_signal_handler(wish, self.exit)
        self.set_interval(1 / FRAMES_A_SECOND, self.show_frame)
        self.call_after_refresh(self.show_frame)

    def show_frame(self) -> None:
        """Draw the present moment, on the view that is open only."""
        if not self.screen_stack:  # while the application closes, its screens go before its timers
            return
        if self._owner is not None and birth(self._owner) is None:
            self._end_surely()
            return
        if not self._held or self.shown is None:
            try:
                self.shown = self._feed.frame()
            except TestbedError as error:
                self.exit(message=str(error), return_code=error.exit_code)
                return
        self._tell_refused(self.shown)
        self._assess()
        with contextlib.suppress(NoMatches):  # while the application closes, its widgets go before its screens
            self._draw(self.shown)
        if self._ready_fd is not None:
            os.close(self._ready_fd)
            self._ready_fd = None
        if not self._over and not self._feed.live:
            self._over = True
            self._run_ended()

    def _tell_refused(self, shown: Snapshot) -> None:
        """What was asked for and is refused takes the place of what was said of it."""
        for refusal in self._requests.refused(shown):
            self.clear_notifications()
            self.notify(refusal, severity="error", markup=False)

    def _end_surely(self) -> None:
        """Exit, also where what fed the keyboard has left a thread behind that waits for more."""
        self._owner = None
        self.exit()
        last = threading.Timer(_LAST_S, os._exit, (0,))
        last.daemon = True
        last.start()

    def _run_ended(self) -> None:
        """The run that was watched is over: what was started for it closes, everybody else learns its grade."""
        if self._own_run:
            self.set_timer(LINGER_S, self.exit)
        elif self._assessor is not None:
            self._assessor.close()
            self._assessor = Assessor(self._feed.path)

    def _assess(self) -> None:
        assessment = self._assessor.result() if self._assessor is not None else None
        if isinstance(assessment, Assessment):
            self._assessor = None
            self._grade = assessment.grade
            if assessment.baseline is not None:
                self._feed.telemetry.baseline = assessment.baseline

    def on_unmount(self) -> None:
        """Leave no child behind."""
        if self._assessor is not None:
            self._assessor.close()

    def _draw(self, shown: Snapshot) -> None:
        if shown.phase == ENDED and self._grade is not None:
            shown = shown.graded(self._grade)
        base = self.screen_stack[0]
        self._fit(base)
        base.query_one("#header", Static).update(panels.header(shown, self.size.width, self._note), layout=False)
        view = base.query_one(ContentSwitcher).current
        if view == "overview":
            self._draw_boxes(base, shown)
        elif view == "ues":
            base.query_one(UeTable).show(shown, base.query_one("#ue_filter", Input).value)
        elif view is not None:
            body = base.query_one(f"#{view}_body", Static)
            body.update(PAGES[view](shown, self.size.width - 4, self.size.height - 4))

    def _draw_boxes(self, base: Screen[object], shown: Snapshot) -> None:
        """Draw what is due: the region in every second frame, the others in turn.

        Heights are found anew only in the first frames after the view has changed its shape.
        """
        settling = self._settling > 0
        self._settling -= settling
        self._frame += 1
        if base.has_class("-tiny"):
            base.query_one("#brief", Static).update(panels.brief(shown), layout=settling)
        for n, (name, (_, panel)) in enumerate(BOXES.items()):
            box = base.query_one(f"#{name}", Static)
            due = settling or (self._frame + n) % (OFTEN if name == "region_box" else SELDOM) == 0
            if due and box.display and box.content_size.width:
                drawn = panel(shown, box.content_size.width, max(3, box.content_size.height))
                box.update(drawn, layout=settling)

    def _fit(self, base: Screen[object]) -> None:
        """Lay the view out for the terminal's size, also if that changed while a dialog was open."""
        width, height = self.size
        if self._shape != (width, height):
            self._shape, self._settling = (width, height), SETTLING
        base.set_class(width < NARROW, "-narrow")
        base.set_class(height < TINY, "-tiny")
        base.set_class(height >= TALL, "-tall")

    @property
    def _note(self) -> str:
        """What the header says of the screen itself."""
        if isinstance(self._feed, RecordedFeed):
            return "paused" if self._feed.paused else f"playing ×{self._feed.rate:g}"
        return "view held" if self._held else ""

    # Keys ---

    def action_view(self, name: str) -> None:
        """Open a view."""
        self.query_one(ContentSwitcher).current = name
        self._settling = SETTLING
        if name == "ues":
            self.query_one(UeTable).focus()
        self.call_after_refresh(self.show_frame)

    def action_pause(self) -> None:
        """Hold the view, or go on; a run itself goes on."""
        if isinstance(self._feed, RecordedFeed):
            self._feed.paused = not self._feed.paused
        else:
            self._held = not self._held
        self.show_frame()

    def action_seek(self, slots: int) -> None:
        """Move a recorded run by slots."""
        if isinstance(self._feed, RecordedFeed):
            self._feed.seek(slots)
            self._settling = SETTLING
            self.show_frame()

    def action_faster(self, factor: float) -> None:
        """Play a recorded run faster or slower."""
        if isinstance(self._feed, RecordedFeed):
            self._feed.faster(factor)
            self.show_frame()

    def action_filter(self) -> None:
        """Filter the table of UEs."""
        self.action_view("ues")
        field = self.query_one("#ue_filter", Input)
        field.add_class("shown")
        field.focus()

    def on_input_submitted(self, _: Input.Submitted) -> None:
        """Go back to the table, with the filter kept."""
        self.query_one(UeTable).focus()

    def action_theme(self) -> None:
        """Switch between light and dark colours."""
        self.theme = "textual-light" if self.current_theme.dark else "textual-dark"

    def action_help(self) -> None:
        """Explain keys and marks."""
        self.push_screen(HelpScreen(panels.legend(), recorded=isinstance(self._feed, RecordedFeed)))

    def action_faults(self) -> None:
        """Open the menu of faults."""
        self.push_screen(FaultMenu(self._feed.path, self.shown, live=self._feed.live), self._was_asked)

    def _was_asked(self, request: FaultRequest | None) -> None:
        if request is not None:
            self._requests.add(request, self.shown)

    def action_leave(self) -> None:
        """Close the view; of a run that goes on, ask whether it shall end."""
        if self._feed.live:
            self.push_screen(QuitScreen(here=is_here(self._feed.telemetry.meta)), self._answered)
        else:
            self.exit()

    def action_interrupt(self) -> None:
        """What Ctrl-C does without a screen: end the run that was started here; otherwise leave."""
        self._answered(END if self._own_run else LEAVE)

    def _answered(self, answer: str | None) -> None:
        if answer == END:
            meta = self._feed.telemetry.meta
            pid = meta.get("launcher_pid")
            if isinstance(pid, int) and self._feed.live and is_here(meta):  # elsewhere it is another process's number
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGINT)
        if answer in (END, LEAVE):
            self.exit()
