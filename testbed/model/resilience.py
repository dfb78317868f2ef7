"""What a UE does when an offload is refused, has nowhere to go, or takes too long (pure)."""

import msgspec

from testbed.model.delay import whole_ns


class Retry(msgspec.Struct, frozen=True):
    """Try again up to ``times``: the first time after ``backoff_ns``, then each time after ``factor`` times as long."""

    times: int
    backoff_ns: int
    factor: float = 1.0

    def wait_ns(self, tried: int) -> int:
        """How long to wait before the next attempt when ``tried`` have failed, 1 at least."""
        return whole_ns(self.backoff_ns * self.factor ** (tried - 1))


class Breaker(msgspec.Struct, frozen=True):
    """After ``failures`` in a row nothing is offloaded for ``open_ns``; then one task is, on trial."""

    failures: int
    open_ns: int


class Resilience(msgspec.Struct, frozen=True, kw_only=True):
    """The options of every UE; as it stands, none is used.

    ``on_reject``: an ES had no place for a task. ``on_cut``: a task is to be offloaded, and the ES is known to be dead
    or cut off; with ``waits_out_cuts`` it waits on the radio for the end of a cut instead of being executed locally.
    With ``recovers_from_cuts`` a task that is on the radio when a cut is known is taken back and executed locally.
    ``hedge_after_ns``: a task whose result has not come so long after its post is executed locally besides (-1: never).
    """

    on_reject: Retry | None = None
    on_cut: Retry | None = None
    waits_out_cuts: bool = False
    recovers_from_cuts: bool = False
    hedge_after_ns: int = -1
    breaker: Breaker | None = None

    @property
    def is_used(self) -> bool:
        """Whether any option is."""
        return self != UNUSED

    @property
    def posts_again(self) -> bool:
        """Whether a task may be posted more than once."""
        return self.on_reject is not None


UNUSED = Resilience()
