"""The spaces that follow from a config, where a cell's part of them stands, and what a right action is."""

import numpy as np
from gymnasium.spaces import Box, MultiBinary, MultiDiscrete
from numpy.typing import NDArray

from testbed.gym.config import EnvironmentConfig
from testbed.model.errors import UsageError
from testbed.model.targets import known_actions
from testbed.policy.features import CELL_FEATURES, DECISION_FEATURES, LIMIT
from testbed.twin.observe import sizes

ActionSpace = MultiBinary | MultiDiscrete


def action_space(config: EnvironmentConfig, ues: int | None = None) -> ActionSpace:
    """One decision for each UE of the region (or of so many ``ues``) in index order: 0 local, 1 offload, and where
    agents choose targets the other edge servers from 2 on."""
    count = len(config.system.ues) if ues is None else ues
    return MultiBinary(count) if config.actions == "multibinary" else MultiDiscrete([config.system.actions] * count)


def observation_space(config: EnvironmentConfig) -> Box[np.float32]:
    """The observation of the whole region, float32, shape (L,); docs/reference/environments.md has the units."""
    low, high = _bounds(config)
    assert len(low) == sizes(len(config.system.ues), len(config.system.edge_servers))[config.observation]
    if config.normalize:
        unit = scale(config)
        low, high = low * unit, np.minimum(high * unit, 1.0)
    return Box(low, high, dtype=np.float32)


def scale(config: EnvironmentConfig) -> NDArray[np.float32]:
    """What an observation is multiplied by to be of unit size, (L,)."""
    high = _bounds(config)[1]
    return (1.0 / np.where(np.isfinite(high), high, LIMIT)).astype(np.float32)


def to_unit_size(seen: NDArray[np.float32], unit: NDArray[np.float32]) -> None:
    """Scale observations in place; a number of tasks beyond 8, which has no bound, becomes 1."""
    np.minimum(np.multiply(seen, unit, out=seen), np.float32(1.0), out=seen)


def _bounds(config: EnvironmentConfig) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    bounds = _full(config) if config.observation == "full" else _paper(config)
    low, high = (np.array(side, np.float32) for side in zip(*bounds, strict=True))
    return low, high


def _full(config: EnvironmentConfig) -> list[tuple[float, float]]:
    """Bounds that are the same for every cell, so that agents of equal cells have equal spaces."""
    system, workload = config.system, config.scenario.workload
    one_task = workload.arrivals == "bernoulli" and not workload.trace
    crowding = max(len(system.cell_ues(es.index)) * 1e9 / (es.cpu_hz * es.cores) for es in system.edge_servers)
    cell = [(0.0, LIMIT)] * (CELL_FEATURES - 1) + [(0.0, crowding)]
    decision = [(-LIMIT, LIMIT)] * 2 + [(0.0, LIMIT)] * (DECISION_FEATURES - 3)
    return cell * len(system.edge_servers) + [*decision, (0.0, 1.0 if one_task else np.inf)] * len(system.ues)


def _paper(config: EnvironmentConfig) -> list[tuple[float, float]]:
    system = config.system
    bounds = []
    for es in system.edge_servers:
        queues = len(system.cell_ues(es.index)) + 1
        bounds += [(0.0, LIMIT)] * queues + [(0.0, 1.0)] * (1 + len(system.edge_servers))
    return bounds


def places(config: EnvironmentConfig, cell: int) -> NDArray[np.intp]:
    """Where the observation of ``cell`` stands in the region's: its ES's numbers, then its UEs'."""
    system = config.system
    ues, count = system.cell_ues(cell), len(system.edge_servers)
    if config.observation == "paper":
        first = sum(len(system.cell_ues(c)) + 1 + 1 + count for c in range(cell))
        return np.arange(first, first + len(ues) + 2 + count)
    own = np.arange(cell * CELL_FEATURES, (cell + 1) * CELL_FEATURES)
    at = count * CELL_FEATURES
    blocks = [np.arange(DECISION_FEATURES) + at + ue.index * DECISION_FEATURES for ue in ues]
    return np.concatenate([own, *blocks])


# Actions -------------------------------------------------------------------------------------------------------------


def checked(action: object, config: EnvironmentConfig) -> NDArray[np.int8]:
    """``action`` as choices (N,) of what there is; `UsageError` says what is wrong with it, and at which UE."""
    names, actions = config.system.ues, config.system.actions
    choices = _numbers(action, len(names), actions)
    return _explained(action, [ue.name for ue in names], "the action", actions) if choices is None else choices


def checked_cell(action: object, config: EnvironmentConfig, cell: int, agent: str) -> NDArray[np.int8]:
    """As `checked`, for the UEs of one cell."""
    names = [ue.name for ue in config.system.cell_ues(cell)]
    actions = config.system.actions
    choices = _numbers(action, len(names), actions)
    return _explained(action, names, f"the action of {agent}", actions) if choices is None else choices


def _numbers(action: object, count: int, actions: int) -> NDArray[np.int8] | None:
    """An array of ``count`` integers below ``actions`` as choices; None for everything else (which may still be
    right)."""
    if not isinstance(action, np.ndarray) or action.shape != (count,) or action.dtype.kind not in "biu":
        return None
    choices = action.astype(np.int8)
    if choices.tobytes().strip(bytes(range(actions))) or (action.itemsize > 1 and not (action == choices).all()):
        return None
    return choices


def _explained(action: object, names: list[str], what: str, actions: int) -> NDArray[np.int8]:
    known = known_actions(actions)
    try:
        numbers = np.asarray(action, np.float64)
    except (TypeError, ValueError, RuntimeError):  # the last: a tensor that does not become an array
        each = "0 or 1" if actions == 2 else known
        raise UsageError(f"{what} is {action!r:.60}", f"{len(names)} numbers are needed, {each}") from None
    if numbers.shape != (len(names),):
        remedy = f"({len(names)},) is needed: {known} for {names[0]} to {names[-1]}"
        raise UsageError(f"{what} has shape {numbers.shape}", remedy)
    wrong = np.flatnonzero(~np.isin(numbers, np.arange(actions)))
    if len(wrong):
        at = int(wrong[0])
        raise UsageError(f"{what} holds {numbers[at]:g} for {names[at]}", f"{known} is needed")
    return numbers.astype(np.int8)


def masks(can_offload: NDArray[np.bool_], actions: int = 2) -> NDArray[np.bool_]:
    """Which choices make a difference, (…, N, ``actions``): local always, everything else if the UE can.

    ``can_offload`` (…, N) tells which UEs have undecided tasks and reach their edge server.
    """
    possible = np.ones((*can_offload.shape, actions), np.bool_)
    possible[..., 1:] = can_offload[..., None]
    return possible


def flat_masks(can_offload: NDArray[np.bool_], actions: int = 2) -> NDArray[np.bool_]:
    """As `masks`, UE by UE in one row, (…, ``actions``·N): what the contrib package of Stable-Baselines3 asks for."""
    return masks(can_offload, actions).reshape(*can_offload.shape[:-1], -1)


def told_mask(can_offload: NDArray[np.bool_], actions: int = 2) -> NDArray[np.int8]:
    """``info["action_mask"]``: `masks` as Gymnasium's spaces take them."""
    return masks(can_offload, actions).view(np.int8)
