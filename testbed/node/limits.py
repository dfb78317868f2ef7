"""What this process may use of its host: CPUs, memory, descriptors, tasks; limits of containers and shells count.

Control groups are read where the kernel mounts them (versions 1 and 2), from the process's own group up to the root:
the tightest limit of all counts.
"""

import contextlib
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil

UNLIMITED = float("inf")
DESCRIPTORS_A_PROCESS, DESCRIPTORS_OPEN, DESCRIPTORS_BESIDE = 5, 8, 24
TASKS_A_PROCESS = 4
_ROOT = Path("/")


def cores(root: Path = _ROOT) -> float:
    """CPUs that this process may use: those of its affinity, no more than its control group's quota; int if whole."""
    quotas = [_quota(folder) for folder in _groups("cpu", root)]
    fewest = min([float(len(os.sched_getaffinity(0))), *quotas])
    return int(fewest) if fewest == int(fewest) else fewest


def total_memory(root: Path = _ROOT) -> float:
    """Bytes of memory, no more than the control group may have."""
    limits = [_first_number(folder, "memory.max", "memory.limit_in_bytes") for folder in _groups("memory", root)]
    return min([float(psutil.virtual_memory().total), *limits])


def free_memory(root: Path = _ROOT) -> float:
    """Bytes of memory that can still be had; what a group's file cache holds could be had too."""
    free = [float(psutil.virtual_memory().available)]
    for folder in _groups("memory", root):
        limit = _first_number(folder, "memory.max", "memory.limit_in_bytes")
        used = _first_number(folder, "memory.current", "memory.usage_in_bytes", unknown=0.0) - _cache(folder)
        free.append(max(0.0, limit - used))
    return min(free)


def free_tasks(root: Path = _ROOT) -> float:
    """Processes and threads that can still be started; infinite where nothing limits them."""
    rooms = [UNLIMITED]
    for folder in _groups("pids", root):
        rooms.append(_first_number(folder, "pids.max") - _first_number(folder, "pids.current", unknown=0.0))
    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    if soft != resource.RLIM_INFINITY and os.getuid() != 0:
        rooms.append(float(soft - _own_tasks()))
    return max(0.0, min(rooms))


def most_descriptors() -> float:
    """Descriptors that a process may have open at most, if it asks."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return UNLIMITED if hard == resource.RLIM_INFINITY else float(hard)


def open_descriptors() -> int:
    """Descriptors that this process has open."""
    return len(os.listdir("/proc/self/fd"))


def descriptors_of(processes: int, already: int = DESCRIPTORS_OPEN) -> int:
    """Descriptors of a launcher of so many processes that has ``already`` some open: no process of a run has more.

    Each process has a handle, a socket to it, and the connections of that and of its own to the
    launcher, of which the last is watched (`testbed.node.gate`).
    """
    return DESCRIPTORS_A_PROCESS * processes + already + DESCRIPTORS_BESIDE


def may_open(descriptors: int) -> bool:
    """Let this process and its children open so many descriptors, raising the soft limit; False if that cannot be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or descriptors <= soft:
        return True
    if descriptors > most_descriptors():
        return False
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, hard))
    return True


class CpuPeriods(msgspec.Struct, frozen=True):
    """Periods of the tightest CPU quota so far, and in how many of them the group had used it up; ``cores`` is the
    quota, infinite where there is none."""

    cores: float = UNLIMITED
    periods: int = 0
    throttled: int = 0

    def since(self, before: "CpuPeriods") -> "CpuPeriods":
        """What came after ``before``."""
        return CpuPeriods(self.cores, self.periods - before.periods, self.throttled - before.throttled)


def cpu_periods(root: Path = _ROOT) -> CpuPeriods:
    """How often the quota that binds this process most has held it back so far."""
    tightest = CpuPeriods()
    for folder in _groups("cpu", root):
        quota = _quota(folder)
        if quota < tightest.cores:
            stat = _table(folder / "cpu.stat")
            tightest = CpuPeriods(quota, int(stat.get("nr_periods", 0)), int(stat.get("nr_throttled", 0)))
    return tightest


def memory_limit(root: Path = _ROOT) -> float:
    """Bytes that this process's control groups may have; infinite where nothing limits them below what there is."""
    limit = total_memory(root)
    return limit if limit < float(psutil.virtual_memory().total) else UNLIMITED


def peak_memory(root: Path = _ROOT) -> float:
    """The most bytes that this process's control group has had; 0 where nobody says."""
    names = ("memory.peak", "memory.max_usage_in_bytes")
    return next((_first_number(folder, *names, unknown=0.0) for folder in _groups("memory", root)), 0.0)


def _own_tasks() -> int:
    """Threads of all processes of this user, which is what the kernel counts."""
    uid, count = os.getuid(), 0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.uids().real == uid:
                count += process.num_threads()
    return count


def _groups(controller: str, root: Path) -> Iterator[Path]:
    """Folders of the control groups that limit this process, its own first."""
    for mount, inside, unified in _mounts(controller, root):
        folder = mount / _own_group("" if unified else controller, root, inside).strip("/")
        yield from (place for place in (folder, *folder.parents) if place.is_relative_to(mount) and place.is_dir())


def _mounts(controller: str, root: Path) -> Iterator[tuple[Path, str, bool]]:
    """Mount points of the hierarchies that have ``controller``, the group that each shows as its root, and whether it
    is the unified hierarchy (version 2).
    """
    for line in _lines(root / "proc/self/mountinfo"):
        before, _, after = line.partition(" - ")
        places, kinds = before.split(), after.split()
        if len(places) < 5 or len(kinds) < 3:
            continue
        if kinds[0] == "cgroup2" or (kinds[0] == "cgroup" and controller in kinds[2].split(",")):
            yield root / places[4].lstrip("/"), places[3], kinds[0] == "cgroup2"


def _own_group(controller: str, root: Path, inside: str) -> str:
    """The process's group of ``controller`` ("": unified) relative to the group ``inside``, which a mount shows.

    It is "" where the group lies elsewhere, as in a container that is told its group's path on the host.
    """
    for line in _lines(root / "proc/self/cgroup"):
        controllers, _, path = line.partition(":")[2].partition(":")
        if controller in controllers.split(",") and path.startswith(inside.rstrip("/")):
            return path.removeprefix(inside.rstrip("/"))
    return ""


def _quota(folder: Path) -> float:
    """CPUs that the group in ``folder`` may use."""
    words = " ".join(_lines(folder / "cpu.max")).split()
    if not words:
        words = [*_lines(folder / "cpu.cfs_quota_us"), *_lines(folder / "cpu.cfs_period_us")]
    try:
        quota, period = float(words[0]), float(words[1])
    except (IndexError, ValueError):  # "max", or no such file
        return UNLIMITED
    return quota / period if quota > 0.0 and period > 0.0 else UNLIMITED


def _first_number(folder: Path, *names: str, unknown: float = UNLIMITED) -> float:
    """The number in the first of the files called ``names`` that has one."""
    for name in names:
        with contextlib.suppress(IndexError, ValueError):
            return float(_lines(folder / name)[0])
    return unknown


def _cache(folder: Path) -> float:
    """Bytes of files that the group would give up for memory."""
    stat = _table(folder / "memory.stat")
    return stat.get("total_inactive_file", stat.get("inactive_file", 0.0))


def _table(path: Path) -> dict[str, float]:
    """The words and numbers of a file that has one of each a line."""
    words = (line.split() for line in _lines(path))
    return {word[0]: float(word[1]) for word in words if len(word) == 2}


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
