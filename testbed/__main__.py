"""``python -m testbed`` and the command ``testbed``: nearly nothing, so that even an early interrupt ends in order."""

import sys


def main() -> int:
    """Import the command line, and do what it is told; returns the exit code."""
    try:
        from testbed.cli import main as command

        return command()
    except KeyboardInterrupt:
        if sys.stderr is not None:
            print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
