"""What verbs share whose work may be done elsewhere: the option ``--cluster``, and the executor that it asks for."""

import argparse
import contextlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor

from testbed.cli.commands import common
from testbed.scenario.schema import Scenario
from testbed.workers import cluster
from testbed.workers.materials import gathered
from testbed.workers.opened import opened

CLUSTER_HELP = "work at the Dask cluster whose scheduler listens there (tcp://HOST:PORT), not on this host"


def add_option(parser: argparse._ActionsContainer) -> None:
    """Declare ``--cluster``."""
    parser.add_argument("--cluster", metavar="ADDRESS", help=CLUSTER_HELP)


def check(args: argparse.Namespace) -> None:
    """Raise `TestbedError`, before any work, for a cluster that cannot be meant."""
    if args.cluster is None:
        return
    if getattr(args, "workers", None) is not None:
        common.refuse_options({"--workers": args.workers}, "is for this host: a cluster has the workers that it has")
    cluster.check(args.cluster)


@contextlib.contextmanager
def over(
    args: argparse.Namespace, scenarios: Sequence[Scenario], strategies: Sequence[str], processes: int
) -> Iterator[Executor | None]:
    """The executor that ``args`` ask for, which has what the files of scenarios and strategies hold: at a cluster, or
    of ``processes`` of this host, None for this process alone."""
    check(args)
    if args.cluster is None:
        with opened(processes) as executor:
            yield executor
    else:
        with opened(processes, args.cluster, gathered(scenarios, strategies)) as executor:
            yield executor
