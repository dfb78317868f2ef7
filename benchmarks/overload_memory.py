"""Memory of a run under ten times the load that it could bear: ``python benchmarks/overload_memory.py``.

Ten emulated minutes of `region` at ten times its density, tasks coming at any time. Prints the resident memory of each
role's largest process in each minute, MB, and what the run said was shed. An edge server's queue has no limit (the
model's default), or ``--limit`` places. What waits belongs to the model and grows with it; what else grew would leak.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import psutil

from testbed.record import reader

MINUTES = 10
SPEED = 30.0


def role_of(name: str) -> str:
    return {"es": "edge server", "ue": "UE"}.get(name.split("-")[0], name)


def sample(pids: dict[str, int]) -> dict[str, float]:
    """The largest resident memory of each role, MB."""
    largest: defaultdict[str, float] = defaultdict(float)
    for name, pid in pids.items():
        try:
            mb = psutil.Process(pid).memory_info().rss / 1e6
        except psutil.NoSuchProcess:
            continue
        largest[role_of(name)] = max(largest[role_of(name)], mb)
    return dict(largest)


def play(folder: Path, limit: str, speed: float) -> tuple[list[dict[str, float]], list[str]]:
    """Minute by minute, and the warnings of the summary."""
    cells = ", ".join(f"{{es: {{cpu: {ghz} GHz, queue_limit: {limit}}}, ues: 5}}" for ghz in (4, 3, 2))
    (folder / "o.yaml").write_text(
        f"name: overload\nslots: {60 * MINUTES}\ndensity: 7\nworkload: {{arrivals: poisson}}\ncells: [{cells}]\n"
        f"emulation: {{speed: {speed}, payload: declared, burn: 0, drain_limit: 1 s}}\n"
    )
    command = [sys.executable, "-m", "testbed", "run", "o.yaml", "--policy", "offload-do", "--plain", "--out", "r"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    table, minutes, begun = folder / "r" / "processes.json", list[dict[str, float]](), time.monotonic()
    while process.poll() is None:
        if not table.exists():
            begun = time.monotonic()
        elif time.monotonic() - begun > 60 / speed * (len(minutes) + 1) and len(minutes) < MINUTES:
            pids = {row["name"]: row["pid"] for row in json.loads(table.read_text())}
            minutes.append(sample(pids | {"launcher": process.pid}))
        time.sleep(0.05)
    run = reader.read_run(folder / "r")
    messages = [f"{event.source}: {event.kind} {event.detail} ({event.value:g})" for event in run.record.events]
    return minutes, [line for line in messages if "unsent" in line or "dropped" in line]


def main() -> None:
    parser = argparse.ArgumentParser(description="memory under ten times the load")
    parser.add_argument("--limit", default="unlimited", help="queue_limit of the edge servers; default: unlimited")
    parser.add_argument("--speed", type=float, default=SPEED, help=f"default: {SPEED:g}")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        minutes, shed = play(Path(folder), arguments.limit, arguments.speed)
    roles = sorted({role for minute in minutes for role in minute})
    print("| minute | " + " | ".join(roles) + " |\n|---|" + "---|" * len(roles))
    for number, minute in enumerate(minutes, 1):
        print(f"| {number} | " + " | ".join(f"{minute.get(role, 0):.0f}" for role in roles) + " |")
    print("shed:", *(shed or ["nothing"]), sep="\n  ")


if __name__ == "__main__":
    main()
