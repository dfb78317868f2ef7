"""The table of UEs: sorted by a click on a column's title, filtered by a word."""

from collections.abc import Callable

from rich.text import Text
from textual.widgets import DataTable

from testbed.watch.glyphs import number
from testbed.watch.panels import UE_MARKS
from testbed.watch.snapshot import Snapshot, UeState

Key = Callable[[UeState], float | str]
_COLUMNS: dict[str, Key] = {
    "UE": lambda ue: ue.name,
    "cell": lambda ue: ue.cell,
    "state": lambda ue: ue.state,
    "under way": lambda ue: ue.open,
    "ended": lambda ue: ue.ended,
    "offloaded": lambda ue: ue.offloaded,
    "late": lambda ue: ue.late,
    "failed": lambda ue: ue.failed,
    "delay s": lambda ue: ue.delay_s or 0.0,
    "energy J": lambda ue: ue.energy_j or 0.0,
    "overhead": lambda ue: ue.overhead or 0.0,
}


class UeTable(DataTable[Text | str]):
    """Every UE, a row each."""

    def on_mount(self) -> None:
        """Declare the columns."""
        self.cursor_type, self.zebra_stripes = "row", True
        self.sorted_by, self.backwards = "UE", False
        for title in _COLUMNS:
            self.add_column(title, key=title)

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        """Sort by the column whose title was chosen; the other way round at the second time."""
        title = str(event.column_key.value)
        self.backwards = not self.backwards if title == self.sorted_by else title != "UE"
        self.sorted_by = title

    def show(self, shown: Snapshot, wanted: str) -> None:
        """Show the UEs whose name or state has ``wanted`` in it."""
        rows = [ue for ue in shown.ues if wanted.lower() in f"{ue.name} {ue.state}".lower()]
        rows.sort(key=_COLUMNS[self.sorted_by], reverse=self.backwards)
        if len(rows) != self.row_count:
            self.clear()
            for n, ue in enumerate(rows):
                self.add_row(*cells(ue), key=str(n))
            return
        for n, ue in enumerate(rows):
            for title, value in zip(_COLUMNS, cells(ue), strict=True):
                if str(self.get_cell(str(n), title)) != str(value):
                    self.update_cell(str(n), title, value)


def cells(ue: UeState) -> tuple[Text | str, ...]:
    """One UE's row."""
    mark, style = UE_MARKS[ue.state]
    return (
        ue.name,
        str(ue.cell),
        Text(f"{mark} {ue.state}", style=style),
        str(ue.open),
        str(ue.ended),
        str(ue.offloaded),
        str(ue.late),
        str(ue.failed),
        number(ue.delay_s),
        number(ue.energy_j),
        number(ue.overhead, 4),
    )
