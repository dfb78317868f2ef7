"""What one ES knows of all ESs (sans-IO): who lives, and the backlog that each announced last."""

from testbed.model.system import System
from testbed.protocol.actions import Lost
from testbed.protocol.messages import Down, Up

NEVER = 2**62


class Peers:
    """``announced`` and ``alive`` by the ES's index."""

    def __init__(self, system: System) -> None:
        self._slot_ns = system.slot_ns
        self._index = {es.name: es.index for es in system.ess}
        self.announced = [0] * len(system.ess)
        self.alive = [True] * len(system.ess)
        self._told_slot = [0] * len(system.ess)
        self._incarnations: dict[str, int] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._index

    def announce(self, name: str, slot: int, backlog_ns: int) -> None:
        """The ES ``name`` (this one too) announced its backlog at the beginning of ``slot``."""
        es = self._index[name]
        self.announced[es], self._told_slot[es] = backlog_ns, slot

    def have_told(self, slot: int) -> bool:
        """Whether every ES from which an announcement may come has announced ``slot``."""
        return all(told >= slot for told in self._told_slot)

    def take(self, event: Down | Lost | Up) -> None:
        """An ES died, this was detected, or it serves again and will announce at the next boundary."""
        es = self._index[event.name]
        if isinstance(event, Up):
            self._incarnations[event.name] = event.incarnation
            self.alive[es], self.announced[es] = True, 0
            self._told_slot[es] = event.at_ns // self._slot_ns
        elif isinstance(event, Down):
            self._told_slot[es] = NEVER
        elif self._incarnations.get(event.name, 0) <= event.incarnation:
            self.alive[es] = False
