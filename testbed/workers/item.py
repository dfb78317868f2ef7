"""A piece of work on a scenario and strategies by name, which can be carried out where their files are not."""

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from testbed.scenario.schema import Scenario
from testbed.workers.materials import Place, here, relocated, relocated_strategy

T = TypeVar("T")


class Item(msgspec.Struct, Generic[T], frozen=True):
    """``work`` on ``scenario`` by ``strategies``, both of which it is given as they are named where it happens."""

    work: Callable[[Scenario, tuple[str, ...]], T]
    scenario: Scenario
    strategies: tuple[str, ...] = ()

    def __call__(self, place: Place = here) -> T:
        """Do it; ``place`` tells where files are."""
        names = tuple(relocated_strategy(name, place) for name in self.strategies)
        return self.work(relocated(self.scenario, place), names)
