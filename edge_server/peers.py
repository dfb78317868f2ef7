"""What one ES knows of all ESs (sans-IO): who lives, and the backlog that each announced last."""

from testbed.model.cuts import is_known_cut, open_ns
from testbed.model.system import System
from testbed.protocol.actions import Lost
from testbed.protocol.lives import Lives
from testbed.protocol.messages import Down, Up


class Peers:
    """``announced`` and ``alive`` by the ES's index."""

    def __init__(self, system: System) -> None:
        self._system, self._slot_ns = system, system.slot_ns
        self._index = {es.name: es.index for es in system.edge_servers}
        self.announced = [0] * len(system.edge_servers)
        self.alive = [True] * len(system.edge_servers)
        self._told_slot = [-1] * len(system.edge_servers)
        self._expected = [True] * len(system.edge_servers)
        self._lives = Lives()

    def revise(self, system: System) -> None:
        """Cuts change from some instant to come on."""
        self._system = system

    def __contains__(self, name: str) -> bool:
        return name in self._index

    def announce(self, name: str, slot: int, backlog_ns: int) -> None:
        """The ES ``name`` (this one too) announced its backlog at the beginning of ``slot``.

        What is older than what is known, or than the latest life of that ES, is no news.
        """
        es = self._index[name]
        if slot > self._told_slot[es]:
            self.announced[es], self._told_slot[es] = backlog_ns, slot

    def have_told(self, slot: int) -> bool:
        """Whether every ES from which an announcement may come has announced ``slot``; in slot 0 nobody has to."""
        if slot <= 0 or min(self._told_slot) >= slot:
            return True
        known = zip(self._told_slot, self._expected, self._system.edge_servers, strict=True)
        at_ns = slot * self._slot_ns
        return all(
            told >= slot or not expected or open_ns(at_ns, es.pauses_ns) != at_ns for told, expected, es in known
        )

    def within_reach(self, own: int, now_ns: int) -> list[bool]:
        """Which ESs live, and can be reached from ES ``own`` as far as is known."""
        system = self._system
        if not system.backhaul_cuts:
            return self.alive
        return [
            alive and not is_known_cut(now_ns, system.cuts_between(own, es), system.detection_ns)
            for es, alive in enumerate(self.alive)
        ]

    def take(self, event: Down | Lost | Up) -> None:
        """An ES died, this was detected, or it serves again and will announce at the next boundary."""
        es = self._index[event.name]
        self._lives.take(event)
        self.alive[es], self._expected[es] = not self._lives.is_lost(event.name), not self._lives.is_down(event.name)
        if isinstance(event, Up):
            self._forget(es, -(-event.at_ns // self._slot_ns) - 1)

    def _forget(self, es: int, slot: int) -> None:
        """What an ES announced up to ``slot`` is no more true."""
        if self._told_slot[es] <= slot:
            self.announced[es], self._told_slot[es] = 0, slot
