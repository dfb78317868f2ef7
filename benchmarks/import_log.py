"""How fast, and in how much memory, a large log of jobs is imported: MB of log a CPU second and a second, peak memory.

python benchmarks/import_log.py [--mb 100] [--gzip] [--json]

The log is generated: jobs in the Standard Workload Format, about 87 bytes each, in a temporary folder.
"""

import argparse
import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import BinaryIO

JOBS_AT_ONCE, MB = 1000, 1_000_000


def write_log(file: BinaryIO, size: int) -> int:
    """Write jobs until the log has ``size`` bytes; returns how many there are."""
    draws, at, number, written = random.Random(1), 0, 0, 0
    while written < size:
        lines = []
        for _ in range(JOBS_AT_ONCE):
            at, number = at + draws.randint(0, 60), number + 1
            run, cores, wait = draws.randint(1, 9999), draws.randint(1, 256), draws.randint(0, 9999)
            lines.append(
                f"{number:7d} {at:9d} {wait:7d} {run:6d} {cores:5d} -1 -1 {cores:5d} {2 * run:6d} -1 1 "
                f"{draws.randint(1, 900):4d} {draws.randint(1, 90):4d} -1 1 -1 -1 -1\n"
            )
        block = "".join(lines).encode()
        file.write(block)
        written += len(block)
    return number


def measured(log: Path, table: Path) -> dict[str, float]:
    """Seconds, CPU seconds and peak memory in MB of an import, of a process of its own."""
    command = [sys.executable, "-m", "testbed", "import", "swf", str(log), "-o", str(table), "--cpu", "1 kHz"]
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"the import ended with status {status}")
    wall = time.monotonic() - began
    return {"seconds": wall, "cpu_seconds": usage.ru_utime + usage.ru_stime, "peak_mb": usage.ru_maxrss * 1024 / MB}


def main() -> int:
    parser = argparse.ArgumentParser(description="how fast a large log is imported")
    parser.add_argument("--mb", type=float, default=100.0, help="size of the log before it is compressed (100)")
    parser.add_argument("--gzip", action="store_true", help="import it compressed")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.swf"
        with gzip.open(log, "wb", 1) if args.gzip else log.open("wb") as file:
            jobs = write_log(file, int(args.mb * MB))  # type: ignore[arg-type] # a compressed file is written alike
        found = measured(log, Path(folder) / "table.csv")
    found |= {
        "jobs": jobs,
        "mb_a_second": args.mb / found["seconds"],
        "mb_a_cpu_second": args.mb / found["cpu_seconds"],
    }
    if args.json:
        print(json.dumps(found))
    else:
        speed = f"{found['mb_a_second']:.1f} MB/s, {found['mb_a_cpu_second']:.1f} MB a CPU second"
        print(f"{args.mb:g} MB, {jobs:,} jobs: {speed}, at most {found['peak_mb']:.0f} MB of memory")
    return 0


if __name__ == "__main__":
    sys.exit(main())
