"""Whether other ESs can have a reason to send tasks on (pure): the rule of second offload, or what agents chose."""

from collections import deque

from testbed.model.delay import NS_PER_S
from testbed.model.speed import slowest_hz
from testbed.model.system import System
from testbed.protocol.messages import Announce, Down, Up


class Forwards:
    """Whether any other ES can have a reason to send a task on to the ES of index ``es``."""

    def __init__(self, system: System, es: int) -> None:
        self._system = system
        self._others = [other for other in system.edge_servers if other.index != es]
        self._index = {one.name: one.index for one in system.edge_servers}
        self._backlog_ns = [0] * len(system.edge_servers)
        self._air_cycles = [0] * len(system.edge_servers)
        self._told_ns = [0] * len(system.edge_servers)
        self._dead: set[int] = set()
        self._until_ns = system.slot_ns
        self._recent: deque[tuple[int, int]] = deque()
        self._recent_cycles = self._largest_cycles = 0
        self._room_cycles, self._changed = self._room(), False

    def follow(self, system: System) -> None:
        """Speeds change from some instant to come on."""
        self._system = system
        self._changed = True

    def asked(self, asked_ns: int, cycles: int, largest_cycles: int) -> None:
        """Tasks of so many cycles together, and at most, have appeared somewhere."""
        self._recent.append((asked_ns, cycles))
        self._recent_cycles += cycles
        self._largest_cycles = max(self._largest_cycles, largest_cycles)

    def announced(self, news: Announce) -> None:
        """An ES told its state."""
        es = self._index[news.es]
        self._backlog_ns[es], self._air_cycles[es], self._told_ns[es] = news.backlog_ns, news.air_cycles, news.at_ns
        self._changed = True

    def fault(self, notice: Down | Up) -> None:
        """An ES died and sends nothing on, or begins anew."""
        es = self._index.get(notice.name)
        if es is None:
            return
        if isinstance(notice, Up):
            self._dead.discard(es)
            self._backlog_ns[es], self._air_cycles[es], self._told_ns[es] = 0, 0, notice.at_ns
        else:
            self._dead.add(es)
        self._changed = True

    def possible(self, at_ns: int) -> bool:
        """Whether the work that has appeared since the announcements may have filled somebody's queue by ``at_ns``;
        where agents choose, whether there is any that may have been sent here."""
        if at_ns > self._until_ns:
            self._until_ns, self._changed = at_ns + self._system.slot_ns, True
        if self._changed:
            self._look_back()
        if self._system.chosen_target:
            return self._recent_cycles > 0 or any(self._air_cycles[es.index] for es in self._others)
        return self._recent_cycles + self._largest_cycles > self._room_cycles

    def _look_back(self) -> None:
        """Only work that has appeared since the oldest announcement is in none of them."""
        living = [told_ns for es, told_ns in enumerate(self._told_ns) if es not in self._dead]
        since = min(living, default=0)
        while self._recent and self._recent[0][0] < since:
            self._recent_cycles -= self._recent.popleft()[1]
        self._room_cycles, self._changed = self._room(), False

    def _room(self) -> float:
        """The least work that brings some other ES above the threshold: all that is in the air might go there."""
        in_air = sum(self._air_cycles)
        rooms = [self._room_of(es.index) for es in self._others if es.index not in self._dead]
        return min(rooms, default=float("inf")) - in_air

    def _room_of(self, es: int) -> float:
        """What was announced at one speed may be judged at the slowest there is before the room is counted anew."""
        one, told_ns = self._system.edge_servers[es], self._told_ns[es]
        slowest = (
            slowest_hz(told_ns, self._until_ns, one.speed_edges_ns, one.speeds_hz) if one.speeds_hz else one.cpu_hz
        )
        return (self._system.threshold_ns * slowest - self._backlog_ns[es] * one.hz(told_ns)) / NS_PER_S
