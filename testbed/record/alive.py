"""Whether a process that was noted once still lives: a number alone may have passed to another one since."""

import os
import platform
from pathlib import Path

STATE, START_TIME = 0, 19
_ENDED = "ZX"


def birth(pid: int) -> int | None:
    """When process ``pid`` was started, in clock ticks since the host's; None if it does not live (any more).

    Ticks, as the kernel counts them: psutil's instants move with the wall clock, and would make a run end that goes on.
    """
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return None if words[STATE] in _ENDED else int(words[START_TIME])


def is_alive(pid: object, born: object) -> bool:
    """Whether the process lives that had ``pid`` and was started at ``born``; where that was not noted, any of them."""
    started = birth(pid) if isinstance(pid, int) and pid > 0 else None
    return started is not None and (not isinstance(born, int) or started == born)


def home() -> str:
    """Where this process's number means something: the host since its start, and the namespace of process numbers."""
    try:
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return platform.node()
