"""What a process may have recorded: rows about what it plays, and nothing that only the launcher knows (pure)."""

from collections.abc import Sequence

from testbed.protocol.placement import Processes
from testbed.protocol.rows import DIED, RESTARTED, EventRow, LinkRow, Row, SlotRow, TaskRow, UeSlotRow

OF_THE_LAUNCHER = (DIED, RESTARTED)


class ToldRows:
    """Whose rows each of ``processes`` may tell: its own, and those of the cores that it plays."""

    def __init__(self, processes: Processes) -> None:
        self._plays = {name: frozenset((name, *cores)) for name, (_, cores) in processes.items()}

    def sorted(self, source: str, rows: Sequence[Row]) -> tuple[Sequence[Row], list[str]]:
        """The rows that ``source`` may tell, and of each other what is wrong with it."""
        plays = self._plays.get(source, frozenset())
        wrong = [(row, _why_not(row, plays)) for row in rows]
        if not any(why for _, why in wrong):
            return rows, []
        return [row for row, why in wrong if not why], [f"{type(row).__name__}: {why}" for row, why in wrong if why]


def _why_not(row: Row, plays: frozenset[str]) -> str:
    """Why a process that plays ``plays`` may not tell ``row``; "" if it may."""
    match row:
        case TaskRow() | UeSlotRow():
            about, fits = row.ue, row.ue in plays
        case SlotRow():
            about, fits = row.es, row.es in plays
        case LinkRow():
            about, fits = f"{row.link}:{row.to}", row.to in plays or row.link in plays
        case EventRow() if row.kind in OF_THE_LAUNCHER:
            return f"only the launcher says who {row.kind}"
        case _:
            return ""
    return "" if fits else f"about {about[:40]}, which it does not play"
