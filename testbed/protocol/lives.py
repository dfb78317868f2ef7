"""What one process has heard of the lives of others: who serves, in which incarnation, and which deaths are detected.

Notices may come in any order, and late. Every answer depends on the incarnations and instants that they name, never on
which of them was heard last.
"""

from testbed.protocol.actions import Lost
from testbed.protocol.messages import Down, Up


class Lives:
    """Deaths, their detections and restarts of all processes by name; one of which nothing was heard lives its first
    life, incarnation 0."""

    def __init__(self) -> None:
        self._deaths: dict[str, dict[int, int]] = {}
        self._detected: dict[str, dict[int, int]] = {}
        self._births: dict[str, dict[int, int]] = {}

    def take(self, notice: Down | Lost | Up) -> None:
        """A process died, its death was detected, or it serves again."""
        match notice:
            case Down():
                self._deaths.setdefault(notice.name, {})[notice.incarnation] = notice.at_ns
            case Lost():
                self._detected.setdefault(notice.name, {})[notice.incarnation] = notice.died_ns
            case Up():
                self._births.setdefault(notice.name, {})[notice.incarnation] = notice.at_ns

    def incarnation(self, name: str) -> int:
        """The latest incarnation of ``name`` that was heard of."""
        if not (self._births or self._deaths or self._detected):  # as nearly always
            return 0
        heard = (self._births, self._deaths, self._detected)
        return max((incarnation for known in heard for incarnation in known.get(name, ())), default=0)

    def serving(self, name: str, at_ns: int) -> int:
        """The incarnation of ``name`` that served at ``at_ns``, or had served last by then."""
        born = self._births.get(name, {})
        return max((incarnation for incarnation, since in born.items() if since <= at_ns), default=0)

    def is_down(self, name: str) -> bool:
        """Whether the latest incarnation of ``name`` has died."""
        return _last(self._deaths, name) >= self.incarnation(name)

    def is_lost(self, name: str) -> bool:
        """Whether the death of the latest incarnation of ``name`` has been detected."""
        return bool(self._detected) and _last(self._detected, name) >= self.incarnation(name)

    def died_ns(self, name: str, incarnation: int) -> int | None:
        """When this incarnation of ``name`` died; None if nothing was heard of that."""
        return self._deaths.get(name, {}).get(incarnation)

    def loss_ns(self, name: str, incarnation: int) -> int | None:
        """When the process died whose detected death took everything that ``incarnation`` of ``name`` held; None if no
        such death has been detected. It is the death of that incarnation, or of a later one where it went unheard."""
        found = self._detected.get(name, {})
        return min((died for which, died in found.items() if which >= incarnation), default=None)


def _last(known: dict[str, dict[int, int]], name: str) -> int:
    return max(known.get(name, ()), default=-1)
