"""What benchmarks share: their options, a verb's JSON, a file of runs from which one goes on, tables."""

import argparse
import json
import math
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

Entry = dict[str, Any]
RESULTS = Path(__file__).parent / "results"


def options(description: str, repeats: str = "--runs", quick: str = "", page: str = "") -> argparse.ArgumentParser:
    """What benchmarks of many runs are asked: ``repeats`` of each (5), ``--out``, ``--json``, and if they have them a
    form that is ``quick`` and a ``page`` of the documentation, which rests on published runs.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--out", type=Path, help="JSON lines to keep runs in, and to go on from")
    parser.add_argument(repeats, type=int, default=5)
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
    found: Entry = json.loads(done.stdout)
    return found


def kept(out: Path | None) -> list[Entry]:
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
    if not kept(path):
        sys.exit(f"{path}: nothing is recorded there; leave out --show to measure")
    return kept(path)


def measure(rows: Sequence[Entry], out: Path | None, run: Callable[[Entry], Entry]) -> list[Entry]:
    """``run`` what the file ``out`` does not have yet, adding it there; returns every wanted row, measured."""
    known, found = kept(out), []
    for row in rows:
        entry = next((entry for entry in known if row.items() <= entry.items()), None)
        if entry is None:
            entry = {**row, **run(row)}
            print(json.dumps(entry), file=sys.stderr, flush=True)
            append(out, entry)
        found.append(entry)
    return found


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
