"""What a host's learners share with the run's directory, which is elsewhere: what was learned, and whether to pause."""

from pathlib import Path

from testbed.record.learning_requests import LEARNED_FILE, is_paused


class LearnedFile:
    """The checkpoint that learners keep in ``folder``, whole at any time."""

    def __init__(self, folder: Path) -> None:
        self._path, self._seen_ns = folder / LEARNED_FILE, -1

    def news(self) -> bytes | None:
        """Its bytes, if it was written since the last call."""
        try:
            written_ns = self._path.stat().st_mtime_ns
            if written_ns == self._seen_ns:
                return None
            content = self._path.read_bytes()
        except OSError:
            return None
        self._seen_ns = written_ns
        return content


class PauseRequest:
    """Whether the learners of the run in ``run_dir`` are to pause, looked up again every ``every_ns``."""

    def __init__(self, run_dir: Path, every_ns: int) -> None:
        self._run_dir, self._every_ns = run_dir, every_ns
        self._looked_ns = 0
        self._paused = False
        self._told: dict[str, bool] = {}

    def news(self, host: str, now_ns: int) -> bool | None:
        """What ``host`` does not know yet, None if nothing. One that is new takes it that they go on."""
        if now_ns - self._looked_ns >= self._every_ns:
            self._looked_ns, self._paused = now_ns, is_paused(self._run_dir)
        if self._told.get(host, False) == self._paused:
            return None
        self._told[host] = self._paused
        return self._paused

    def forget(self, host: str) -> None:
        """``host`` is gone; who comes in its place knows nothing."""
        self._told.pop(host, None)
