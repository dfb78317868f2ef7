"""A Dask cluster as an executor: workers that are like this client, and that may die, come and go meanwhile."""

import contextlib
import re
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from testbed.model import packages
from testbed.model.errors import LostError, StartError, TestbedError, UsageError
from testbed.workers import remote
from testbed.workers.build import INSTALLED, PACKAGES, build, source_digest
from testbed.workers.materials import Materials
from testbed.workers.seam import P

if TYPE_CHECKING:
    from distributed import Client
    from distributed.client import VersionsDict

T = TypeVar("T")
PACKAGE = "distributed"
_ADDRESS = re.compile(r"(tcp|tls)://[^/\s]+:\d+")
CONNECT_S, _CLOSE_S, _HEALTH_CHECK_S, WORKERLESS_S = 10.0, 2.0, 1.0, 60.0
WORKER_COMMAND = "dask worker {} --nworkers auto --nthreads 1"


def check(address: str) -> None:
    """Raise `UsageError` for what is no address of a scheduler, and `MissingPackageError` without Dask."""
    if not _ADDRESS.fullmatch(address):
        remedy = "write tcp://HOST:PORT, where a Dask scheduler listens"
        raise UsageError(f'--cluster "{address}" is no address', remedy)
    packages.require(PACKAGE)


@contextlib.contextmanager
def connected(address: str, materials: Materials) -> Iterator["ClusterExecutor"]:
    """An executor at the cluster whose scheduler listens at ``address``, which has ``materials`` at hand.

    Raises `StartError` if nobody answers there, if there is no worker, or one of another build or with several threads;
    else as `check`. What was not begun at the end is taken back.
    """
    check(address)
    client = _connect(address)
    try:
        refuse(client, address)
        executor = ClusterExecutor(client, address, materials)
        try:
            yield executor
        finally:
            executor.shutdown(wait=False, cancel_futures=True)
    finally:
        client.close(_CLOSE_S)


def refuse(client: "Client", address: str) -> None:
    """Raise `StartError` unless there are workers, each with one thread and with the build of this client."""
    threads = client.nthreads()
    if not threads:
        raise StartError(f"no worker has come to {address}", _more(address))
    for worker, count in threads.items():
        if count != 1:
            why = f"the worker {worker} has {count} threads: it would do as many things at once in one process"
            raise StartError(why, f"start it with one: {WORKER_COMMAND.format(address)}")
    known = cast("VersionsDict", client.get_versions(packages=PACKAGES))["workers"]
    found = {worker: _known(there["packages"]) for worker, there in known.items()}
    wanted = build()
    remote.refuse_others({worker: {**there, "source": wanted["source"]} for worker, there in found.items()}, wanted)
    digests = client.run(source_digest, on_error="return")
    sources = {worker: {**wanted, "source": _digest(digest)} for worker, digest in digests.items()}
    remote.refuse_others(sources, wanted)


def _known(versions: dict[str, str | None]) -> dict[str, str]:
    """The versions that a worker has, Python's written as everywhere."""
    found = {name: version for name, version in versions.items() if version is not None}
    return {**found, "python": ".".join(found["python"].split(".")[:3])}


def _digest(answer: object) -> str:
    """What a worker says of its source; "" if it cannot even be asked."""
    return answer if isinstance(answer, str) else ""


def _connect(address: str) -> "Client":
    with packages.naming_extras():
        import dask.config

        dask.config.set({"logging.distributed": "critical"})  # what matters is an error here
        from distributed import Client
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of versions, which are checked next
        try:
            return Client(address, timeout=CONNECT_S, set_as_default=False, name="testbed")
        except (OSError, ValueError) as error:
            remedy = "is it that address? `dask scheduler` starts one"
            raise StartError(f"no Dask scheduler answers at {address} ({type(error).__name__})", remedy) from None


class ClusterExecutor(Executor):
    """Work handed to a Dask cluster, whose scheduler gives it to another worker when one dies.

    A future ends with `LostError` when too many workers died at its work, when the scheduler is gone, or when there has
    been no worker for `WORKERLESS_S`.
    """

    def __init__(self, client: "Client", address: str, materials: Materials) -> None:
        self._client, self._address = client, address
        self._inner = client.get_executor(pure=False)
        self._materials: object = materials
        if materials.files:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of large files
                self._materials = client.submit(remote.held, materials, pure=False)
        self._open: set[Future[Any]] = set()
        self._over, self._lock = threading.Event(), threading.Lock()
        self._watch = threading.Thread(target=self._watched, name="cluster", daemon=True)
        self._watch.start()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have ``fn`` called with the given arguments by a worker; all of it must be picklable."""
        work = partial(fn, *args, **kwargs) if args or kwargs else fn
        inner: Future[T] = self._inner.submit(remote.carry_out, work, build(), self._materials)
        outer: Future[T] = Future()
        with self._lock:
            self._open.add(outer)
        inner.add_done_callback(lambda _: self._hand_on(inner, outer))
        outer.add_done_callback(lambda _: self._take_back(inner, outer))
        return outer

    def _hand_on(self, inner: Future[T], outer: Future[T]) -> None:
        """Let ``outer`` end as ``inner`` did."""
        with self._lock:
            self._open.discard(outer)
            if outer.done() or not outer.set_running_or_notify_cancel():
                return
        if inner.cancelled():
            outer.set_exception(self._gone())
        elif (error := inner.exception()) is not None:
            outer.set_exception(self._told(error))
        else:
            outer.set_result(inner.result())

    def _take_back(self, inner: Future[T], outer: Future[T]) -> None:
        if outer.cancelled() and self._client.status == "running":
            inner.cancel()

    def _watched(self) -> None:
        """End what is open when nobody is there any more who could do it."""
        last_s = time.monotonic()
        while not self._over.wait(_HEALTH_CHECK_S):
            there = False
            with contextlib.suppress(OSError, ValueError, CancelledError, TimeoutError):
                there = self._client.status == "running" and bool(self._client.nthreads())
            if there:
                last_s = time.monotonic()
            elif time.monotonic() - last_s > WORKERLESS_S:
                why = f"no worker has been at {self._address} for {WORKERLESS_S:g} s"
                self._fail(LostError(why, _more(self._address)))

    def _fail(self, error: TestbedError) -> None:
        with self._lock:
            failed = [future for future in self._open if future.set_running_or_notify_cancel()]
            self._open.clear()
        for future in failed:
            future.set_exception(error)

    def _told(self, error: BaseException) -> BaseException:
        """``error`` of a worker, or what it amounts to."""
        from distributed.scheduler import KilledWorker

        if isinstance(error, KilledWorker):
            why = f"{error.allowed_failures + 1} workers died at the same work, last {error.last_worker.address}"
            return LostError(why, "is memory short there?")
        if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in INSTALLED:
            return StartError(f"a worker that came to {self._address} lacks {error.name}", remote.SAME_BUILD)
        return error

    def _gone(self) -> TestbedError:
        return LostError(f"the scheduler at {self._address} is gone", "start it anew, and give the same command again")

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 # inherited
        """See `Executor.shutdown`; without ``wait`` nobody waits for what was begun."""
        self._over.set()
        self._watch.join(_CLOSE_S)
        if self._client.status == "running":
            self._inner.shutdown(wait=wait and not cancel_futures)


def _more(address: str) -> str:
    return f"start some: {WORKER_COMMAND.format(address)}"
