"""How long until every process of a live run is ready: ``python benchmarks/startup.py [SCENARIO] [--runs 5]``."""

import argparse
import json
import sqlite3
import statistics
import tempfile
from pathlib import Path

from harness import report, testbed


def ready_s(scenario: str, folder: Path) -> tuple[float, int]:
    """Seconds from the launcher's first step to the last process's word, and how many processes those are."""
    testbed("run", scenario, "--slots", "2", "--speed", "4", "--out", str(folder))
    with sqlite3.connect(folder / "run.db") as record:
        (text,) = record.execute("SELECT value FROM meta WHERE key = 'ready_s'").fetchone()
    return float(text), len(json.loads((folder / "processes.json").read_text()))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="seconds until all processes of a live run are ready")
    parser.add_argument("scenario", nargs="?", default="region")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="startup-") as base:
        starts = [ready_s(args.scenario, Path(base) / str(number)) for number in range(args.runs)]
    seconds = [one for one, _ in starts]
    result = {"processes": starts[0][1], "median_s": statistics.median(seconds), "runs_s": seconds}
    runs = " ".join(f"{one:.2f}" for one in seconds)
    text = f"{result['processes']} processes ready after {result['median_s']:.2f} s (median; all runs: {runs})"
    report(args, result, text)


if __name__ == "__main__":
    main()
