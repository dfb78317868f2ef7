"""What benchmarks share: their options, a verb's JSON, a file of measurements from which one goes on, tables."""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

Entry = dict[str, Any]
RESULTS = Path(__file__).parent / "results"
PLAIN = ("lc", "offload", "offload-do", "random", "random-do", "greedy", "greedy-do")  # untrained
POLICIES = ("lc", "random-do", "greedy-do")  # played live


def options(
    description: str, repeats: str = "--runs", quick: str = "", page: str = "", *, default: int = 5
) -> argparse.ArgumentParser:
    """What benchmarks of many runs are asked: ``repeats`` of each (``default``), ``--out``, ``--json``, and if they
    have them a form that is ``quick`` and a ``page`` of the documentation, which rests on published runs.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--out", type=Path, help="JSON lines to keep runs in, and to go on from")
    parser.add_argument(repeats, type=int, default=default, help=f"of each ({default})")
    if quick:
        parser.add_argument("--quick", action="store_true", help=quick)
    if page:
        parser.add_argument("--show", action="store_true", help="measure nothing, print --out, or the published runs")
        parser.add_argument("--write", type=Path, metavar="FILE", help=f"put {page} into this page, between its marks")
    parser.add_argument("--json", action="store_true")
    return parser


def testbed(*arguments: str, codes: Sequence[int] = (0,), python: str = sys.executable) -> Entry:
    """What ``testbed ... --json`` prints; raises `subprocess.CalledProcessError` for an exit code not in ``codes``."""
    command = [python, "-m", "testbed", *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in codes:
        sys.stderr.write(done.stderr)
        done.check_returncode()
    document: Entry = json.loads(done.stdout)
    return document


class Spent(msgspec.Struct, frozen=True):
    """What a process took: seconds of wall time, seconds of CPU time, bytes of memory at the most."""

    wall_s: float
    cpu_s: float
    peak_bytes: int


def spent(*arguments: str, pythonpath: str = "") -> Spent:
    """What ``testbed ...`` takes, in a process of its own that prints nothing; its children are not counted.

    Ends the program with what the verb said if it fails. ``pythonpath`` is another checkout to be measured.
    """
    environment = {**os.environ, **({"PYTHONPATH": pythonpath} if pythonpath else {})}
    with tempfile.TemporaryFile() as errors:
        began = time.monotonic()
        command = [sys.executable, "-m", "testbed", *arguments]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        if process.returncode:
            sys.exit(f"{' '.join(arguments)}: {errors.read().decode()}")
    return Spent(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def read_entries(out: Path | None) -> list[Entry]:
    """The entries of a file of JSON lines; none if it does not exist."""
    return [json.loads(line) for line in out.read_text().splitlines()] if out is not None and out.exists() else []


def append(out: Path | None, entry: Entry) -> None:
    """Add an entry to a file of JSON lines, if there is one to be kept."""
    if out is not None:
        with out.open("a") as lines:
            lines.write(json.dumps(entry) + "\n")


def recorded(out: Path | None, published: str) -> list[Entry]:
    """What ``--show`` shows: the entries of ``out``, or else those behind the documentation, in `RESULTS`.

    Ends the program if there is no such file, or nothing in it.
    """
    path = out or RESULTS / published
    if not read_entries(path):
        sys.exit(f"{path}: nothing is recorded there; leave out --show to measure")
    return read_entries(path)


def measure(
    rows: Iterable[Entry],
    out: Path | None,
    run: Callable[[Entry], Entry],
    *,
    others: Sequence[Path] = (),
    labels: Sequence[str] = (),
) -> list[Entry]:
    """``run`` what the file ``out`` does not have yet, adding it there; returns every wanted row, measured.

    What is in the files ``others`` is not measured again either. ``labels`` are what a row is called, not what it is:
    entries that differ by nothing else are the same.
    """
    known = [entry for path in (out, *others) for entry in read_entries(path)]
    entries = []
    for row in rows:
        identity = {name: value for name, value in row.items() if name not in labels}
        entry = next((entry for entry in known if identity.items() <= entry.items()), None)
        if entry is None:
            entry = {**row, **run(row)}
            print(json.dumps(entry), file=sys.stderr, flush=True)
            append(out, entry)
            known.append(entry)
        entries.append(entry)
    return entries


def middle(values: Iterable[float | None]) -> float:
    """The median; NaN of nothing, or where a run measured nothing."""
    listed = [math.nan if value is None else value for value in values]
    return statistics.median(listed) if listed else math.nan


def write_between(page: Path, name: str, text: str) -> None:
    """Replace what stands between ``<!-- NAME -->`` and ``<!-- end of NAME -->`` in ``page``; both marks stay."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, _, rest = page.read_text().partition(begin)
    _, _, after = rest.partition(end)
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [f"| {' | '.join(row)} |" for row in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def report(args: argparse.Namespace, rows: object, text: str, mark: str = "") -> None:
    """Print ``rows`` as JSON or as ``text``, which goes into the page that ``--write`` names too, between its marks."""
    if mark and args.write is not None:
        write_between(args.write, mark, text)
    print(json.dumps(rows, indent=1) if args.json else text)
