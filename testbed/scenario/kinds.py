"""The kinds of value that several sections of a scenario have, by what they measure."""

import math
from typing import TypeVar

import msgspec

from testbed.model.delay import LONGEST_NS
from testbed.scenario.fields import Number, Quantity, Range

Default = TypeVar("Default")
POSITIVE = Range(low=0, above=True)
SHARE = Range(0, 1)
TIMES, SOME_TIMES = Range(0, LONGEST_NS), Range(0, LONGEST_NS, above=True)
EPOCH = Range(0, 2**33 * 10**9)  # of what a trace may count from: 272 years, Unix time too
TIME, SOME_TIME = Quantity("time", TIMES), Quantity("time", SOME_TIMES)
SPEED = Quantity("speed", Range(1, 1e15))
RATE = Quantity("rate", POSITIVE, {"unlimited": math.inf})
KAPPA = Number(Range(0, 1))
POWER, LENGTH = Quantity("power", Range(0, 1e9)), Quantity("length", Range(1e-3, 1e9))
DATA, CYCLES = Quantity("data", Range(1, 2**53)), Quantity("cycles", Range(1, 2**53))
PER_BIT, FACTOR = Number(Range(0, 1e9, above=True)), Number(Range(1e-9, 1e9))
SEED = Number(Range(0, 2**63 - 1), whole=True)
DEMANDS = ("azure", "swf", "functions", "functions-2019", "alibaba", "google", "table")
COUNT = Number(Range(1, 1e9), whole=True)


def key(name: str, default: Default) -> Default:
    """A field written as ``name`` in the file."""
    field: Default = msgspec.field(name=name, default=default)
    return field
