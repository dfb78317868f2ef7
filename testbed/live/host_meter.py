"""How loaded the CPUs were during a run, and what energy the packages used, where they say it."""

import json
import os
from typing import NamedTuple

import psutil

from testbed.live.rapl import Rapl

SPENT_ON = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
TICK_S = 0.01


class CpuShares(NamedTuple):
    """Shares of the time of the CPUs that this process may use: used, and taken away by the hypervisor."""

    used: float
    steal: float


class CpuMeter:
    """Shares of CPU time since it was made."""

    def __init__(self) -> None:
        self._begin = _cpu_seconds()

    def shares(self) -> CpuShares | None:
        """The shares so far; None where no time has passed yet, or the host does not count it."""
        spent = {name: seconds - self._begin.get(name, 0.0) for name, seconds in _cpu_seconds().items()}
        total = sum(spent.values())
        if total < TICK_S or "steal" not in spent:
            return None
        taken, idle = spent["steal"], spent["idle"] + spent["iowait"]
        return CpuShares(used=1.0 - idle / total, steal=taken / total)


def _cpu_seconds() -> dict[str, float]:
    """Seconds of the CPUs that this process may use, by what they were spent on; guests' are in ``user`` already."""
    try:
        every = psutil.cpu_times(percpu=True)
    except OSError:
        return {}
    allowed = os.sched_getaffinity(0)
    ours = every if len(every) == len(allowed) else [times for number, times in enumerate(every) if number in allowed]
    return {name: sum(getattr(times, name, 0.0) for times in ours) for name in SPENT_ON}


class HostLoad:
    """Shares of CPU time since it was made, and energy."""

    def __init__(self) -> None:
        self._cpu = CpuMeter()
        self._rapl = Rapl()

    def _shares(self) -> CpuShares:
        return self._cpu.shares() or CpuShares(used=0.0, steal=0.0)

    def steal(self) -> float:
        """The share that the hypervisor took away."""
        return self._shares().steal

    def cpu(self) -> float:
        """The share that was not idle."""
        return self._shares().used

    def to_json(self) -> str:
        """``{"steal": …, "cpu": …, "package_j": …, "unmetered": …}``: shares, joules, or why there are none."""
        shares, joules = self._shares(), self._rapl.joules()
        return json.dumps(
            {"steal": shares.steal, "cpu": shares.used, "package_j": joules, "unmetered": self._rapl.problem}
        )
