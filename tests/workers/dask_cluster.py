"""A Dask cluster for tests: a scheduler and workers as processes of this host, ended by their handles."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from distributed import Client

from tests.command import PATIENCE_S, environment

LOCAL = "tcp://127.0.0.1"


class Cluster:
    """A scheduler, and workers by name, whose files are below ``folder``; use it as a context."""

    def __init__(self, folder: Path, host: str = LOCAL) -> None:
        self.folder, self._processes = folder, dict[str, subprocess.Popen[bytes]]()
        found = folder / "scheduler.json"
        self._start("scheduler", "dask_scheduler", "--host", host, "--port", "0", "--scheduler-file", str(found))
        while not found.exists():
            assert self._processes["scheduler"].poll() is None, self.log("scheduler")
            time.sleep(0.01)
        with Client(scheduler_file=str(found), set_as_default=False) as client:
            self.address = str(client.scheduler.address)

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *error: object) -> None:
        for name in list(self._processes):
            self.kill(name)

    def add(
        self,
        name: str,
        *options: str,
        before: Sequence[str] = (),
        paths: Sequence[Path] = (),
        threads: int = 1,
    ) -> None:
        """Start a worker and wait until it has come; ``before`` is put before its command, ``paths`` are searched for
        modules first."""
        given = ("--nthreads", str(threads), "--no-nanny", "--name", name, "--local-directory", str(self.folder / name))
        self._start(name, "dask_worker", self.address, *given, *options, before=before, paths=paths)
        with Client(self.address, set_as_default=False) as client:
            until = time.monotonic() + PATIENCE_S
            while name not in {one["name"] for one in client.scheduler_info(n_workers=-1)["workers"].values()}:
                assert self._processes[name].poll() is None, self.log(name)
                assert time.monotonic() < until, self.log(name)
                time.sleep(0.01)

    def pid(self, name: str) -> int:
        """The process of ``name``."""
        return self._processes[name].pid

    def is_there(self, name: str) -> bool:
        """Whether it was started, and not killed."""
        return name in self._processes

    def kill(self, name: str) -> None:
        """Kill it, and wait until it has ended."""
        process = self._processes.pop(name)
        process.kill()
        process.wait()

    def log(self, name: str) -> str:
        """What it said."""
        return (self.folder / f"{name}.log").read_text()

    def _start(
        self, name: str, module: str, *options: str, before: Sequence[str] = (), paths: Sequence[Path] = ()
    ) -> None:
        given = environment()
        given["PYTHONPATH"] = os.pathsep.join([*map(str, paths), given["PYTHONPATH"]])
        with (self.folder / f"{name}.log").open("wb") as log:
            self._processes[name] = subprocess.Popen(
                [*before, sys.executable, "-m", f"distributed.cli.{module}", "--no-dashboard", *options],
                cwd=self.folder,
                env=given,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )


@contextlib.contextmanager
def cluster_of(folder: Path, *workers: str) -> Iterator[Cluster]:
    """A cluster of ``workers``, by name."""
    folder.mkdir(parents=True, exist_ok=True)
    with Cluster(folder) as cluster:
        for name in workers:
            cluster.add(name)
        yield cluster


def waits_for(folder: Path, number: int) -> tuple[int, int]:
    """A piece of work: say who is at it, wait until it may go on, and return its number and who it was."""
    (folder / f"at-{os.getpid()}").touch()
    while not (folder / "go").exists():
        time.sleep(0.01)
    return number, os.getpid()
