"""``testbed verify``: set against measured, on real processes; the twin against the simulation."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from testbed.cli.commands import common
from testbed.cli.console import print_json, print_text, warn
from testbed.cli.layout import width
from testbed.cli.progress import ProgressDisplay
from testbed.cli.summary_text import percent
from testbed.cli.text_table import table
from testbed.live.host_meter import HostLoad
from testbed.model.exit_codes import EXIT_FIDELITY, EXIT_OK
from testbed.model.human import duration
from testbed.record.files import scratch
from testbed.verify import links, whole, work
from testbed.verify.bench import Check

Checks = Callable[[], Iterator[Check]]
_SLOTS, _SPEED = {True: 20, False: 60}, "5"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("scenario", nargs="?", default=common.DEFAULT_SCENARIO, help="path or shipped name (region)")
    common.add_scenario_options(parser)
    parser.add_argument("--speed", metavar="X", help=f"speed of the scenario's run ({_SPEED})")
    parser.add_argument("--quick", action="store_true", help="fewer samples; under a minute")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def main(args: argparse.Namespace) -> int:
    """Check real processes against what was asked of them; returns the exit code."""
    if args.slots is None and args.duration is None:
        args.slots = _SLOTS[args.quick]
    args.speed = args.speed or _SPEED
    resolved, workload = common.load(args.scenario, args)
    load, begun, checks = HostLoad(), time.monotonic(), list[Check]()
    with scratch() as folder, ProgressDisplay(sys.stderr, plain=args.json) as display:
        parts = suite(quick=args.quick)
        parts["twin"] = lambda: whole.twin(resolved, workload, warn)
        parts["scenario"] = lambda: whole.scenario(resolved, workload, str(folder / "run"))
        for i, (name, part) in enumerate(parts.items()):
            display(f"verifying: {name}", i / len(parts))
            for check in part():
                checks.append(check)
                display(f"verifying: {name}, {check.what}", i / len(parts))
    ok = all(check.ok for check in checks)
    host = {"steal": load.steal(), "cpu": load.cpu(), "seconds": time.monotonic() - begun}
    report(checks, ok=ok, host=host, as_json=args.json)
    return EXIT_OK if ok else EXIT_FIDELITY


def suite(*, quick: bool) -> dict[str, Checks]:
    """The checks that need no scenario, by what they look at."""
    few, some = (3, 1) if quick else (8, 5)
    return {
        "transfers": lambda: links.transfers(few),
        "latency": lambda: links.latencies(few, (1, 20) if quick else (1, 5, 20, 50)),
        "jitter": links.jitter,
        "loss": links.loss,
        "shared radio": lambda: links.shared(some),
        "rate trace": lambda: links.traced(2 * few),
        "cycles": lambda: work.cycles(few),
        "burning": work.burning,
        "queues": lambda: work.queues(4_000 if quick else 40_000, 80 if quick else 400),
    }


def report(checks: list[Check], *, ok: bool, host: dict[str, float], as_json: bool) -> None:
    """Print the table, or the document."""
    if as_json:
        document: dict[str, Any] = {"ok": ok, **host, "checks": [msgspec.to_builtins(check) for check in checks]}
        print_json(document)
        return
    rows = [
        (
            check.kind,
            check.what,
            f"{check.asked:.6g}",
            _known(f"{check.measured:.6g}"),
            check.unit,
            _known(percent(check.error, 2)),
            percent(check.limit, 2),
            str(check.samples),
            "ok" if check.ok else "FAILS",
        )
        for check in checks
    ]
    print_text(table(("check", "", "asked", "measured", "", "error", "limit", "n", ""), rows, width(sys.stdout)))
    failed = sum(not check.ok for check in checks)
    used = f"host CPU {percent(host['cpu'], 0)}, steal {percent(host['steal'], 2)}"
    print_text(f"\n{len(checks)} checks, {failed} outside their limits; {duration(host['seconds'])}, {used}")
    if failed and host["cpu"] > 0.8:
        print_text("  the host was busy with other things: stop them, and verify again")


def _known(text: str) -> str:
    """A number as it is printed; that of nothing is said to be unknown."""
    return "unknown" if text.startswith("nan") else text
