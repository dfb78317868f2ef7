"""Alarms of simulated cores: nearly always what one is to wait for has come by the end of the instant that sets it."""

from typing import Protocol

from testbed.sim.events import Entry, Heap


class Waiting(Protocol):
    """A core that knows whether it still waits for what an alarm would end."""

    def waits_for(self, alarm: object) -> bool:
        """Whether ``alarm``, the event of an alarm that it asked for, would still make a difference."""


class Alarms:
    """The alarms that were asked for in the present instant, each with its core; set, if at all, when it is over."""

    def __init__(self, heap: Heap) -> None:
        self._heap = heap
        self.new: list[tuple[Waiting, Entry]] = []

    def note(self, core: Waiting, entry: Entry) -> None:
        """An alarm is asked for; its place among events of its instant is that of now."""
        self.new.append((core, entry))

    def settle(self) -> None:
        """The instant is over: set those that somebody still waits for."""
        for core, entry in self.new:
            if core.waits_for(entry[-1]):
                self._heap.push_entry(entry)
        self.new.clear()
