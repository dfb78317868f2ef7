"""Short names of policies for tables: without their checkpoints, which are listed once below (pure)."""

from collections import Counter
from collections.abc import Iterable, Mapping

from testbed.policy import loading


def labels(names: Iterable[str]) -> dict[str, str]:
    """A short label for each name; names that differ only in their checkpoints are numbered."""
    listed = list(names)
    total, seen = Counter(map(loading.without_checkpoint, listed)), Counter[str]()
    by_name = {}
    for name in listed:
        short = loading.without_checkpoint(name)
        seen[short] += 1
        by_name[name] = f"{short} ({seen[short]})" if total[short] > 1 else short
    return by_name


def checkpoints(labelled: Mapping[str, str]) -> str:
    """What each shortened label stands for, a line each; "" if none was shortened."""
    lines = [
        f"  {label}: {name.partition(':')[2]}" for name, label in labelled.items() if label != name and ":" in name
    ]
    return "\n".join(["checkpoints", *lines]) if lines else ""
