"""Checkpoints of learned policies: one ``.npz`` file, written atomically, arrays and JSON only (no pickle)."""

import io
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from controller import network, q_network
from controller.at_once import AtOnce
from controller.learned import Learned
from testbed.model.decide import Policy
from testbed.model.errors import UsageError
from testbed.node.files import keep

FORMAT = 3


def save(path: Path, arrays: dict[str, Any], about: dict[str, Any]) -> None:
    """Write ``arrays`` and the JSON-able ``about`` to ``path``, whole or not at all; see `testbed.node.files.keep`."""
    buffer = io.BytesIO()
    header = json.dumps({"format": FORMAT, **about})
    np.savez(buffer, about=np.array(header), **arrays)
    keep(path, buffer.getvalue())


def read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arrays and the header of a checkpoint; `UsageError` naming what is wrong with the file."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        about = json.loads(str(arrays.pop("about")))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    except (ValueError, KeyError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile):
        raise UsageError(f"{path}: not a checkpoint of `testbed train`, or truncated") from None
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        found = about.get("format") if isinstance(about, dict) else None
        raise UsageError(f"{path}: checkpoint format {found}, this version reads {FORMAT}")
    return arrays, about


def check(path: Path, about: dict[str, Any]) -> dict[str, Any]:
    """The arrays of a checkpoint; `UsageError` naming the first of ``about`` that it was made with differently."""
    arrays, found = read(path)
    for key, wanted in about.items():
        if key != "versions" and found.get(key) != wanted:
            was, name = found.get(key), key
            if isinstance(was, dict) and isinstance(wanted, dict):
                name = next(each for each in {**was, **wanted} if was.get(each) != wanted.get(each))
                was, wanted = was.get(name), wanted.get(name)
            raise UsageError(f'{path}: made with {name} "{was}", this training has "{wanted}"')
    return arrays


def load_policy(path: Path, algorithm: str, explore: bool = False) -> Policy:
    """The trained policy of a checkpoint, checked against ``algorithm`` (``a3c`` or ``dqn``) and its network's size."""
    arrays, about = read(path)
    if about.get("algorithm") != algorithm:
        raise UsageError(f'{path}: trained by "{about.get("algorithm")}", not by "{algorithm}"')
    try:
        head, memory = str(about.get("head", network.SEQUENTIAL)), int(about.get("memory", 0))
        shape = network.layout(head, int(about.get("cell_ues", 1)), memory)
    except (UsageError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: {error}") from None
    flat, size = arrays.get("parameters"), q_network.SIZE if algorithm == "dqn" else shape.size
    if flat is None or flat.shape != (size,) or not np.isfinite(flat).all():
        found = None if flat is None else flat.shape
        raise UsageError(f"{path}: parameters of shape {found}; finite values of shape ({size},) are needed")
    double, paper = bool(about.get("second_offload")), about.get("observation") == "paper"
    flat = flat.astype(np.float32)
    if shape.head in (network.JOINT, network.CONTINUOUS):
        return AtOnce(flat, shape, double, paper)
    dueling, sequential = bool(about.get("dueling", True)), shape.head == network.SEQUENTIAL
    return Learned(flat, double, sequential, explore, algorithm == "dqn", dueling, paper, shape)
