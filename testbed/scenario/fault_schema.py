"""The keys of a scenario file that say what goes wrong when; see `testbed.scenario.schema`."""

from typing import Annotated

import msgspec

from testbed.scenario.fault_grammar import FaultPhrase
from testbed.scenario.fault_kinds import Degrade, LinkCut, Overload, Partition, Slow, Standstill
from testbed.scenario.fields import Quantity, Text
from testbed.scenario.kinds import SEED, SOME_TIMES, TIME, key


class FaultSection(msgspec.Struct, frozen=True, kw_only=True):
    """One fault at ``at_ns``, and again ``every_ns`` (-1: never again).

    Or it comes at random from then on, every ``mean_interval_ns`` on average (-1: it does not), by draws of ``key``
    (-1: of the scenario's seed), and may hit any ``es``, ``ue`` or ``cell``; see `testbed.scenario.random_faults`.

    It kills process ``kill`` (a UE, an ES or ``controller``), back after ``restart_after_ns`` (-1: it is not), or is of
    one of `testbed.scenario.fault_kinds` and lasts ``for_ns`` (-1: to the end of the run).
    """

    at_ns: Annotated[int, TIME] = key("at", -1)
    kill: Annotated[str, Text("process name")] = ""
    restart_after_ns: Annotated[int, Quantity("time", SOME_TIMES, {"never": -1})] = key("restart_after", -1)
    for_ns: Annotated[int, Quantity("time", SOME_TIMES, {"unlimited": -1})] = key("for", -1)
    every_ns: Annotated[int, Quantity("time", SOME_TIMES, {"never": -1})] = key("every", -1)
    mean_interval_ns: Annotated[int, Quantity("time", SOME_TIMES, {"never": -1})] = key("mean_interval", -1)
    key: Annotated[int, SEED] = -1
    overload: Annotated[Overload | None, FaultPhrase("overload")] = None
    slow: Annotated[Slow | None, FaultPhrase("slow")] = None
    degrade: Annotated[Degrade | None, FaultPhrase("degrade")] = None
    cut: Annotated[LinkCut | None, FaultPhrase("cut")] = None
    partition: Annotated[Partition | None, FaultPhrase("partition")] = None
    pause: Annotated[Standstill | None, FaultPhrase("pause")] = None

    @property
    def is_random(self) -> bool:
        """Whether it comes at random."""
        return self.mean_interval_ns >= 0
