"""The seam: pieces of work handed to an `Executor`, and what they come to, in order or as it comes."""

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")
WAIT_S = 0.2
Stopped = Callable[[], bool]


def never() -> bool:
    """Whether to stop: no."""
    return False


def in_order(executor: Executor, todo: Sequence[Callable[[], T]], stopped: Stopped = never) -> Generator[T, None, None]:
    """What each piece of work comes to, in the order of ``todo``; ends early when ``stopped`` says so.

    Raises what a piece of work raises when its turn comes, so that which of several errors is shown is no accident.
    What was not begun when whoever iterates leaves is not begun any more.
    """
    ended: dict[int, Future[T]] = {}
    turn = 0
    for number, future in _ended(executor, todo, stopped):
        ended[number] = future
        while turn in ended:
            yield ended.pop(turn).result()
            turn += 1


def as_done(executor: Executor, todo: Sequence[Callable[[], T]], stopped: Stopped = never) -> Iterator[tuple[int, T]]:
    """As `in_order`, but as it comes: the number of the piece of work and what it came to."""
    for number, future in _ended(executor, todo, stopped):
        yield number, future.result()


def _ended(executor: Executor, todo: Sequence[Callable[[], T]], stopped: Stopped) -> Iterator[tuple[int, Future[T]]]:
    numbers: dict[Future[T], int] = {}
    try:
        for number, work in enumerate(todo):
            numbers[executor.submit(work)] = number
        waiting = set(numbers)
        while waiting and not stopped():
            done, waiting = wait(waiting, WAIT_S, FIRST_COMPLETED)
            yield from sorted(((numbers.pop(future), future) for future in done), key=lambda pair: pair[0])
    finally:
        for future in numbers:
            future.cancel()
