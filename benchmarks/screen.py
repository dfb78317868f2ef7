"""What the live screen costs: its CPU time and memory, and grades of runs with and without it.

``python benchmarks/screen.py [--ues 15 300] [--runs 5] [--slots 300] [--speed 20]``

15 UEs have a process each, and the density of the table of fidelity at this speed: there, runs without a screen have
an A.
"""

import argparse
import json
import os
import pty
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

PATIENCE_S = 600
LOOK_S = 5.0  # seldom: who looks takes time from the run too


def options(ues: int, slots: int, speed: float) -> list[str]:
    found = ["region", "--policy", "greedy-do", "--slots", str(slots), "--speed", f"{speed:g}"]
    found += ["--set", "emulation.payload=declared", "--set", f"density={0.5 if ues == 15 else 0.02}"]
    if ues != 15:
        found += ["--set", "emulation.ues_per_process=50", "--set", "emulation.burn=0.01"]
        for cell in range(3):
            found += ["--set", f"cells.{cell}.ues={ues // 3}"]
    return found


def screen_of(launcher: int) -> psutil.Process | None:
    """The process that draws a run's screen, looked for among its launcher's children only."""
    try:
        for child in Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split():
            if b"testbed.watch" in Path(f"/proc/{child}/cmdline").read_bytes():
                return psutil.Process(int(child))
    except (OSError, psutil.Error):
        pass
    return None


def measured(command: list[str], folder: Path) -> tuple[list[float], list[float]]:
    """Shares of one core and resident megabytes of the screen, every few seconds after its beginning."""
    master, slave = pty.openpty()
    os.set_blocking(master, True)
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
    process = subprocess.Popen(command, cwd=folder, stdin=slave, stdout=slave, stderr=slave, env=environment)
    os.close(slave)
    reader = threading.Thread(target=drained, args=(master,), daemon=True)
    reader.start()
    shares, megabytes = [], []
    screen, last, at = None, 0.0, time.monotonic()
    begun = at
    while process.poll() is None and time.monotonic() - begun < PATIENCE_S * 10:
        time.sleep(LOOK_S)
        screen = screen or screen_of(process.pid)
        if screen is None:
            continue
        try:
            spent, now = sum(screen.cpu_times()[:2]), time.monotonic()
            if last:
                shares.append((spent - last) / (now - at))
                megabytes.append(screen.memory_info().rss / 2**20)
            last, at = spent, now
        except psutil.Error:
            break
    process.wait(PATIENCE_S)
    return shares, megabytes


def drained(master: int) -> None:
    try:
        while os.read(master, 65536):
            pass
    except OSError:
        pass


def grade(folder: Path) -> tuple[str, float]:
    found = subprocess.run(
        [sys.executable, "-m", "testbed", "report", "r", "--json"], cwd=folder, capture_output=True, check=True
    )
    fidelity = json.loads(found.stdout)["fidelity"]
    return fidelity["grade"], fidelity["delay_error"]["p99"]


def main() -> None:
    parser = argparse.ArgumentParser(description="What the live screen costs.")
    parser.add_argument("--ues", type=int, nargs="+", default=[15, 300])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--slots", type=int, default=300)
    parser.add_argument("--speed", type=float, default=20.0)
    given = parser.parse_args()
    print("| UEs | screen | grades | p99 of the delay error | share of a core, median (most) | MB, first to last |")
    print("|---|---|---|---|---|---|")
    for ues in given.ues:
        found: dict[bool, tuple[list[str], list[float], list[float], list[float]]]
        found = {True: ([], [], [], []), False: ([], [], [], [])}
        for shown in (True, False) * given.runs:  # in turn, so that both see the same host
            grades, errors, shares, sizes = found[shown]
            with tempfile.TemporaryDirectory() as folder:
                command = [sys.executable, "-m", "testbed", "run", *options(ues, given.slots, given.speed)]
                command += ["--out", "r", *([] if shown else ["--plain"])]
                share, megabytes = measured(command, Path(folder))
                letter, error = grade(Path(folder))
                grades.append(letter)
                errors.append(error)
                shares += share
                sizes += megabytes
        for shown, (grades, errors, shares, sizes) in found.items():
            cpu = f"{100 * statistics.median(shares):.1f} % ({100 * max(shares):.1f} %)" if shares else "–"
            memory = f"{sizes[0]:.0f} to {sizes[-1]:.0f}" if sizes else "–"
            print(
                f"| {ues} | {'yes' if shown else 'no'} | {''.join(grades)} | {100 * statistics.median(errors):.2f} % | "
                f"{cpu} | {memory} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
