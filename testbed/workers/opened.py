"""Where work is done: by processes of this host, or at a cluster."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import Executor

from testbed.workers import cluster, local
from testbed.workers.materials import Materials

NOTHING = Materials()


@contextlib.contextmanager
def opened(count: int, address: str | None = None, materials: Materials = NOTHING) -> Iterator[Executor | None]:
    """An executor at the cluster at ``address``, or of ``count`` processes of this host; None for this process alone.

    Leaving it by an error gives up what was begun. Raises as `cluster.connected` and `local.processes`.
    """
    if address is not None:
        with cluster.connected(address, materials) as there:
            yield there
    elif count > 1:
        with local.processes(count) as here:
            yield here
    else:
        yield None
