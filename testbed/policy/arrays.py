"""Arrays of a checkpoint, checked before they are used."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from testbed.model.errors import InvalidError


def fitting(arrays: Mapping[str, Any], name: str, like: NDArray[Any], *, rows: bool = False) -> NDArray[Any]:
    """The array ``name``, of the type and shape of ``like``, or with ``rows`` of as many rows at most.

    Raises `InvalidError` if there is no such array, or if it holds a number that is none.
    """
    array = arrays.get(name)
    if array is None:
        raise InvalidError(f"holds no {name}")
    same = array.shape[1:] == like.shape[1:] and len(array) <= len(like) if rows else array.shape == like.shape
    if not same or array.dtype != like.dtype:
        raise InvalidError(
            f"{name} of shape {array.shape} and type {array.dtype}; {like.shape}, {like.dtype} is needed"
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InvalidError(f"{name} is not finite")
    return np.asarray(array)
