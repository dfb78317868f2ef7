"""From nothing to a finished run in containers: the wall time of each step, in one go, on an engine brought up for it.

``python benchmarks/containers.py [SLOTS]``; needs root and Debian's packages, as `make test-containers` does.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.command import call, document  # noqa: E402
from tests.containers import engine  # noqa: E402

SLOTS, SHOWN, SPEEDS = "100", ("tasks", "delay", "fidelity"), ("1", "5")


@contextmanager
def timed(step: str) -> Iterator[None]:
    """Print how long it took."""
    began = time.monotonic()
    yield
    print(f"{step:44} {time.monotonic() - began:7.1f} s", flush=True)


def main(slots: str) -> None:
    """All of it, and how the run went."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="testbed-")))
        clone, kept = folder / "clone", folder / "kept"
        began = time.monotonic()
        with timed("engine fetched and unpacked"):
            engine.fetch(kept)
        with timed("engine started"):
            stack.enter_context(engine.own(kept, folder))
        with timed("base image from this host's packages"):
            os.environ["TESTBED_BASE"] = engine.build_base(folder)
        with timed("clone"):
            subprocess.run(["git", "clone", "--quiet", "--depth", "1", f"file://{ROOT}", clone], check=True)
        with timed("wheelhouse"):
            engine.fill_wheelhouse(clone)
        for target in ("agent", "controller"):
            name = f"testbed-{target}:bench"
            with timed(f"image {target}"):
                engine.build(clone, target, name)
            os.environ[f"TESTBED_{target.upper()}_IMAGE"] = name
        with timed("20 containers up"):
            call("up", "region", "--slots", slots, "--out", "runs/bench", cwd=folder)
        with timed(f"{slots} slots, with its summary"):
            engine.docker("wait", "recorder")
        with timed("down"):
            call("down", cwd=folder)
        print(f"{'in all':44} {time.monotonic() - began:7.1f} s; load {os.getloadavg()[0]:.1f}")
        for line in call("report", "runs/bench", cwd=folder).stdout.splitlines():
            if line.startswith(SHOWN):
                print(line)
        compare(folder, slots)


def compare(folder: Path, slots: str) -> None:
    """The mean delay of the same tasks in containers and on this host, at two speeds, beside the simulation's."""
    ideal = delay(document("run", "region", "--slots", slots, "--backend", "sim", cwd=folder))[0]
    for speed in SPEEDS:
        for backend in ("compose", "testbed"):
            words = ("run", "region", "--slots", slots, "--speed", speed, "--backend", backend)
            mean, grade = delay(document(*words, cwd=folder))
            print(
                f"speed {speed}, {backend:8} mean delay {mean:.4f} s ({mean / ideal - 1.0:+.2%}), grade {grade}",
                flush=True,
            )


def delay(found: Mapping[str, Any]) -> tuple[float, str]:
    """Mean delay in s, and the grade."""
    return float(found["delay_s"]["mean"]), str(found["fidelity"]["grade"])


if __name__ == "__main__":
    try:
        main(*(sys.argv[1:] or [SLOTS]))
    except engine.UnavailableError as why:
        print(f"not measured: {why}")
