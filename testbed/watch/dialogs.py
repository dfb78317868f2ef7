"""What opens above the view: help, the question before leaving, the menu of faults."""

from pathlib import Path
from typing import ClassVar

from rich.console import Group
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from testbed.model.errors import InvalidError, StartError
from testbed.model.system import CONTROLLER
from testbed.protocol.rows import KILL, RESTART
from testbed.record.fault_requests import FaultRequest, ask, read
from testbed.watch.snapshot import STATE_LOST, Snapshot

LEAVE, END, STAY = "leave", "end", "stay"
END_HERE, END_ELSEWHERE = "end the run", "end the run: not from here, see `testbed down`"
EXAMPLE = "slow es-2 to 50% for 10 s"
KEYS = (
    ("1 … 6", "overview, servers, UEs, learning, tasks, events"),
    ("space", "hold the view; the run goes on"),
    ("/", "filter UEs by name or state; a click on a title sorts"),
    ("f", "faults: kill, slow, cut, degrade, pause, lift …"),
    ("t", "light or dark"),
    ("q", "close the view"),
    ("ctrl+c", "end a run that was started here"),
    ("ctrl+p", "commands, themes, screenshot"),
)
RECORDED_KEYS = (("← →", "a slot back or on, ten with shift"), ("+ −", "faster or slower"))


class HelpScreen(ModalScreen[None]):
    """Keys and marks."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark", "dismiss", "close")]

    def __init__(self, legend: Text, *, recorded: bool) -> None:
        super().__init__()
        self._legend, self._recorded = legend, recorded

    def compose(self) -> ComposeResult:
        """A line for each key."""
        keys = (*KEYS, *RECORDED_KEYS) if self._recorded else KEYS
        lines = [Text.assemble((f"{key:8}", "bold"), what) for key, what in keys]
        yield Static(Group(*lines, Text(""), Text("a UE is: ") + self._legend), classes="dialog")


class QuitScreen(ModalScreen[str]):
    """Leave the view only, or end the run as well?"""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", f"dismiss('{STAY}')", "stay")]

    def __init__(self, *, here: bool) -> None:
        super().__init__()
        self._here = here

    def compose(self) -> ComposeResult:
        """Three answers; a run elsewhere, in containers or on another host, cannot be ended from here."""
        with Vertical(classes="dialog"):
            yield Static("The run goes on. Close only this view, or end the run?\n")
            yield OptionList(
                Option("close the view, let the run go on", id=LEAVE),
                Option(END_HERE if self._here else END_ELSEWHERE, id=END, disabled=not self._here),
                Option("stay", id=STAY),
            )

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Close the dialog with the chosen answer."""
        self.dismiss(event.option.id or STAY)


class FaultMenu(ModalScreen[FaultRequest]):
    """Breaks the run in ``run`` that goes on, by a line that is typed as for ``testbed fault``, or by one of those that
    kill and restart; ``shown`` tells which processes are lost. It closes with what was asked for."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f", "dismiss", "close"),
        Binding("down", "app.focus_next", "to the list", show=False),
    ]

    def __init__(self, run: Path, shown: Snapshot | None, *, live: bool) -> None:
        super().__init__()
        self._run, self._live = run, live
        self._lost = _lost(shown) if shown is not None else {}

    def compose(self) -> ComposeResult:
        """A line to type, and one for each process."""
        with Vertical(classes="dialog"):
            if not self._live:
                yield Static("This run has ended: nothing is left to break.\n")
            else:
                yield Input(placeholder=EXAMPLE)
            possible = [(RESTART if lost else KILL, name) for name, lost in self._lost.items()] if self._live else []
            options = [Option(f"{do} {name}", id=f"{do} {name}") for do, name in possible]
            yield OptionList(*options)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Ask the launcher to do what was typed; of what makes no sense the reason is told, and it can be mended."""
        try:
            self._ask(read(event.value))
        except InvalidError as error:
            self.app.notify(f"{error.message}: {error.remedy}", severity="error")

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Ask the launcher to do it."""
        do, _, name = (event.option.id or "").partition(" ")
        self._ask(FaultRequest(do, name))

    def _ask(self, request: FaultRequest) -> None:
        try:
            ask(self._run, request)
            self.app.notify(f"{request.do} {request.name}: asked for")
            self.dismiss(request)
        except StartError as error:
            self.app.notify(error.message, severity="error")
            self.dismiss()


def _lost(shown: Snapshot) -> dict[str, bool]:
    """Whether each ES, the controller, then each UE is lost."""
    servers = {es.name: not es.alive for es in shown.servers}
    return servers | {CONTROLLER: not shown.controller_alive} | {ue.name: ue.state == STATE_LOST for ue in shown.ues}
