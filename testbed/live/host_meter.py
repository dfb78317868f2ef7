"""How loaded the CPUs were during a run, from /proc/stat, and what energy the packages used, where they say it."""

import json
import os
from pathlib import Path

from testbed.live.rapl import Rapl

_STAT = Path("/proc/stat")


def read_ticks() -> list[int]:
    """Ticks of the CPUs that this process may use: user, nice, system, idle, iowait, irq, softirq, steal, …

    Empty where there are none.
    """
    try:
        lines = [line.split() for line in _STAT.read_text(encoding="ascii").splitlines()]
    except OSError:
        return []
    mine = {f"cpu{number}" for number in os.sched_getaffinity(0)}
    rows = [[int(word) for word in words[1:]] for words in lines if words and words[0] in mine]
    return [sum(column) for column in zip(*rows, strict=False)]


class HostLoad:
    """Shares of CPU time since it was made, and energy."""

    def __init__(self) -> None:
        self._begin = read_ticks()
        self._rapl = Rapl()

    def _shares(self) -> tuple[float, float]:
        end = read_ticks()
        if len(self._begin) < 8 or len(end) < 8:
            return 0.0, 0.0
        spent = [b - a for a, b in zip(self._begin[:8], end[:8], strict=True)]
        total = max(1, sum(spent))
        return spent[7] / total, 1.0 - (spent[3] + spent[4]) / total

    def steal(self) -> float:
        """The share that the hypervisor took away."""
        return self._shares()[0]

    def cpu(self) -> float:
        """The share that was used."""
        return self._shares()[1]

    def to_json(self) -> str:
        """``{"steal": …, "cpu": …, "package_j": …, "unmetered": …}``: shares, joules, or why there are none."""
        steal, cpu = self._shares()
        joules = self._rapl.joules()
        return json.dumps({"steal": steal, "cpu": cpu, "package_j": joules, "unmetered": self._rapl.problem})
