"""Coverage by package, from coverage.py's JSON report; exit 1 if a package is under the floor.

``python tools/coverage_floor.py [REPORT]``, after ``coverage json``.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

REPORT = Path("build/coverage/report.json")
FLOOR = 85.0
PACKAGE_DEPTH = 2


def package_of(file: str) -> str:
    """``testbed.node`` for ``testbed/node/host.py``, and ``testbed`` for a module of its own."""
    return ".".join(PurePosixPath(file).parent.parts[:PACKAGE_DEPTH])


def by_package(files: Mapping[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """(covered, all) statements of each package and their sum as ``all``, from those of each file."""
    covered, statements = Counter[str](), Counter[str]()
    for file, (hit, count) in files.items():
        for name in (package_of(file), "all"):
            covered[name] += hit
            statements[name] += count
    return {name: (covered[name], count) for name, count in sorted(statements.items()) if count}


def read(report: Path) -> dict[str, tuple[int, int]]:
    """(covered, all) statements of each file of a JSON report."""
    files = json.loads(report.read_text(encoding="utf-8"))["files"]
    return {
        name: (entry["summary"]["covered_lines"], entry["summary"]["num_statements"]) for name, entry in files.items()
    }


def main(argv: list[str]) -> int:
    """Print a table; returns the exit code."""
    parser = argparse.ArgumentParser(description="Coverage by package, none of which may be under the floor.")
    parser.add_argument("report", nargs="?", type=Path, default=REPORT, help=f"default {REPORT}")
    parser.add_argument("--floor", type=float, default=FLOOR, help=f"in per cent, default {FLOOR:g}")
    args = parser.parse_args(argv)
    low = []
    print("coverage by package: lines run by the tests and by every process that they start")
    for name, (hit, count) in by_package(read(args.report)).items():
        share = 100 * hit / count
        below = share < args.floor
        print(f"  {name:<22}{share:6.1f} %  {hit} of {count}{'  under the floor' if below else ''}")
        if below:
            low.append(name)
    if low:
        print(f"under {args.floor:g} %: {', '.join(low)}", file=sys.stderr)
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
