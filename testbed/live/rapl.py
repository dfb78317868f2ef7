"""The CPU packages' own energy counters (Intel RAPL through Linux powercap), where the host has and shows them."""

from pathlib import Path

POWERCAP = Path("/sys/class/powercap")
MICRO = 1e-6


class Rapl:
    """Joules that all packages have used since it was made; ``problem`` says why there are none."""

    def __init__(self, root: Path = POWERCAP) -> None:
        self.problem = ""
        self._packages: dict[Path, int] = {}
        self._used_uj = 0
        try:
            for package in sorted(root.glob("intel-rapl:[0-9]*")):
                if package.name.count(":") == 1:
                    self._packages[package] = _counter(package / "energy_uj")
        except (OSError, ValueError) as error:
            self._packages, self.problem = {}, f"the counters cannot be read ({_why(error)})"
        if not self._packages and not self.problem:
            self.problem = "this host has no energy counters"

    def joules(self) -> float | None:
        """Energy so far; None without counters. To be read more often than they wrap around (about a minute)."""
        try:
            for package, before in self._packages.items():
                now = _counter(package / "energy_uj")
                self._used_uj += now - before
                if now < before:
                    self._used_uj += _counter(package / "max_energy_range_uj")
                self._packages[package] = now
        except (OSError, ValueError) as error:
            self._packages, self.problem = {}, f"the counters cannot be read any more ({_why(error)})"
        return self._used_uj * MICRO if self._packages else None


def _counter(file: Path) -> int:
    return int(file.read_text())


def _why(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
