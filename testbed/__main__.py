# PYTHON_ARGCOMPLETE_OK
"""``python -m testbed`` and the command ``testbed``: nearly nothing, so that even an early interrupt ends in order."""

import os
import sys


def main() -> int:
    """Import the command line, and do what it is told; returns the exit code."""
    try:
        from testbed.cli.main import main as command

        return command()
    except KeyboardInterrupt:
        if sys.stderr is not None:
            print("interrupted", file=sys.stderr)
        return 130


def _leave_working_directory() -> None:
    """Take back what ``python -m`` put first on the path, unless the testbed lies there: its files hide no module."""
    home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if not sys.flags.safe_path and sys.path and os.path.realpath(sys.path[0]) != os.path.realpath(home):
        del sys.path[0]


if __name__ == "__main__":
    _leave_working_directory()
    sys.exit(main())
