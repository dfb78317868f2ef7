"""Checkpoints of learned policies: one ``.npz`` file, written atomically, arrays and JSON only (no pickle)."""

import io
import json
import shlex
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from testbed.model.errors import UsageError
from testbed.model.learning import LEARNS_ONLINE
from testbed.model.targets import ANY_SUFFIX
from testbed.policy import network, q_network
from testbed.policy.heuristics import Policy
from testbed.policy.joint import AtOnce
from testbed.policy.learned import Learned
from testbed.policy.network import Array
from testbed.policy.regional import RegionalNetwork
from testbed.policy.targets_learned import RegionalTargetNetwork, TargetNetwork
from testbed.record.files import keep, unwritable

FORMAT = 3
FREE = ("versions", "curve")
KIND = ("algorithm", "head", "observation", "memory", "cell_ues", "second_offload", "dueling")
IN_RUNS = ("parameters", "square")
MADE_BY = "`testbed train region --algorithm a3c-do` makes one"


def save(path: Path, arrays: dict[str, Any], about: dict[str, Any]) -> None:
    """Write ``arrays`` and the JSON-able ``about`` to ``path``, whole or not; see `testbed.record.files.keep`."""
    keep(path, _written(arrays, {"format": FORMAT, **about}))


def _written(arrays: dict[str, Any], about: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, about=np.array(json.dumps(about)), **arrays)
    return buffer.getvalue()


def for_a_run(path: Path) -> bytes:
    """The checkpoint at ``path`` as far as a run reads it, a tenth: not what only a training goes on from.

    That of a heuristic is returned as it is. Raises as `read`.
    """
    if not zipfile.is_zipfile(path):
        return path.read_bytes()
    arrays, about = read(path)
    return _written({name: arrays[name] for name in IN_RUNS if name in arrays}, about)


def read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arrays and the header of a checkpoint; `UsageError` naming what is wrong with the file."""
    try:
        loaded = np.load(path, allow_pickle=False)
        if not isinstance(loaded, np.lib.npyio.NpzFile):
            raise ValueError
        with loaded as file:
            arrays = {name: file[name] for name in file.files}
        about = json.loads(str(arrays.pop("about")))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}", MADE_BY) from None
    except (ValueError, KeyError, EOFError, RuntimeError, MemoryError, zlib.error, zipfile.BadZipFile):
        raise UsageError(f"{path}: not a checkpoint of a network, or truncated", MADE_BY) from None
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        version = about.get("format") if isinstance(about, dict) else None
        raise UsageError(f"{path}: checkpoint format {version}, this version reads {FORMAT}", MADE_BY)
    return arrays, about


def old(path: Path) -> Path:
    """Where a new training keeps the checkpoint that was at ``path``."""
    return path.with_suffix(f".old{path.suffix}")


def keep_old(path: Path) -> bool:
    """Copy what is at ``path`` to `old`, over an earlier one; whether there was anything. Raises `StartError`."""
    if not path.is_file():
        return False
    try:
        keep(old(path), path.read_bytes())
    except OSError as error:
        raise unwritable(old(path), error) from None
    return True


def check(path: Path, about: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """As `read`; `UsageError` naming the first of ``about`` that the checkpoint was made with differently."""
    arrays, header = read(path)
    for key, wanted in about.items():
        if key not in FREE and header.get(key) != wanted:
            raise _other(path, key, header.get(key), wanted)
    return arrays, header


def _other(path: Path, key: str, was: object, wanted: object) -> UsageError:
    """The error of a checkpoint that ``was`` made with another ``key``; of what is nested, the innermost is named."""
    names = [key]
    while (inner := _inner(was)) is not None and (others := _inner(wanted)) is not None:
        names.append(next(each for each in {**inner, **others} if inner.get(each) != others.get(each)))
        was, wanted = inner.get(names[-1]), others.get(names[-1])
    name = ".".join(names[1:] or names)
    remedy = f"go on with the same, or train anew without --resume: this one is then kept as {old(path).name}"
    if key == "updates":
        remedy = f"the learning rate falls over the updates that were planned: {remedy}"
    return UsageError(f'{path}: made with {name} "{was}", this training has "{wanted}"', remedy)


def _inner(value: object) -> dict[str, Any] | None:
    """The parts of a mapping or a list by name or number; None for what has none."""
    if isinstance(value, list):
        return {str(n): each for n, each in enumerate(value)}
    return value if isinstance(value, dict) else None


def to_go_on_from(path: Path, about: dict[str, Any], size: int) -> Array:
    """The parameters (``size``,) in the checkpoint at ``path``, for a training of ``about``; `UsageError` if its
    network is of another `KIND`.
    """
    arrays, header = read(path)
    for key in KIND:
        if header.get(key) != about[key]:
            why = f'{path}: its {key} is "{header.get(key)}", this training\'s "{about[key]}"'
            raise UsageError(why, "go on from a network of the same kind, or leave out --start")
    return _parameters(path, arrays, size)


def named(path: Path, about: dict[str, Any]) -> str:
    """The policy of the checkpoint at ``path`` with the header ``about``, as a command names it."""
    double = about.get("second_offload") and about.get("head") not in network.CHOOSING.values()
    return shlex.quote(f"{_trained(about)}{'-do' if double else ''}:{path}")


def not_tuned(path: Path, made_by: str) -> UsageError:
    """The error of a file that is no text, where the tuned values of a heuristic belong; ``made_by`` says what makes
    them."""
    try:
        name = named(path, read(path)[1])
    except UsageError:
        return UsageError(f"{path}: not a JSON checkpoint: it is no text", made_by)
    return UsageError(f"{path}: the checkpoint of a network, not tuned values", f"use it as {name}")


def load_policy(path: Path, algorithm: str, *, explore: bool = False) -> Policy:
    """The trained policy of a checkpoint, checked against ``algorithm`` (``a3c``, ``a3c-region``, ``dqn``, or of those
    that choose targets ``a3c-any`` or ``a3c-region-any``) and its network's size."""
    arrays, about = read(path)
    trained, chooses = _trained(about), about.get("head") in network.CHOOSING.values()
    if trained != algorithm:
        raise UsageError(f'{path}: trained by "{trained}", not by "{algorithm}"', f"use it as {named(path, about)}")
    try:
        head, memory = str(about.get("head", network.SEQUENTIAL)), int(about.get("memory", 0))
        shape = network.layout(head, int(about.get("cell_ues", 1)), memory)
    except (UsageError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: {error}") from None
    params = _parameters(path, arrays, q_network.Q_SIZE if algorithm == "dqn" else shape.size)
    double, paper = bool(about.get("second_offload")), about.get("observation") == "paper"
    if shape.head in (network.JOINT, network.CONTINUOUS):
        return AtOnce(params, shape, double=double, paper=paper)
    if chooses:
        return (TargetNetwork if shape.head == network.CELL_ANY else RegionalTargetNetwork)(params)
    if shape.head == network.REGIONAL:
        return RegionalNetwork(params, double=double)
    return Learned(
        params,
        double=double,
        explore=explore,
        values=algorithm == "dqn",
        dueling=bool(about.get("dueling", True)),
        paper=paper,
        shape=shape,
    )


def _parameters(path: Path, arrays: dict[str, Any], size: int) -> Array:
    """Those of a network, (``size``,), of ``arrays``."""
    params = arrays.get("parameters")
    if params is None or params.shape != (size,) or params.dtype.kind != "f":
        dimensions = None if params is None else params.shape
        raise UsageError(f"{path}: parameters of shape {dimensions}; numbers of shape ({size},) are needed", MADE_BY)
    if not np.isfinite(params).all():
        raise UsageError(f"{path}: its parameters are not finite, so nothing can be decided by them", MADE_BY)
    own: Array = params.astype(np.float32)
    return own


def _trained(about: dict[str, Any]) -> str:
    """The policy, but for second offload by the rule, that a checkpoint's header tells of."""
    head = about.get("head")
    region = "-region" if head in (network.REGIONAL, network.REGIONAL_ANY) else ""
    return f"{about.get('algorithm')}{region}{ANY_SUFFIX if head in network.CHOOSING.values() else ''}"


def can_learn_online(path: Path) -> Learned:
    """The policy of a checkpoint; `UsageError` if it is none that can go on learning in a run."""
    learned = load_policy(path, LEARNS_ONLINE)
    if not isinstance(learned, Learned):
        head = read(path)[1].get("head")
        raise UsageError(
            f'{path}: a policy with the head "{head}" cannot learn in a run', "sequential and factored can"
        )
    if learned.remembers:
        raise UsageError(f"{path}: a policy with a recurrent core cannot learn in a run", "train one with memory 0")
    return learned
