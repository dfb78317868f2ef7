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
    found = arrays.get(name)
    if found is None:
        raise InvalidError(f"holds no {name}")
    same = found.shape[1:] == like.shape[1:] and len(found) <= len(like) if rows else found.shape == like.shape
    if not same or found.dtype != like.dtype:
        raise InvalidError(
            f"{name} of shape {found.shape} and type {found.dtype}; {like.shape}, {like.dtype} is needed"
        )
    if found.dtype.kind == "f" and not np.isfinite(found).all():
        raise InvalidError(f"{name} is not finite")
    return np.asarray(found)
