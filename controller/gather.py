"""What the controller is told, and the views of cells made from it (sans-IO): asks of UEs and announcements of ESs."""

from collections.abc import Mapping
from operator import itemgetter

from testbed.model.cuts import is_known_cut, open_ns
from testbed.model.mdp import CellView, EsView, UeView
from testbed.model.system import SHARED, System
from testbed.protocol.messages import Announce, Ask

Asks = Mapping[str, Ask]


class Gathering:
    """The latest announcement of every ES, and which processes are ``dead`` (``es_lost``: known to the agents too).

    ``cells`` are those with UEs.
    """

    def __init__(self, system: System) -> None:
        self.cell_of = {ue.name: ue.cell for ue in system.ues}
        self.revise(system)
        self.cells = [cell for cell, ues in enumerate(self._cells) if ues]
        self.es_index = {es.name: es.index for es in system.edge_servers}
        self.dead: set[str] = set()
        self.es_lost: set[int] = set()
        self._announced: dict[int, Announce] = {}
        self._news = 0
        self._seen: tuple[tuple[int, int, int], tuple[EsView, ...]] | None = None

    def revise(self, system: System) -> None:
        """Links and speeds change from some instant to come on."""
        self.system = system
        self._cells = system.ues_by_cell()
        self._pausing = system.pausing
        self._places = {ue.name: (place, ue) for ues in self._cells for place, ue in enumerate(ues)}

    def announce(self, announce: Announce) -> None:
        """Take an ES's announcement, unless it is older than the latest."""
        es = self.es_index[announce.es]
        known = self._announced.get(es)
        if known is None or known.slot <= announce.slot:
            self._announced[es] = announce
            self._news += 1

    def by_cell(self, asks: Asks) -> list[dict[str, Ask]]:
        """The asks of every cell."""
        by_cell: list[dict[str, Ask]] = [{} for _ in self.system.edge_servers]
        for name, ask in asks.items():
            by_cell[self.cell_of[name]][name] = ask
        return by_cell

    def is_complete(self, cell: int, slot: int, asks: Asks) -> bool:
        """Whether all live UEs of ``cell`` have asked and all live ESs have announced for ``slot``, but for those that
        stand still."""
        ues, silent = self._cells[cell], self.dead
        if self._pausing:
            at_ns = slot * self.system.slot_ns
            silent = silent | {one.name for one in self._pausing if open_ns(at_ns, one.pauses_ns) != at_ns}
        if len(asks) + len(silent) < len(ues):
            return False
        for es in self.system.edge_servers:
            announced = self._announced.get(es.index)
            if es.name not in silent and (announced is None or announced.slot < slot):
                return False
        return all(ue.name in asks or ue.name in silent for ue in ues)

    def view(self, cell: int, slot: int, asks: Asks) -> CellView:
        """What the agent of ``cell`` sees, given the ``asks`` of its own UEs by name (at least one)."""
        system = self.system
        ues = []
        announced = self._announced.get(cell)
        for place, ue in sorted((self._places[name] for name in asks), key=itemgetter(0)):
            ask = asks[ue.name]
            wait = announced.radio_wait_ns[place] if announced is not None else 0
            ues.append(
                UeView.of(
                    ue,
                    queue_ns=ask.queue_ns,
                    radio_wait_ns=wait,
                    tasks=ask.tasks,
                    last_choice=ask.last_choice,
                    reachable=cell not in self.es_lost and not is_known_cut(ask.at_ns, ue.cuts_ns, system.detection_ns),
                )
            )
        now = next(iter(asks.values())).at_ns
        edge_servers = self._es_views(cell, now)
        radio = system.radio
        return CellView(
            slot=slot,
            now_ns=now,
            cell=cell,
            seed=system.seed,
            ues=tuple(ues),
            edge_servers=edge_servers,
            shared=radio.access == SHARED,
            latency_ns=radio.latency_ns,
            return_latency_ns=radio.return_latency_ns,
            threshold_ns=system.threshold_ns,
            chosen_target=system.chosen_target,
            backhaul_bps=system.backhaul.rate_bps,
            backhaul_latency_ns=system.backhaul.latency_ns,
        )

    def _es_views(self, cell: int, now_ns: int) -> tuple[EsView, ...]:
        """What is known of all ESs; every cell sees the same where nothing can be cut off from its own."""
        key = now_ns, len(self.es_lost), self._news
        if self.system.backhaul_cuts or self._seen is None or self._seen[0] != key:
            servers = range(len(self.system.edge_servers))
            self._seen = key, tuple(self._es_view(cell, index, now_ns) for index in servers)
        return self._seen[1]

    def _es_view(self, cell: int, index: int, now_ns: int) -> EsView:
        es, slot = self.system.edge_servers[index], now_ns // self.system.slot_ns
        is_cut = is_known_cut(now_ns, self.system.cuts_between(cell, index), self.system.detection_ns)
        news = self._announced.get(index, Announce(es=es.name, slot=slot, at_ns=0))
        return EsView(
            name=es.name,
            index=index,
            cpu_hz=es.cpu_hz,
            cores=es.cores,
            backlog_ns=news.backlog_ns,
            own_cycles=news.own_cycles,
            forwarded_cycles=news.forwarded_cycles,
            air_cycles=news.air_cycles,
            senders=news.senders,
            age_slots=slot - news.slot,
            alive=index not in self.es_lost,
            reachable=index not in self.es_lost and not is_cut,
        )
