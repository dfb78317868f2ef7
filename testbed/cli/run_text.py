"""How far a run is, in words and as a share (pure)."""

from testbed.live.progress import Progress
from testbed.watch.snapshot import Snapshot

HOLD_TASKS = ("kill", "pause", "cut", "partition")  # what some tasks wait for the end of; others only slow them


def text(progress: Progress, end_ns: int) -> str:
    """Where a run that generates tasks until ``end_ns`` is, how many of them ended, which processes hang, and what may
    keep it from ending."""
    if progress.phase == "starting":
        return f"starting: {progress.alive} of {progress.processes} processes are ready"
    end_s = end_ns * 1e-9
    at = f"{progress.now_ns * 1e-9:.1f} of {end_s:.{0 if end_s >= 10 else 1}f} s"
    silent = f", no sign of life from {', '.join(progress.silent[:3])}" if progress.silent else ""
    return f"{progress.phase}: {at}, {progress.finished} of {progress.total} tasks ended{silent}{_held_up(progress)}"


def _held_up(progress: Progress) -> str:
    """What lasts while only tasks that have not ended are waited for, and until when they are."""
    lasting = [one for one in progress.lasting if one.partition(" ")[0] != "overload"]  # it adds tasks, and holds none
    if progress.phase != "draining" or not lasting:
        return ""
    first, *others = sorted(lasting, key=lambda one: one.partition(" ")[0] not in HOLD_TASKS)
    more = len(others)
    what = f"{first} and {more} more last" if more else f"{first} lasts"
    return f"; {what}, the run until {progress.limit_ns * 1e-9:.0f} s"


def share(progress: Progress, end_ns: int) -> float | None:
    """The share of the run that is over, 0 to 1; None before it begins, and for what is left once it only drains."""
    return progress.now_ns / end_ns if 0 < progress.now_ns <= end_ns else None


def snapshot_text(shown: Snapshot) -> str:
    """Where a run is that somebody else started."""
    ended = shown.fates.finished + shown.fates.failed
    return f"{shown.phase}: {shown.now_s:.1f} s, slot {shown.slot} of {shown.slots}, {ended} tasks ended"


def snapshot_share(shown: Snapshot) -> float:
    """The share of its slots that is over, 0 to 1."""
    return shown.slot / shown.slots if shown.slots else 1.0
