"""Links that are cut for a time: when what waits goes on, and who knows of it."""

from collections.abc import Iterable, Iterator, Sequence

Span = tuple[int, int]


def open_ns(at_ns: int, cuts: Sequence[Span]) -> int:
    """When a link that is cut in the spans [begin, end) of ``cuts``, which are disjoint, is open: now, or at an end."""
    for begin, end in cuts:
        if begin <= at_ns < end:
            return end
    return at_ns


def is_known_cut(at_ns: int, cuts: Sequence[Span], detection_ns: int) -> bool:
    """Whether a cut that lasts at ``at_ns`` has been noticed; that it is over is noticed at once."""
    return bool(cuts) and any(begin + detection_ns <= at_ns < end for begin, end in cuts)


def noticed(cuts: Sequence[Span], detection_ns: int, pauses: Sequence[Span]) -> Iterator[Span]:
    """(begin, noticed) of each of ``cuts`` that lasts when it is noticed by who stands still in ``pauses``."""
    for begin, end in cuts:
        at = open_ns(begin + detection_ns, pauses)
        if at < end:
            yield begin, at


def closed_ns(begin_ns: int, end_ns: int, spans: Sequence[Span]) -> int:
    """How much of the time from ``begin_ns`` to ``end_ns`` lies in ``spans``, which are disjoint."""
    return sum(max(0, min(end, end_ns) - max(begin, begin_ns)) for begin, end in spans)


def standing_still(cuts: Sequence[Span], usual: float) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """The caps of a link, as `testbed.model.link.capped_end_ns` takes them: 0 while it is cut, else the ``usual``."""
    edges, caps = [0], [usual]
    for begin, end in cuts:
        edges += [begin, end]
        caps += [0.0, usual]
    return tuple(edges), tuple(caps)


def united(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Spans that cover the same instants, disjoint and in order."""
    found: list[Span] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((begin, end))
    return tuple(found)
