"""TensorBoard event files beside a checkpoint, a folder for each training, written by torch's own writer."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from controller.learn.train import Report

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

FOLDER = "tensorboard"
CURVE_TAGS = ("overhead", "best", "rate", "lag", "entropy", "reward")
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
        self._writer: SummaryWriter | None = None
        try:
            from torch.utils import tensorboard

            self._writer = tensorboard.SummaryWriter(str(folder / FOLDER / name), flush_secs=1)
        except ImportError:
            say("no TensorBoard files: tensorboard is not installed")
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self._writer = None
        self._say(f"no TensorBoard files from here on: {error.strerror or error}")

    def __call__(self, report: Report) -> None:
        """Write ``report``."""
        if self._writer is None:
            return
        try:
            for name in CURVE_TAGS:
                self._writer.add_scalar(name, getattr(report, name), report.updates)
            self._writer.flush()
        except OSError as error:
            self._give_up(error)

    def close(self) -> None:
        """Let go of the file."""
        if self._writer is not None:
            try:
                self._writer.close()
            except OSError as error:
                self._give_up(error)
