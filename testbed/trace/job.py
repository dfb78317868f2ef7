"""What readers of recorded jobs have in common: how a second on a core becomes work, and what they may be told."""

import math

import msgspec

from testbed.model.delay import NS_PER_S
from testbed.trace.lines import Line, Share, unwatched

MOST_CYCLES = 2**53
LATEST_S = 2**33


class MappedColumn(msgspec.Struct, frozen=True):
    """A column of a table by its name, and what one unit of it is: ns, bits or cycles."""

    name: str
    size: float


class JobOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader may be told.

    ``hz``: the cycles of a second on one recorded core; ``columns``: those of a table, by what they are; what a token
    is in bits and cycles; ``seed`` of what is drawn where only counts were recorded, of which nothing after ``until_s``
    is wanted; ``share`` hears which part of a file has been read.
    """

    hz: float = 1e9
    columns: tuple[tuple[str, MappedColumn], ...] = ()
    bits_per_token: int = 8_000
    cycles_per_token: int = 5_000_000
    seed: int = 0
    until_s: float = math.inf
    share: Share = unwatched


def work(line: Line, at: int, core_s: float, options: JobOptions) -> int:
    """The cycles of ``core_s`` seconds on one core, which cell ``at`` tells, at least 1."""
    cycles = core_s * options.hz
    if cycles >= MOST_CYCLES:
        raise line.error(at, f"{core_s:g} s of a core are too much work", "give a slower core with --cpu")
    return max(1, round(cycles))


def instant_ns(line: Line, at: int, seconds: float) -> int:
    """An instant in ns, which cell ``at`` tells in ``seconds``."""
    if abs(seconds) >= LATEST_S:
        raise line.error(at, f'"{line[at]}" is out of range', "check the unit: what is meant is seconds")
    return round(seconds * NS_PER_S)
