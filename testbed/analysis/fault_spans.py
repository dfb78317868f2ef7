"""The faults of a run from its events (pure): what began when, and when it was over."""

from collections.abc import Iterable

import msgspec

from testbed.model.learning import is_learner
from testbed.protocol.rows import DIED, FAULT_BEGAN, FAULT_OVER, KILL, PAUSE, PAUSED, RESTARTED, RESUMED, EventRow

ENDS_OF_FAULTS = {DIED: (RESTARTED,), FAULT_BEGAN: (FAULT_OVER,), PAUSED: (RESUMED, DIED)}


class FaultSpan(msgspec.Struct, frozen=True, kw_only=True):
    """One fault: ``what`` it is in words, the processes it happened to, and its instants (``over_ns`` -1: never)."""

    what: str
    targets: tuple[str, ...]
    began_ns: int
    over_ns: int

    @property
    def is_over(self) -> bool:
        """Whether it ended before the run did."""
        return self.over_ns >= 0


def happened(events: Iterable[EventRow]) -> list[EventRow]:
    """``events`` by instant, without the stops of processes that stand still in the model already: these are no further
    pauses, but how a run on processes plays that one."""
    kept, still = list[EventRow](), set[str]()
    for event in sorted(events, key=lambda event: event.at_ns):
        if event.detail == f"{PAUSE} {event.source}":
            if event.kind == FAULT_BEGAN:
                still.add(event.source)
            elif event.kind == FAULT_OVER:
                still.discard(event.source)
        if event.kind != PAUSED or event.source not in still:
            kept.append(event)
    return kept


def fault_spans(events: Iterable[EventRow]) -> list[FaultSpan]:
    """Every fault that began, planned, asked for or neither, by instant; deaths of learners are not the region's."""
    open_faults: dict[tuple[str, str, str], int] = {}
    found: list[FaultSpan] = []
    for event in happened(events):
        for key in [key for key in open_faults if _ends(key, event)]:
            place = open_faults.pop(key)
            found[place] = msgspec.structs.replace(found[place], over_ns=event.at_ns)
        if event.kind in ENDS_OF_FAULTS and not is_learner(event.source):
            detail = event.detail if event.kind == FAULT_BEGAN else ""
            open_faults[event.kind, event.source, detail] = len(found)
            targets = tuple(event.source.split(":"))
            found.append(FaultSpan(what=_words(event), targets=targets, began_ns=event.at_ns, over_ns=-1))
    return found


def _words(event: EventRow) -> str:
    """What began, in the words of a scenario where somebody asked for it."""
    if event.kind == FAULT_BEGAN:
        return event.detail
    if event.kind == PAUSED:
        return f"{PAUSE} {event.source}"
    return f"{KILL} {event.source}" if event.detail == "fault" else f"death of {event.source}"


def _ends(key: tuple[str, str, str], event: EventRow) -> bool:
    kind, source, detail = key
    if event.source != source or event.kind not in ENDS_OF_FAULTS[kind]:
        return False
    return kind != FAULT_BEGAN or event.detail == detail
