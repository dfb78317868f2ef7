"""Fidelity of ``region`` over several hosts: network namespaces with clocks days apart, reached by ssh or as a swarm.

``python benchmarks/hosts.py [--slots N] [--speed X] [--write FILE]``; needs root and Debian's packages, as
`make test-hosts` does.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from harness import Entry, report, table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.command import document  # noqa: E402
from tests.hosts import sshd, swarm  # noqa: E402
from tests.workers import namespaces  # noqa: E402

HEAD = ("hosts", "clocks known to", "delay error p50", "p99", "mean delay", "against the simulation", "grade", "load")
ONE_HOST, BY_SSH, BY_SWARM = "this one", "{} by ssh", "a swarm of 2"


def on_one_host(folder: Path, options: list[str]) -> Mapping[str, Any]:
    """The summary of a run of processes of this host."""
    return document("run", "region", *options, "--out", "run", cwd=folder)


def by_ssh(count: int) -> Callable[[Path, list[str]], Mapping[str, Any]]:
    """Plays over so many hosts, each with an ssh server and a clock of its own."""

    def run(folder: Path, options: list[str]) -> Mapping[str, Any]:
        with ExitStack() as stack:
            address, names = stack.enter_context(namespaces.hosts(count))
            first, _, last = address.rpartition(".")
            lines = [f"launcher: {address}", "hosts:"]
            for n, name in enumerate(names):
                own = f"{first}.{int(last) + 1 + n}"
                ahead = ("unshare", "--time", "--monotonic", str((n + 1) * swarm.APART_S), "--fork", "--kill-child")
                before = ("ip", "netns", "exec", name, *ahead)
                config = stack.enter_context(sshd.served(folder / name, before, own))
                holds = f"[cell-{n + 1}{', controller' if n == 0 else ''}]"
                reach = f"{{ssh: far, config: {config}, python: {sshd.python()}}}"
                lines.append(f"  - {{name: {name}, address: {own}, cores: 1, holds: {holds}, reach: {reach}}}")
            (folder / "hosts.yaml").write_text("\n".join(lines) + "\n")
            return document("run", "region", *options, "--hosts", "hosts.yaml", "--out", "run", cwd=folder)

    return run


def as_swarm(folder: Path, options: list[str]) -> Mapping[str, Any]:
    """Plays over a swarm."""
    with swarm.nodes():
        run, _ = swarm.run(folder, "bench", ["region", *options])
        return document("report", str(run), cwd=folder)


def measured(slots: str, speed: str) -> Iterator[Entry]:
    """A row for each way to have hosts."""
    options = ["--slots", slots, "--speed", speed]
    with tempfile.TemporaryDirectory(prefix="testbed-") as base:
        ideal = document("run", "region", "--slots", slots, "--backend", "sim", cwd=Path(base))["delay_s"]["mean"]
        ways = {ONE_HOST: on_one_host, BY_SSH.format(2): by_ssh(2), BY_SSH.format(3): by_ssh(3), BY_SWARM: as_swarm}
        for n, (name, way) in enumerate(ways.items()):
            folder = Path(base) / str(n)
            folder.mkdir()
            load = os.getloadavg()[0]
            summary = way(folder, options)
            yield {"hosts": name, "ideal_s": ideal, "load": load, "summary": summary}


def shown(row: Entry) -> tuple[str, ...]:
    """A row of the table."""
    fidelity, mean_s = row["summary"]["fidelity"], row["summary"]["delay_s"]["mean"]
    return (
        row["hosts"],
        f"{fidelity['clock_uncertainty_ms'] * 1000:.0f} µs" if fidelity["clocks"] else "–",
        f"{fidelity['delay_error']['median']:.2%}",
        f"{fidelity['delay_error']['p99']:.2%}",
        f"{mean_s:.4f} s",
        f"{mean_s / row['ideal_s'] - 1.0:+.2%}",
        fidelity["grade"],
        f"{row['load']:.1f}",
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="the fidelity of region over several hosts")
    parser.add_argument("--slots", default="200", help="of the runs (200)")
    parser.add_argument("--speed", default="5", help="emulated seconds in a wall second (5)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into this page, between its marks")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if why := sshd.missing() or swarm.missing():
        sys.exit(f"not measured: {why}")
    os.environ["TESTBED_CONTROLLER_IMAGE"] = swarm.IMAGE
    rows = list(measured(args.slots, args.speed))
    report(args, rows, table(HEAD, map(shown, rows)), "hosts")


if __name__ == "__main__":
    main()
