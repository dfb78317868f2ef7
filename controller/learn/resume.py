"""What a training goes on from: a checkpoint of the same training, its arrays checked before anything is done."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from controller.learn.shared import COUNTERS
from testbed.model.errors import InvalidError, UsageError
from testbed.policy import checkpoint
from testbed.policy.arrays import fitting
from testbed.policy.network import Array

ANEW = "leave out --resume to train anew"


def resumed(
    path: Path, about: dict[str, object], start: Array
) -> tuple[dict[str, NDArray[np.generic]], dict[str, object]]:
    """The arrays and the header of the checkpoint at ``path``, made with ``about`` and parameters like ``start``.

    Raises `UsageError`.
    """
    try:
        arrays, header = checkpoint.check(path, about)
    except UsageError as error:
        raise UsageError(error.message, ANEW if error.remedy == checkpoint.MADE_BY else error.remedy) from None
    try:
        averaged = ("averaged",) if about.get("average") else ()
        for name in ("parameters", "current", "square", *averaged):
            fitting(arrays, name, start)
        fitting(arrays, "progress", np.zeros(COUNTERS, np.int64))
        for name in ("square", "progress"):
            if (arrays[name] < 0).any():
                raise InvalidError(f"{name} is negative")
        best = arrays.get("best")
        if best is None or best.shape != () or best.dtype != np.float64 or np.isnan(best):
            raise InvalidError("best is not a number")
    except InvalidError as error:
        raise damaged(path, error) from None
    return arrays, header


def damaged(path: Path, error: InvalidError) -> UsageError:
    """The error of a checkpoint that training cannot go on from."""
    return UsageError(f"{path}: {error.message}", ANEW)
