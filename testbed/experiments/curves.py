"""TensorBoard event files beside a checkpoint, a folder for each training. They are written at once, by nobody else."""

import importlib
import importlib.util
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from controller.learn.train import Report

FOLDER, VERSION = "tensorboard", "brain.Event:2"
NAMES = ("overhead", "best", "rate", "lag", "entropy", "reward")
Say = Callable[[str], None]


def fresh(folder: Path, algorithm: str) -> str:
    """The name of a curve that is not in ``folder`` yet: of ``algorithm``, numbered."""
    number = 1
    while (folder / FOLDER / f"{algorithm}-{number:03d}").exists():
        number += 1
    return f"{algorithm}-{number:03d}"


class Curve:
    """The curve ``name`` of a training in ``folder``, continued if it is there; what fails is said once, and left."""

    def __init__(self, folder: Path, name: str, say: Say) -> None:
        self._say = say
        self._file: Any = None
        self._records: Any = None
        self._event: Any = None
        self._summary: Any = None
        if importlib.util.find_spec("tensorboard") is None:
            say("no TensorBoard files: tensorboard is not installed")
            return
        self._event = importlib.import_module("tensorboard.compat.proto.event_pb2").Event
        self._summary = importlib.import_module("tensorboard.compat.proto.summary_pb2").Summary
        writer: Any = importlib.import_module("tensorboard.summary.writer.record_writer").RecordWriter
        path = folder / FOLDER / name / f"events.out.tfevents.{time.time():.6f}.{platform.node()}.{os.getpid()}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(path, "ab", buffering=0)  # noqa: SIM115 - open as long as training lasts
            self._records = writer(self._file)
            self._write(file_version=VERSION)
        except OSError as error:
            self._give_up(error)

    def _write(self, **event: Any) -> None:
        self._records.write(self._event(wall_time=time.time(), **event).SerializeToString())

    def _give_up(self, error: OSError) -> None:
        self._records = None
        self._say(f"no TensorBoard files from here on: {error.strerror or error}")

    def __call__(self, report: Report) -> None:
        """Write ``report``."""
        if self._records is None:
            return
        values = [self._summary.Value(tag=name, simple_value=getattr(report, name)) for name in NAMES]
        try:
            self._write(step=report.updates, summary=self._summary(value=values))
        except OSError as error:
            self._give_up(error)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
