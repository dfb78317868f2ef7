"""Faults that were asked for on the screen, until the launcher refuses them (pure)."""

from testbed.protocol.rows import REQUEST_REFUSED
from testbed.record.fault_requests import FaultRequest
from testbed.watch.snapshot import Event, Snapshot


class Asked:
    """What was asked for, with the events that were shown before: what was refused earlier is no answer to it."""

    def __init__(self) -> None:
        self._waiting: list[tuple[str, frozenset[Event]]] = []

    def add(self, request: FaultRequest, shown: Snapshot | None) -> None:
        """Await the answer to ``request``, made while ``shown`` was to be seen."""
        self._waiting.append((f"{request.do} {request.name}: ", frozenset(shown.events if shown is not None else ())))

    def refused(self, shown: Snapshot) -> list[str]:
        """What has been refused since, each with the reason; nothing twice."""
        refusals = []
        for one in tuple(self._waiting):
            head, earlier = one
            for event in shown.events:
                if event.kind == REQUEST_REFUSED and event.detail.startswith(head) and event not in earlier:
                    refusals.append(event.detail)
                    self._waiting.remove(one)
                    break
        return refusals
