"""The keys of a scenario file that say what a UE does when offloading fails; see `testbed.scenario.schema`."""

from typing import Annotated

import msgspec

from testbed.model.resilience import Breaker, Resilience, Retry
from testbed.scenario.fields import Choice, Number, Range, Section
from testbed.scenario.kinds import SOME_TIME, key

SOME_TRIES = Number(Range(1, 100), whole=True)


class RetrySection(msgspec.Struct, frozen=True):
    """Try again ``times``, after ``backoff_ns`` and each time after ``factor`` times as long."""

    times: Annotated[int, SOME_TRIES] = 3
    backoff_ns: Annotated[int, SOME_TIME] = key("backoff", 50_000_000)
    factor: Annotated[float, Number(Range(1, 100))] = 2.0


class OnReject(msgspec.Struct, frozen=True):
    """What becomes of a task that an ES has no place for: ``retry``, and in the end what ``then`` says."""

    then: Annotated[str, Choice(("local",))] = "local"
    retry: Annotated[RetrySection | None, Section(RetrySection)] = None


class OnCut(msgspec.Struct, frozen=True):
    """What becomes of a task whose ES is out of reach: ``retry``, and in the end what ``then`` says."""

    then: Annotated[str, Choice(("local", "wait", "recover"))] = "local"
    retry: Annotated[RetrySection | None, Section(RetrySection)] = None


class HedgeSection(msgspec.Struct, frozen=True):
    """A task without a result so long ``after_ns`` its post is executed locally besides."""

    after_ns: Annotated[int, SOME_TIME] = msgspec.field(name="after")


class BreakerSection(msgspec.Struct, frozen=True):
    """After ``failures`` in a row nothing is offloaded for ``open_ns``."""

    failures: Annotated[int, SOME_TRIES] = 3
    open_ns: Annotated[int, SOME_TIME] = key("open", 5_000_000_000)


class ResilienceKeys(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of section ``ue`` that are about failures."""

    on_reject: Annotated[OnReject, Section(OnReject, "then")] = OnReject()
    on_cut: Annotated[OnCut, Section(OnCut, "then")] = OnCut()
    hedge: Annotated[HedgeSection | None, Section(HedgeSection, "after")] = None
    breaker: Annotated[BreakerSection | None, Section(BreakerSection)] = None

    @property
    def resilience(self) -> Resilience:
        """The options as the model has them."""
        return Resilience(
            on_reject=_retry(self.on_reject.retry),
            on_cut=_retry(self.on_cut.retry),
            waits_out_cuts=self.on_cut.then == "wait",
            recovers_from_cuts=self.on_cut.then == "recover",
            hedge_after_ns=self.hedge.after_ns if self.hedge is not None else -1,
            breaker=Breaker(self.breaker.failures, self.breaker.open_ns) if self.breaker is not None else None,
        )


def _retry(given: RetrySection | None) -> Retry | None:
    return None if given is None else Retry(given.times, given.backoff_ns, given.factor)
