"""How fast, and in how much memory, a large log of jobs is imported and replayed: MB of log a CPU second and a second,
peak memory.

python benchmarks/import_log.py [--mb 100] [--gzip] [--replay] [--json]

The log is generated: jobs in the Standard Workload Format, about 87 bytes each, in a temporary folder.
"""

import argparse
import gzip
import random
import tempfile
from pathlib import Path
from typing import BinaryIO

from harness import Entry, report, spent, table
from testbed.model.human import MB

JOBS_AT_ONCE = 1000
HEAD = ("what", "log, MB", "jobs", "MB/s", "MB a CPU second", "peak MB")


def write_log(file: BinaryIO, size: int) -> int:
    """Write jobs until the log has ``size`` bytes; returns how many there are."""
    draws, at, number, written = random.Random(1), 0, 0, 0
    while written < size:
        lines = []
        for _ in range(JOBS_AT_ONCE):
            at, number = at + draws.randint(0, 20), number + 1
            run, cores, wait = draws.randint(1, 9999), draws.randint(1, 256), draws.randint(0, 9999)
            lines.append(
                f"{number:7d} {at:9d} {wait:7d} {run:6d} {cores:5d} -1 -1 {cores:5d} {2 * run:6d} -1 1 "
                f"{draws.randint(1, 900):4d} {draws.randint(1, 90):4d} -1 1 -1 -1 -1\n"
            )
        block = "".join(lines).encode()
        file.write(block)
        written += len(block)
    return number


def measured(mb: float, *words: str) -> Entry:
    """Seconds, CPU seconds and peak memory in MB of a verb, of a process of its own, and MB of the log in them."""
    taken = spent(*words)
    return {
        "seconds": taken.wall_s,
        "cpu_seconds": taken.cpu_s,
        "peak_mb": taken.peak_bytes / MB,
        "mb_a_second": mb / taken.wall_s,
        "mb_a_cpu_second": mb / taken.cpu_s,
    }


def line(what: str, log_mb: float, jobs: int, entry: Entry) -> list[str]:
    """What a verb took as a row."""
    speeds = [f"{entry[name]:.1f}" for name in ("mb_a_second", "mb_a_cpu_second")]
    return [what, f"{log_mb:g}", f"{jobs:,}", *speeds, f"{entry['peak_mb']:.0f}"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="how fast a large log is imported")
    parser.add_argument("--mb", type=float, default=100.0, help="size of the log before it is compressed (100)")
    parser.add_argument("--gzip", action="store_true", help="import it compressed")
    parser.add_argument("--replay", action="store_true", help="replay what was imported on the twin, too")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.swf"
        with gzip.open(log, "wb", 1) if args.gzip else log.open("wb") as file:
            jobs = write_log(file, int(args.mb * MB))  # type: ignore[arg-type] # a compressed file is written alike
        imported = str(Path(folder) / "table.csv")
        verbs = {"import": measured(args.mb, "import", "swf", str(log), "-o", imported, "--cpu", "1 kHz")}
        if args.replay:
            out = str(Path(folder) / "run")
            verbs["replay on the twin"] = measured(args.mb, "replay", imported, "--on", "twin", "--plain", "--out", out)
    rows = [line(what, args.mb, jobs, entry) for what, entry in verbs.items()]
    report(args, {"mb": args.mb, "jobs": jobs, "verbs": verbs}, table(HEAD, rows))


if __name__ == "__main__":
    main()
