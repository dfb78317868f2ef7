"""Processes of a running testbed that stand still on request, and go on when their time has come."""

from collections.abc import Callable

from testbed.live.supervisor import Supervisor
from testbed.model.delay import NEVER
from testbed.protocol.rows import PAUSED, RESUMED


class Pauses:
    """Freezes and thaws processes; ``note`` is told the process and what happened to it, `PAUSED` or `RESUMED`."""

    def __init__(self, supervisor: Supervisor, note: Callable[[str, str], None]) -> None:
        self._supervisor, self._note = supervisor, note
        self._until_ns: dict[str, int] = {}

    def __contains__(self, process: str) -> bool:
        return process in self._until_ns

    def begin(self, process: str, until_ns: int = NEVER) -> None:
        """Let ``process`` stand still up to an instant of emulated time; it may do so already."""
        if process not in self:
            self._supervisor.freeze(process)
            self._note(process, PAUSED)
        self._until_ns[process] = until_ns

    def end(self, process: str) -> None:
        """Let ``process`` go on, if it stands still."""
        if self._until_ns.pop(process, None) is not None:
            self._supervisor.thaw(process)
            self._note(process, RESUMED)

    def forget(self, process: str) -> None:
        """It has died."""
        self._until_ns.pop(process, None)

    def due_ns(self) -> int:
        """When the next process goes on."""
        return min(self._until_ns.values(), default=NEVER)

    def act(self, now_ns: int) -> None:
        """Let go on what is due at ``now_ns``."""
        for process in [process for process, until in self._until_ns.items() if until <= now_ns]:
            self.end(process)

    def end_all(self) -> None:
        """Let all go on."""
        for process in list(self._until_ns):
            self.end(process)
