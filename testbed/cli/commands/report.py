"""``testbed report``: the summary of a run that ended, or goes on; pages and plots of one run or several."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from testbed.cli import report_text, summary_text
from testbed.cli.colour import coloured
from testbed.cli.commands import common
from testbed.cli.console import print_json, print_text, warn
from testbed.cli.layout import width
from testbed.model import packages
from testbed.model.errors import UsageError
from testbed.model.exit_codes import EXIT_OK
from testbed.model.printable import printable
from testbed.record import directory, reader
from testbed.record.files import replacing, unwritable
from testbed.report import side_by_side
from testbed.report.reported import Reported, reported


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", nargs="*", help="directories or names of runs (the latest)")
    parser.add_argument("--html", metavar="FILE", help="write one self-contained page about them")
    parser.add_argument("--plots", metavar="DIR", help="draw plots for a paper into a folder, as SVG, PDF, PNG and CSV")
    parser.add_argument("--baseline", metavar="RUN", help="the run that the others are compared with (the first)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def main(args: argparse.Namespace) -> int:
    """Print summaries, write pages and plots; returns the exit code."""
    paths = _found(args.run)
    baseline = _baseline(args.baseline, paths)
    page = _page_file(args.html, paths) if args.html is not None else None
    folder = Path(args.plots) if args.plots is not None else None
    if folder is not None:
        packages.require("matplotlib")
        common.writable(folder, "--plots DIR")
    if page is not None or folder is not None or len(paths) > 1:
        packages.require("scipy")
    listed = reported([common.summarized(path, plain=args.json) for path in paths])
    _show(listed, listed[baseline], as_json=args.json)
    say = warn if args.json else _said
    if page is not None:
        say(_page(listed, listed[baseline], page))
    if folder is not None:
        say(_plots(listed, folder))
    return EXIT_OK


def _found(names: Sequence[str]) -> list[Path]:
    """The directories of the runs, each given once."""
    if not names:
        latest = directory.latest()
        if latest is None:
            raise UsageError("there are no runs below runs/ yet", "`testbed run smoke` makes one")
        return [latest]
    if "" in names:
        raise UsageError('run "": nothing is given', "give a value, or leave it out")
    paths: dict[Path, Path] = {}
    for one in names:
        path = reader.find(one)
        if path.resolve() in paths:
            raise UsageError(f"{one} is given twice", "give each run once")
        paths[path.resolve()] = path
    return list(paths.values())


def _baseline(name: str | None, paths: Sequence[Path]) -> int:
    """Which of ``paths`` is the baseline."""
    if name is None:
        return 0
    if len(paths) < 2:
        raise UsageError("--baseline: one run has nothing to be compared with", "give two runs or more")
    path = reader.find(name).resolve()
    known = [one.resolve() for one in paths]
    if path not in known:
        names = ", ".join(str(one) for one in paths)
        raise UsageError(f"--baseline {name} is none of the runs of this report", f"name one of them: {names}")
    return known.index(path)


def _page_file(file: str, paths: Sequence[Path]) -> Path:
    """The file of ``--html``, which is none that a run is made of."""
    names = (directory.RECORD, directory.SCENARIO, directory.WORKLOAD)
    if os.path.realpath(file) in [os.path.realpath(path / name) for path in paths for name in names]:
        raise UsageError(f"--html {file} is a file of the run itself", "name another one")
    return common.output_file("html", file)


def _show(listed: Sequence[Reported], baseline: Reported, *, as_json: bool) -> None:
    """Print the summary of each run, and what they are beside each other if there are several."""
    standings = side_by_side.standings(listed, baseline) if len(listed) > 1 else []
    if as_json:
        summaries = [one.summary for one in listed]
        print_json({"runs": summaries, "comparison": standings} if standings else summaries[0])
        return
    blocks = [summary_text.text(one.summary, width(sys.stdout), most_faults=None) for one in listed]
    blocks += [report_text.text(standings, width(sys.stdout))] if standings else []
    print_text(coloured("\n".join(blocks), sys.stdout), end="")


def _page(listed: Sequence[Reported], baseline: Reported, path: Path) -> str:
    """Write the page; returns what to say of it."""
    from testbed.report.page import page

    text = page(listed, baseline).encode()
    try:
        with replacing(path) as beside:
            beside.write_bytes(text)
    except OSError as error:
        raise unwritable(path, error, "--html FILE") from None
    return f"{path}: {_size(len(text))}"


def _plots(listed: Sequence[Reported], folder: Path) -> str:
    """Draw the plots; returns what to say of them."""
    from testbed.report import plots

    written = plots.write(listed, folder)
    return f"{folder}: {len(written)} files" if written else f"{folder}: no task finished, nothing is drawn"


def _said(text: str) -> None:
    print_text(f"\n{printable(text)}")


def _size(count: int) -> str:
    """Bytes for people."""
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"
