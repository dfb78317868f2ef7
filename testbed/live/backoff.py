"""When to start again what keeps dying (pure)."""

from testbed.model.delay import NS_PER_S

FIRST_NS, DOUBLINGS = NS_PER_S // 2, 5
LONG_LIFE_NS = 60 * NS_PER_S


class Backoff:
    """At once after the first death, then after 0.5 s, 1 s, 2 s, 4 s, 8 s, then never; a life of a minute counts as a
    new beginning. All times are of the wall."""

    def __init__(self) -> None:
        self.deaths = 0

    def after_ns(self, lived_ns: int) -> int | None:
        """How long to wait before it is started again, given how long it has lived; None: not any more."""
        if lived_ns >= LONG_LIFE_NS:
            self.deaths = 0
        self.deaths += 1
        if self.deaths == 1:
            return 0
        doublings = self.deaths - 2
        return FIRST_NS << doublings if doublings < DOUBLINGS else None
