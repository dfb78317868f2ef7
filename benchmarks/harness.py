"""What benchmarks of live runs share: a verb's JSON, and a file of runs from which one goes on."""

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


def testbed(*arguments: str, codes: Sequence[int] = (0,)) -> Entry:
    """What ``testbed ... --json`` prints; raises `subprocess.CalledProcessError` for an exit code not in ``codes``."""
    command = [sys.executable, "-m", "testbed", *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in codes:
        sys.stderr.write(done.stderr)
        done.check_returncode()
    found: Entry = json.loads(done.stdout)
    return found


def kept(out: Path | None) -> list[Entry]:
    """The entries of a file of JSON lines; none if it does not exist."""
    return [json.loads(line) for line in out.read_text().splitlines()] if out is not None and out.exists() else []


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
            if out is not None:
                with out.open("a") as lines:
                    lines.write(json.dumps(entry) + "\n")
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
