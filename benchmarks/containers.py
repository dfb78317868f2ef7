"""From nothing to a finished run in containers: the wall time of each step, in one go, on an engine brought up for it.

``python benchmarks/containers.py [SLOTS] [--json]``; needs root and Debian's packages, as `make test-containers` does.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from harness import Entry, report, table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.command import call, document  # noqa: E402
from tests.containers import engine  # noqa: E402

SPEEDS = ("1", "5")


@contextmanager
def timed(steps: list[Entry], step: str) -> Iterator[None]:
    """Note among ``steps`` how long one took, and print it meanwhile."""
    began = time.monotonic()
    yield
    steps.append({"step": step, "seconds": time.monotonic() - began})
    print(f"{step:44} {steps[-1]['seconds']:7.1f} s", file=sys.stderr, flush=True)


def measured(slots: str) -> Entry:
    """All of it, and how the run went."""
    steps: list[Entry] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="testbed-")))
        clone, engine_files = folder / "clone", folder / "kept"
        with timed(steps, "engine fetched and unpacked"):
            engine.fetch(engine_files)
        with timed(steps, "engine started"):
            stack.enter_context(engine.own(engine_files, folder))
        with timed(steps, "base image from this host's packages"):
            os.environ["TESTBED_BASE"] = engine.build_base(folder)
        with timed(steps, "clone"):
            subprocess.run(["git", "clone", "--quiet", "--depth", "1", f"file://{ROOT}", clone], check=True)
        with timed(steps, "wheelhouse"):
            engine.fill_wheelhouse(clone)
        for target in ("agent", "controller"):
            name = f"testbed-{target}:bench"
            with timed(steps, f"image {target}"):
                engine.build(clone, target, name)
            os.environ[f"TESTBED_{target.upper()}_IMAGE"] = name
        with timed(steps, "20 containers up"):
            call("up", "region", "--slots", slots, "--out", "runs/bench", cwd=folder)
        with timed(steps, f"{slots} slots, with its summary"):
            engine.docker("wait", "recorder")
        with timed(steps, "down"):
            call("down", cwd=folder)
        steps.append({"step": "in all", "seconds": sum(step["seconds"] for step in steps)})
        load = os.getloadavg()[0]
        summary = document("report", "runs/bench", cwd=folder)
        delays = list(compare(folder, slots))
    return {"steps": steps, "load": load, "run": summary, "delays": delays}


def compare(folder: Path, slots: str) -> Iterator[Entry]:
    """The mean delay of the same tasks in containers and on this host, at two speeds, beside the simulation's."""
    ideal = delay(document("run", "region", "--slots", slots, "--backend", "sim", cwd=folder))[0]
    for speed in SPEEDS:
        for backend in ("compose", "testbed"):
            words = ("run", "region", "--slots", slots, "--speed", speed, "--backend", backend)
            mean, grade = delay(document(*words, cwd=folder))
            yield {
                "speed": speed,
                "backend": backend,
                "delay_s": mean,
                "against_simulation": mean / ideal - 1.0,
                "grade": grade,
            }


def delay(summary: Mapping[str, Any]) -> tuple[float, str]:
    """Mean delay in s, and the grade."""
    return float(summary["delay_s"]["mean"]), str(summary["fidelity"]["grade"])


def shown(entry: Entry) -> str:
    """Both tables, and what the run came to."""
    steps = table(("step", "seconds"), [(step["step"], f"{step['seconds']:.1f}") for step in entry["steps"]])
    delays = table(
        ("speed", "backend", "mean delay s", "against the simulation", "grade"),
        [
            (
                row["speed"],
                row["backend"],
                f"{row['delay_s']:.4f}",
                f"{row['against_simulation']:+.2%}",
                row["grade"],
            )
            for row in entry["delays"]
        ],
    )
    mean_s, grade = delay(entry["run"])
    tasks = entry["run"]["tasks"]["generated"]
    return f"{steps}\n\nload {entry['load']:.1f}; {tasks} tasks, mean delay {mean_s:.4f} s, grade {grade}\n\n{delays}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="from nothing to a finished run in containers")
    parser.add_argument("slots", nargs="?", default="100", help="of the runs (100)")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    try:
        entry = measured(args.slots)
    except engine.UnavailableError as why:
        print(f"not measured: {why}")
        return
    report(args, entry, shown(entry))


if __name__ == "__main__":
    main()
