"""``testbed watch``: watch a run in progress, or play back a recorded one."""

import argparse
import re
import shlex
import sys
import tempfile
import time
from pathlib import Path

from testbed.cli import ports, summary_text
from testbed.cli.children import SCREEN, Screen, owned, screen_possible
from testbed.cli.console import print_text, warn
from testbed.cli.layout import width
from testbed.cli.progress import ProgressDisplay
from testbed.cli.run_text import snapshot_share, snapshot_text
from testbed.experiments import runner
from testbed.model.errors import UsageError
from testbed.model.packages import naming_extras
from testbed.record import directory, reader
from testbed.watch.feed import LiveFeed, feed_of

WEB_PORT = 8000
_PAGE, FROM_ELSEWHERE = "app_index.html", re.compile(r'<link[^>]*href="https?://[^>]*>')  # a font: the page asks nobody
_LOOK_S = 0.25


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", nargs="?", metavar="RUN", help="directory or name of a run (the latest)")
    parser.add_argument("--rate", type=_rate, metavar="X", help="play a recorded run at X emulated seconds a second")
    parser.add_argument("--plain", action="store_true", help="plain lines even on a terminal")
    parser.add_argument("--web", action="store_true", help="serve the screen to browsers on this host")
    parser.add_argument("--port", type=int, metavar="N", help=f"port for --web ({WEB_PORT})")


def _rate(text: str) -> float:
    value = float(text)
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a rate above 0")
    return value


def main(args: argparse.Namespace) -> int:
    """Show the run; returns the exit code."""
    if args.port is not None and not args.web:
        raise UsageError("--port needs --web", "add --web, or leave --port out")
    path = reader.find(args.run) if args.run is not None else directory.latest()
    if path is None:
        raise UsageError("there are no runs below runs/ yet", "`testbed run smoke` makes one")
    options = [] if args.rate is None else ["--rate", str(args.rate)]
    if args.web:
        return _serve(path, options, WEB_PORT if args.port is None else args.port)
    if args.plain or not screen_possible():
        return _follow(path)
    feed_of(path)  # what is no run is refused before the terminal is taken
    with Screen(path, options) as shown:
        return shown.wait() or 0


def _follow(path: Path) -> int:
    """Plain lines: how far a run is until it ends, then its summary."""
    feed = feed_of(path)
    if isinstance(feed, LiveFeed):
        with ProgressDisplay(sys.stdout, plain=True) as display:
            while feed.live:
                shown = feed.frame()
                display(snapshot_text(shown), snapshot_share(shown))
                time.sleep(_LOOK_S)
    print_text(summary_text.text(runner.summary_of(reader.read_run(path)), width(sys.stdout)), end="", flush=True)
    return 0


def _serve(path: Path, options: list[str], port: int) -> int:
    """The same screen in a browser, for whoever is on this host."""
    ports.must_be_free(ports.LOOPBACK, port, "--port")
    feed_of(path)
    with naming_extras():
        from textual_serve import server
    command = shlex.join([sys.executable, "-P", "-m", SCREEN, str(path.resolve()), *options, *owned()])
    warn(f"http://{ports.LOOPBACK}:{port} shows {path} to browsers on this host; Ctrl-C ends it")
    with tempfile.TemporaryDirectory(prefix="testbed-") as folder:
        page = Path(server.__file__).with_name("templates") / _PAGE
        (Path(folder) / _PAGE).write_text(FROM_ELSEWHERE.sub("", page.read_text(encoding="utf-8")), encoding="utf-8")
        title = f"testbed watch {path.name}"
        server.Server(command, ports.LOOPBACK, port, title=title, templates_path=folder).serve()
    return 0
