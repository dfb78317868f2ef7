"""Which network stands for a policy that is named without one: the user's own for the scenario, or the shipped one."""

from pathlib import Path

from testbed import networks

CHECKPOINTS = Path("checkpoints")
NETWORKS_FOLDER = Path(networks.__file__).parent
NAMES = ("a3c-do",)


def path_of(strategy: str) -> Path | None:
    """The shipped network of ``strategy``, trained over a family of scenarios; None if there is none."""
    return NETWORKS_FOLDER / f"{strategy}.npz" if strategy in NAMES else None


def own_of(strategy: str, scenario: str) -> Path:
    """Where training keeps the network of ``strategy`` for the scenario of that name."""
    return CHECKPOINTS / scenario / f"{strategy}.npz"


def network_of(strategy: str, scenario: str) -> tuple[Path, str] | None:
    """The network of ``strategy`` for a scenario, and words that tell which it is; None if nobody has one.

    One that was trained for the scenario, where training keeps it, comes before the shipped one.
    """
    own, shipped = own_of(strategy, scenario), path_of(strategy)
    if shipped is None:
        return None
    if own.is_file():
        return own, f"{strategy}: your network for {scenario} decides, {own}"
    return shipped, f"{strategy}: the shipped network decides; `testbed train {scenario}` makes its own ({own})"
