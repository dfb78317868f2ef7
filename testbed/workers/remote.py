"""A piece of work at a worker of a cluster: nothing of it stays there but what the worker removes when it ends."""

import contextlib
import ctypes
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from testbed.model.errors import StartError, TestbedError
from testbed.workers.build import DISTRIBUTION, build
from testbed.workers.item import Item
from testbed.workers.materials import Materials, naming_originals, unpacked

if TYPE_CHECKING:
    from distributed import Worker

T = TypeVar("T")
SAME_BUILD = "install the same there, from the same sources and requirements.lock, and start it anew"
MATERIALS_FOLDER, _LOOK_S = "testbed-materials", 0.5


def carry_out(work: Callable[[], T], wanted: Mapping[str, str], materials: Materials) -> T:
    """Carry out ``work`` with its ``materials`` if this worker's build is the ``wanted`` one.

    Raises what ``work`` raises, errors naming files as their maker does, and `StartError` for another build.
    """
    from distributed import get_worker

    worker = get_worker()
    refuse_others({worker.address: build()}, wanted)
    with _ended_when_cancelled(worker), _temporary_files_in(worker.local_directory):
        return work_with(work, materials, Path(worker.local_directory).resolve() / MATERIALS_FOLDER)


def work_with(work: Callable[[], T], materials: Materials, root: Path) -> T:
    """Carry out ``work`` with its ``materials``, which are kept below ``root``; see `carry_out`."""
    if not isinstance(work, Item):
        return work()
    item: Item[T] = work
    try:
        return item(unpacked(materials, root))
    except TestbedError as error:
        raise naming_originals(error, materials, root) from error.__cause__


class WorkCancelledError(BaseException):
    """Raised in work that nobody wants any more: nothing but the worker itself should catch it."""


@contextlib.contextmanager
def _ended_when_cancelled(worker: "Worker") -> Iterator[None]:
    """End what is done in this context when its client takes it back: Dask itself would let it go on to its end."""
    key, thread, over = worker.get_current_task(), threading.get_ident(), threading.Event()

    def watch() -> None:
        while not over.wait(_LOOK_S):
            task = worker.state.tasks.get(key)
            if task is None or task.state == "cancelled":
                raised = ctypes.py_object(WorkCancelledError)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), raised)
                return

    watcher = threading.Thread(target=watch, name="cancelled", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


@contextlib.contextmanager
def _temporary_files_in(folder: str) -> Iterator[None]:
    """Let temporary files be made below ``folder``, which goes with the worker, whatever ends that."""
    before, tempfile.tempdir = tempfile.tempdir, folder
    try:
        yield
    finally:
        tempfile.tempdir = before


def held(materials: Materials) -> Materials:
    """``materials`` as a result, which the cluster brings to each worker that needs it, once."""
    return materials


def refuse_others(found: Mapping[str, Mapping[str, str]], wanted: Mapping[str, str]) -> None:
    """Raise `StartError` for workers, by address, whose build is not the ``wanted`` one.

    What a worker lacks is no difference, but for the project: work that needs it says so.
    """
    for address, there in found.items():
        differences = [
            f"{name} {there.get(name) or 'missing'}, here {version}"
            for name, version in wanted.items()
            if there.get(name, version if name not in (DISTRIBUTION, "source") else "") != version
        ]
        if differences:
            raise StartError(
                f"the worker {address} has another build than this client: {'; '.join(differences)}",
                SAME_BUILD,
            )
