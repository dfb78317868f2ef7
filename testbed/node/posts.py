"""The tasks of a cell that may still come over its radio (pure)."""

import heapq
from collections.abc import Mapping

import msgspec

from testbed.model import transmission
from testbed.model.delay import NEVER
from testbed.model.system import SHARED, System
from testbed.model.task import Task
from testbed.protocol.messages import Down, Kept, Up


class _Asked(msgspec.Struct, frozen=True, order=True):
    """A task that may come over the radio: it takes effect at ``earliest_ns`` or later."""

    earliest_ns: int
    ue: int
    number: int
    asked_ns: int


class AwaitedPosts:
    """The tasks of a cell that were asked about and of which nothing has been heard.

    One of which nothing was heard for ``patience_ns`` will not come: without an answer its UE has fallen back by then.
    """

    def __init__(self, system: System, es: int, patience_ns: int) -> None:
        self._system, self._patience_ns = system, patience_ns
        self._waiting: list[_Asked] = []
        self._posted: set[tuple[int, int]] = set()
        self._kept: dict[int, set[int]] = {}
        self._index = {ue.name: ue.index for ue in system.cell_ues(es)}
        self._absent: dict[int, int] = {}

    def asked(self, task: Task, asked_ns: int) -> None:
        """A task of the cell has appeared."""
        earliest = earliest_effect_ns(self._system, task, asked_ns)
        heapq.heappush(self._waiting, _Asked(earliest, task.ue, task.number, asked_ns))

    def follow(self, system: System, tasks: Mapping[tuple[int, int], Task]) -> None:
        """Links change from some instant to come on, and with them how early one of the ``tasks`` can come."""
        self._system = system
        waiting = []
        for one in self._waiting:
            task = tasks.get((one.ue, one.number))
            if task is not None and system.asked_ns(task) == one.asked_ns:
                earliest = earliest_effect_ns(system, task, one.asked_ns)
                waiting.append(msgspec.structs.replace(one, earliest_ns=earliest))
        self._waiting = waiting
        heapq.heapify(self._waiting)

    def posted(self, task: Task) -> None:
        """A task was posted."""
        self._posted.add((task.ue, task.number))

    def kept(self, notice: Kept) -> None:
        """Some UEs keep what they asked about."""
        self._kept.setdefault(notice.at_ns, set()).update(notice.ues)

    def fault(self, notice: Down | Up) -> None:
        """A UE died, or serves again: what it asked about before that will not come."""
        index = self._index.get(notice.name)
        if index is not None:
            self._absent[index] = notice.at_ns if isinstance(notice, Up) else NEVER

    def outstanding(self, at_ns: int) -> bool:
        """Whether a task may still be posted that takes effect by ``at_ns``."""
        while self._waiting and self._waiting[0].earliest_ns <= at_ns:
            if not self._settled(self._waiting[0], at_ns):
                return True
            gone = heapq.heappop(self._waiting)
            self._posted.discard((gone.ue, gone.number))
            self._forget(gone.asked_ns)
        return False

    def _settled(self, asked: _Asked, at_ns: int) -> bool:
        return (
            (asked.ue, asked.number) in self._posted
            or asked.ue in self._kept.get(asked.asked_ns, ())
            or asked.asked_ns < self._absent.get(asked.ue, 0)
            or asked.asked_ns + self._patience_ns < at_ns
        )

    def _forget(self, asked_ns: int) -> None:
        """Drop notices that are so old that nobody waits for what they are about."""
        for old in [at for at in self._kept if at < asked_ns - self._patience_ns]:
            del self._kept[old]


def earliest_effect_ns(system: System, task: Task, asked_ns: int) -> int:
    """A lower bound of the instant at which the post of a task, asked about at ``asked_ns``, takes effect at its ES.

    On a dedicated link that is its arrival, if it is answered at once and its UE sends nothing else; on a shared one a
    post changes what others send from its first bit on.
    """
    if system.radio.access == SHARED:
        return asked_ns
    sent = transmission.end_ns(system, task, asked_ns, transmission.least_attempts(system, task))
    return sent + system.radio.latency_ns
