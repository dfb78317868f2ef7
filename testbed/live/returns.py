"""Deaths that were carried out, and the processes that are on their way back."""

import msgspec

from testbed.model.system import Fault
from testbed.model.task import NEVER_BEGAN_NS
from testbed.protocol.bounds import RELEASE_NS


class Killed(msgspec.Struct, frozen=True):
    """A death that was carried out at ``at_ns``; ``fault`` is its plan, None where somebody asked for it meanwhile.

    It returns at ``restart_ns``, or not by itself (-1).
    """

    fault: Fault | None
    at_ns: int
    restart_ns: int = -1


class Return(msgspec.Struct, kw_only=True):
    """A process on its way back: planned to serve from ``at_ns`` on (as soon as it can, if not ``planned``), started at
    monotonic instant ``start_ns``; ``told`` once everybody knows."""

    name: str
    at_ns: int
    incarnation: int
    start_ns: int = 0
    planned: bool = False
    started: bool = False
    told: bool = False

    def telling_ns(self, speed: float) -> int:
        """From when on everybody may be told: what no plan says is believed shortly before its instant, no earlier."""
        return NEVER_BEGAN_NS if self.planned else self.at_ns - int(RELEASE_NS * speed)
