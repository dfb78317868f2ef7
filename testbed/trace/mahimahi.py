"""Mahimahi's link traces: one line a delivery opportunity of 1500 bytes, in ms since the start (Winstein et al., 2013).

The trace repeats at its last instant. Opportunities are binned into segments of constant rate, so that every period
moves exactly the recorded bits.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from testbed.model.delay import NS_PER_MS
from testbed.model.errors import text_error
from testbed.scenario.schema import LinkTrace
from testbed.trace import rates
from testbed.trace.notes import Say, quiet

OPPORTUNITY_BITS = 12_000
HOLE_MS = 1_000


def parse(text: str, file: str, bin_ns: int = 100_000_000, say: Say = quiet) -> LinkTrace:
    """The trace of ``text`` in bins of ``bin_ns`` (the last one may be shorter). Raises `ScenarioError`."""
    instants = _instants(text, file)
    if not instants or instants[-1] == 0:
        remedy = "give one instant in ms a line, the last above 0"
        raise text_error(file, text, 1, 1, "the trace has no duration", remedy)
    period = instants[-1] * NS_PER_MS
    last = -(-period // bin_ns) - 1
    counts = Counter(min(ms * NS_PER_MS // bin_ns, last) for ms in instants)
    last_ns = period - bin_ns * last
    _tell(instants, bin_ns if last else last_ns, last_ns, say)
    return rates.trace(_segments(counts, bin_ns, last, last_ns), file)


def _segments(counts: dict[int, int], bin_ns: int, last: int, last_ns: int) -> Iterator[tuple[int, float]]:
    """(ns, bit/s) of each bin with opportunities, and of each row of bins without."""
    begun = 0
    for place, number in sorted(counts.items()):
        if place > begun:
            yield (place - begun) * bin_ns, 0.0
        width = last_ns if place == last else bin_ns
        yield width, number * OPPORTUNITY_BITS * 1e9 / width
        begun = place + 1


def _tell(instants: list[int], bin_ns: int, last_ns: int, say: Say) -> None:
    """Say what was assumed, and what might surprise."""
    say(f"one line is {OPPORTUNITY_BITS:,} bit, and the trace repeats after its last instant, {instants[-1]:,} ms")
    longest, since = max((after - before, before) for before, after in pairwise([0, *instants]))
    if longest >= HOLE_MS:
        say(f"the longest hole, {longest:,} ms without a line, begins at {since:,} ms: it is kept, as silence")
    if last_ns * 10 < bin_ns:
        say(f"the last bin lasts {last_ns / NS_PER_MS:g} ms only: a rate that stands out there is none of the link's")


def _instants(text: str, file: str) -> list[int]:
    """The instants in ms, checked to be whole and in order."""
    instants: list[int] = []
    for number, line in enumerate(text.splitlines(), start=1):
        word = line.strip()
        if not word:
            continue
        column = line.index(word) + 1
        if not (word.isascii() and word.isdigit()) or len(word) > 12:
            remedy = "write whole milliseconds since the start"
            raise text_error(file, text, number, column, f'"{word}" is not an instant in ms', remedy, len(word))
        if instants and int(word) < instants[-1]:
            message = f"{word} ms comes after {instants[-1]} ms"
            raise text_error(file, text, number, column, message, "write instants in order", len(word))
        instants.append(int(word))
    return instants
