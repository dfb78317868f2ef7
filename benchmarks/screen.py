"""What the live screen costs: its CPU time and memory, and grades of runs with and without it.

``python benchmarks/screen.py [--ues 15 300] [--runs 5] [--slots 300] [--speed 20]``

15 UEs have a process each, and the density of the table of fidelity at this speed: there, runs without a screen have
an A.
"""

import os
import pty
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from harness import Entry, measure, middle, options, report, table, testbed

PATIENCE_S = 600
LOOK_S = 5.0  # seldom: who looks takes time from the run too
HEAD = ("UEs", "screen", "grades", "p99 of the delay error", "share of a core, median (most)", "MB, first to last")


def scenario_of(ues: int, slots: int, speed: float) -> list[str]:
    """The scenario and its changes."""
    words = ["region", "--policy", "greedy-do", "--slots", str(slots), "--speed", f"{speed:g}"]
    words += ["--set", "emulation.payload=declared", "--set", f"density={0.5 if ues == 15 else 0.02}"]
    if ues != 15:
        words += ["--set", "emulation.ues_per_process=50", "--set", "emulation.burn=0.01"]
        for cell in range(3):
            words += ["--set", f"cells.{cell}.ues={ues // 3}"]
    return words


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
    """Read what the terminal shows, until it is closed."""
    try:
        while os.read(master, 65536):
            pass
    except OSError:
        pass


def run(row: Entry) -> Entry:
    """One run, with a screen or without: its grade, and what the screen took meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["run", *scenario_of(row["ues"], row["slots"], row["speed"]), "--out", "r"]
        command = [sys.executable, "-m", "testbed", *words, *([] if row["screen"] else ["--plain"])]
        shares, megabytes = measured(command, Path(folder))
        fidelity = testbed("report", f"{folder}/r")["fidelity"]
    return {
        "grade": fidelity["grade"] or "-",
        "error_p99": fidelity["delay_error"]["p99"],
        "shares": shares,
        "megabytes": megabytes,
    }


def line(entries: Sequence[Entry]) -> Sequence[str]:
    """The runs of as many UEs, all with a screen or all without."""
    shares = [share for entry in entries for share in entry["shares"]]
    sizes = [size for entry in entries for size in entry["megabytes"]]
    return (
        str(entries[0]["ues"]),
        "yes" if entries[0]["screen"] else "no",
        "".join(entry["grade"] for entry in entries),
        f"{middle(entry['error_p99'] for entry in entries):.2%}",
        f"{100 * middle(shares):.1f} % ({100 * max(shares):.1f} %)" if shares else "–",
        f"{sizes[0]:.0f} to {sizes[-1]:.0f}" if sizes else "–",
    )


def main() -> None:
    """Measure and print."""
    parser = options("what the live screen costs")
    parser.add_argument("--ues", type=int, nargs="+", default=[15, 300])
    parser.add_argument("--slots", type=int, default=300)
    parser.add_argument("--speed", type=float, default=20.0)
    args = parser.parse_args()
    wanted = [
        {"ues": ues, "slots": args.slots, "speed": args.speed, "turn": turn, "screen": screen}
        for ues in args.ues
        for turn in range(args.runs)
        for screen in (True, False)  # in turn, so that both see the same host
    ]
    entries = measure(wanted, args.out, run)
    kinds = [(ues, screen) for ues in args.ues for screen in (True, False)]
    rows = [line([entry for entry in entries if (entry["ues"], entry["screen"]) == kind]) for kind in kinds]
    report(args, entries, table(HEAD, rows))


if __name__ == "__main__":
    main()
