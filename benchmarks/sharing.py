"""What a piece of work costs besides itself, by whom it is done: ``python benchmarks/sharing.py [--pieces 500]``.

Two processes of this host, and two workers of a Dask cluster: at ``--cluster``, or started here for the purpose.
"""

import argparse
import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from functools import partial

from harness import report, table
from testbed.scenario.load import load_scenario
from testbed.workers import cluster, local
from testbed.workers.item import Item
from testbed.workers.opened import NOTHING
from testbed.workers.seam import in_order

WORKERS = 2
HEAD = ("work by", "ready, s", "nothing, ms", "a scenario sent, ms", "100 kB back, ms")


def nothing() -> None:
    """Do nothing."""


def nothing_with(scenario: object, strategies: object) -> None:
    """Do nothing with a scenario."""


def result_of(size: int) -> bytes:
    """A result of so many bytes."""
    return bytes(size)


@contextlib.contextmanager
def dask_workers(address: str) -> Iterator[Executor]:
    """Workers of the cluster at ``address``; "": of one that is started here."""
    if address:
        with cluster.connected(address, NOTHING) as executor:
            yield executor
        return
    from distributed import LocalCluster

    with (
        LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address=None) as started,
        cluster.connected(started.scheduler_address, NOTHING) as executor,
    ):
        yield executor


def measured(executor: Executor, work: Callable[[], object], pieces: int, rounds: int) -> float:
    """Milliseconds for each of ``pieces`` pieces of work, from the first handed over to the last received; median."""
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        for _ in in_order(executor, [work] * pieces):
            pass
        times.append((time.perf_counter() - begun) * 1e3 / pieces)
    return statistics.median(times)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="what a piece of work costs besides itself")
    parser.add_argument("--pieces", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cluster", default="", metavar="ADDRESS", help="a Dask scheduler (one is started)")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    kinds: dict[str, Callable[[], object]] = {
        "nothing": nothing,
        "scenario": Item(nothing_with, load_scenario("region")),
        "result": partial(result_of, 100_000),
    }
    places: dict[str, Callable[[], AbstractContextManager[Executor]]] = {
        "processes of this host": partial(local.processes, WORKERS),
        "Dask workers": partial(dask_workers, args.cluster),
    }
    result: dict[str, dict[str, float]] = {}
    for place, opened in places.items():
        begun = time.perf_counter()
        with opened() as executor:
            list(in_order(executor, [nothing] * WORKERS))
            ready_s = time.perf_counter() - begun
            costs = {name: measured(executor, work, args.pieces, args.rounds) for name, work in kinds.items()}
        result[place] = {"ready_s": ready_s, **costs}
    lines = [[place, *(f"{value:.2f}" for value in one.values())] for place, one in result.items()]
    report(args, result, table(HEAD, lines))


if __name__ == "__main__":
    main()
