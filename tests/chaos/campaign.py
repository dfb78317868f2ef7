"""Live runs that are hurt at random: ``python -m tests.chaos.campaign 500`` goes on where it was ended.

Each run has a scenario with planned faults. While it goes on, its processes are killed and stopped, by signals and by
request; now and then launcher or process starter is hit. Then everything that is left is looked at: the exit code, the
ledger, processes, sockets, shared memory, memory, the record's integrity, a report and a replay of it.
"""

import argparse
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import psutil

from testbed.analysis import replay
from testbed.experiments.runner import summary_of
from testbed.protocol.rows import KILL, PAUSE, RESTART, RESUME
from testbed.record import reader
from testbed.record.fault_requests import FaultRequest, ask
from tests.chaos.support import left, pids
from tests.command import PATIENCE_S, start

COUNTED = ("generated", "completed", "late", "failed", "recovered", "unaccounted")
RESULTS = Path("build/chaos.jsonl")
MOST_MB = 400
PLANNED = (
    "kill: es-1, restart_after: 2 s",
    "kill: ue-1-2, restart_after: 1 s",
    "kill: controller",
    "for: 3 s, slow: es-2 to 30%",
    "for: 3 s, cut: ue-1-1:es-1",
    "for: 3 s, cut: es-1:es-2",
    "for: 3 s, partition: cell 2",
    "for: 3 s, degrade: ue-2-1 to 1 Mbit/s +20 ms",
    "for: 3 s, overload: cell 1 x 3",
)
ASKED = (KILL, RESTART, PAUSE, RESUME)
MEMBERS = ("es-1", "es-2", "ue-1-1", "ue-1-2", "ue-2-1", "controller")
# What ends a run, and the exit codes that may follow: a signal that comes when the run is over ends the summary.
ENDS = {
    "": (0,),
    "interrupt": (0, 130, -signal.SIGINT),
    "terminate": (0, 130, -signal.SIGTERM),
    "kill the launcher": (0, -signal.SIGKILL),
    "kill the starter": (0, 4),
}


class Run(msgspec.Struct, kw_only=True):
    """One run: what was planned and done to it, what came of it, and what was wrong."""

    seed: int
    planned: list[str]
    hurts: list[tuple[float, str, str]]
    ending: str
    code: int = 0
    tasks: dict[str, Any] = {}
    most_mb: float = 0.0
    wall_s: float = 0.0
    wrong: list[str] = []


def drawn(seed: int) -> Run:
    """What is planned for a run, and done to it after how many seconds."""
    rng = Random(seed)
    ending = rng.choice([way for way in ENDS if way]) if rng.random() < 0.25 else ""
    planned = [f"{{at: {rng.uniform(1, 20):.3f} s, {what}}}" for what in rng.sample(PLANNED, rng.randint(0, 3))]
    ways = ("kill -9", "stop", *(f"ask to {way}" for way in ASKED))
    hurts = [(rng.uniform(0, 1.2), rng.choice(ways), rng.choice(MEMBERS)) for _ in range(rng.randint(1, 4))]
    return Run(seed=seed, planned=planned, hurts=sorted(hurts), ending=ending)


def play(seed: int, folder: Path) -> Run:
    """Play the run of ``seed`` in a new folder inside ``folder``, which is removed unless something is wrong."""
    run, place, begun, rng = drawn(seed), folder / f"chaos-{seed}", time.monotonic(), Random(-seed)
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    shared = shared_memory()
    (place / "c.yaml").write_text(
        f"name: chaos\nseed: {seed}\nslots: 30\ndensity: 0.6\n"
        "cells: [{es: {cpu: 3 GHz}, ues: 2}, {es: {cpu: 2 GHz}, ues: 1}]\n"
        f"emulation: {{burn: 0.01, payload: declared, speed: 20, transport: {rng.choice(('ipc', 'ipc', 'tcp'))}}}\n"
        f"faults: [{', '.join(run.planned)}]\n"
    )
    strategy = rng.choice(("greedy-do", "offload-do"))
    process = start("run", "c.yaml", "--policy", strategy, "--plain", "--out", "r", cwd=place)
    try:
        under_way(process, place / "r")
        hurt(process, place / "r", run, rng)
        out, err = process.communicate(timeout=PATIENCE_S)
        run.code = process.returncode
        run.wrong = [*wrong_end(run, out + err), *wrong_remains(run, place / "r", shared)]
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a failure of this run, and the others are tried too
        run.wrong = [*run.wrong, f"{type(error).__name__}: {error}"]
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    run.wall_s = time.monotonic() - begun
    if not run.wrong:
        shutil.rmtree(place)
    return run


def under_way(process: "subprocess.Popen[str]", place: Path) -> None:
    """Wait until the run has recorded something."""
    while process.poll() is None:
        if (place / "processes.json").exists():
            with closing(sqlite3.connect(place / "run.db")) as db:
                if db.execute("SELECT count(*) FROM slots").fetchone()[0]:
                    return
        time.sleep(0.02)
    raise AssertionError("it ended before anything was recorded")


def hurt(process: "subprocess.Popen[str]", place: Path, run: Run, rng: Random) -> None:
    """Do to the run what is planned; a process that is stopped goes on after a while."""
    begun, stopped = time.monotonic(), list[tuple[float, int]]()
    last = run.hurts[-1][0] + rng.uniform(0, 0.5)
    actions = [*run.hurts, *([(last, run.ending, "")] if run.ending else [])]
    for at, way, name in actions:
        time.sleep(max(0.0, begun + at - time.monotonic()))
        if process.poll() is not None:
            break
        run.most_mb = max(run.most_mb, most_mb(process.pid))
        if way.startswith("ask to "):
            ask(place, request(rng, way.removeprefix("ask to "), name))
        elif name:
            pid = pids(place).get(name, 0)
            signal_to(pid, signal.SIGKILL if way == "kill -9" else signal.SIGSTOP)
            if way == "stop":
                stopped.append((time.monotonic() + rng.uniform(0.05, 0.5), pid))
        else:
            end_it(process, way)
    for until, pid in stopped:
        time.sleep(max(0.0, until - time.monotonic()))
        signal_to(pid, signal.SIGCONT)


def request(rng: Random, way: str, name: str) -> FaultRequest:
    """What is asked for; who stands still goes on after a while, or the run would end at its drain limit."""
    return FaultRequest(way, name, rng.choice((1.0, 3.0) if way == PAUSE else (0.0, 1.0, 3.0)))


def end_it(process: "subprocess.Popen[str]", way: str) -> None:
    """End a run by hand."""
    if way == "kill the starter":
        for child in psutil.Process(process.pid).children():
            signal_to(child.pid, signal.SIGKILL)
        return
    ways = {"interrupt": signal.SIGINT, "terminate": signal.SIGTERM, "kill the launcher": signal.SIGKILL}
    process.send_signal(ways[way])


def signal_to(pid: int, number: int) -> None:
    """Send a signal to a process of the run, if it is still there."""
    if pid > 0:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return


def most_mb(pid: int) -> float:
    """The resident memory of the largest process of the run, MB."""
    sizes = [0]
    try:
        for one in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
            sizes.append(one.memory_info().rss)
    except psutil.NoSuchProcess:
        pass
    return max(sizes) / 1e6


def shared_memory() -> set[str]:
    """What lies in shared memory, and no process has it any more."""
    found = set(os.listdir("/dev/shm"))
    for maps in Path("/proc").glob("[0-9]*/maps"):
        try:
            text = maps.read_text(errors="replace") if found else ""
        except OSError:
            continue
        found = {name for name in found if name not in text}
    return found & set(os.listdir("/dev/shm"))  # a process of another that ended meanwhile took its own along


def wrong_end(run: Run, said: str) -> list[str]:
    """What is wrong with how the command ended; one that drained before it was to be ended did well too."""
    wrong = []
    if run.code not in ENDS[run.ending]:
        wrong.append(f"exit code {run.code}, not one of {ENDS[run.ending]}: {said[-500:]}")
    if "Traceback" in said:
        wrong.append(said[-1500:])
    if run.most_mb > MOST_MB:
        wrong.append(f"a process had {run.most_mb:.0f} MB")
    return wrong


def wrong_remains(run: Run, place: Path, shared: set[str]) -> list[str]:
    """What is wrong with what a run has left behind."""
    wrong, limit = list[str](), time.monotonic() + 10
    while left(place) and time.monotonic() < limit:
        time.sleep(0.02)
    if left(place):
        wrong.append(f"processes are left: {left(place)}")
    killed = run.code == -signal.SIGKILL
    folders = [name for name in ("sock", "node") if (place / name).exists()]
    if folders and not killed:
        wrong.append(f"folders are left: {folders}")
    if shared_memory() - shared:
        wrong.append(f"shared memory is left: {shared_memory() - shared}")
    with closing(sqlite3.connect(place / "run.db")) as db:
        if db.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            wrong.append("the record is damaged")
    recorded = reader.read_run(place)
    summary = summary_of(recorded)
    run.tasks = {name: summary.tasks[name] for name in COUNTED}
    if summary.tasks["unaccounted"]:
        wrong.append(f"unaccounted: {summary.problems[:3]}")
    if not run.ending and recorded.reason:
        wrong.append(f"it ended because of {recorded.reason}")
    again = replay.as_recorded(recorded)
    replayed = {(row.ue, row.number): row.choice for row in again.tasks}
    decided = {(row.ue, row.number): row.choice for row in recorded.tasks if row.choice >= 0}
    if not decided.items() <= replayed.items():
        wrong.append(f"a replay has other tasks: {sorted(decided.items() - replayed.items())[:3]}")
    return wrong


def table(runs: list[Run]) -> str:
    """What came of all runs, as a table of a page."""
    ways = Counter(way for run in runs for _, way, _ in run.hurts) + Counter(run.ending for run in runs if run.ending)
    tasks: Counter[str] = Counter()
    for run in runs:
        tasks.update(run.tasks)
    rows = {
        "runs": len(runs),
        "planned faults": sum(len(run.planned) for run in runs),
        "hurts": ", ".join(f"{way} {count}" for way, count in sorted(ways.items())),
        "tasks": ", ".join(f"{name} {count:,}" for name, count in tasks.items()),
        "most memory of a process": f"{max((run.most_mb for run in runs), default=0.0):.0f} MB",
        "runs with something wrong": sum(bool(run.wrong) for run in runs),
        "time": f"{sum(run.wall_s for run in runs) / 60:.0f} min",
    }
    return "\n".join(["| what | how many |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())])


def main(argv: list[str]) -> int:
    """Play so many runs in all, those of earlier calls included; exit code 1 if anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.campaign", description="live runs, hurt at random")
    parser.add_argument("runs", type=int, nargs="?", default=500, help="in all; default: 500")
    parser.add_argument("--out", type=Path, default=RESULTS, help=f"results; default: {RESULTS}")
    given = parser.parse_args(argv)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    lines = given.out.read_text().splitlines() if given.out.exists() else []
    kept = [msgspec.json.decode(line, type=Run) for line in lines]
    done = {run.seed for run in kept}
    with given.out.open("a", encoding="utf-8") as file:
        for seed in range(given.runs):
            if seed not in done:
                kept.append(play(seed, Path(tempfile.gettempdir())))
                print(msgspec.json.encode(kept[-1]).decode(), file=file, flush=True)
                print(f"run {seed}: {kept[-1].wrong or 'nothing is wrong'}", flush=True)
    print(table(kept))
    return 1 if any(run.wrong for run in kept) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
