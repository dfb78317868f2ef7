"""``python -m testbed.watch RUN [--own]``: the screen as a process of its own, so that a run never depends on it."""

import argparse
import logging
import sys

from testbed.model.errors import TestbedError
from testbed.watch.app import WatchApp
from testbed.watch.assessment import Assessor, only_when_idle
from testbed.watch.feed import feed_of


def main(argv: list[str]) -> int:
    """Show the run that ``argv`` names; returns the exit code."""
    parser = argparse.ArgumentParser(prog="testbed.watch", description="The screen of one run.")
    parser.add_argument("run", help="the run's directory")
    parser.add_argument("--own", action="store_true", help="the run was started together with this screen")
    parser.add_argument("--rate", type=float, help="emulated seconds a second, for a recorded run")
    parser.add_argument("--owner", type=int, metavar="PID", help="the process without which nobody looks")
    parser.add_argument("--ready", type=int, metavar="FD", help="descriptor to close when the first frame is drawn")
    arguments = parser.parse_args(argv)
    logging.basicConfig(format="%(message)s")
    try:
        feed = feed_of(arguments.run, arguments.rate)
        if feed.live:
            only_when_idle()
        app = WatchApp(
            feed, own_run=arguments.own, assessor=Assessor(feed.path), ready=arguments.ready, owner=arguments.owner
        )
        app.run()
    except TestbedError as error:
        logging.error("%s", error)
        return error.exit_code
    return app.return_code or 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
