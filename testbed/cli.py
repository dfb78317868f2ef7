"""``testbed``: argv to verbs, errors to exit codes. Verbs are imported when they are used."""

import argparse
import contextlib
import errno
import importlib
import os
import re
import sys
import tempfile
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

VERBS = {
    "init": "copy a fully annotated scenario to start from",
    "check": "validate a scenario; does it fit this host?",
    "run": "run a scenario under a policy",
    "replay": "run the same tasks again",
    "train": "train a network, or tune a strategy, on training seeds",
    "verify": "set against measured: links, CPUs, queues, a whole scenario; twin against simulation",
    "compare": "compare strategies over the same workloads",
    "bound": "best decisions found in hindsight beside a lower bound, and each strategy's distance from both",
    "report": "summarise a run",
    "export": "write the tables of a run as CSV or Parquet",
    "import": "turn recorded traces into workloads, links or cells",
    "clean": "remove old runs, asking",
}
MODULES = {"import": "import_"}
EXIT_OK, EXIT_BUG, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130
PACKAGE = "testbed.run.verbs"


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line and where to read more."""

    def error(self, message: str) -> NoReturn:
        """Exit 2 with ``message``, in which no word is endless."""
        brief = re.sub(r"(\S{80})\S+", r"\1…", message)
        self.exit(EXIT_USAGE, f"{self.prog}: {brief}\n  see `{self.prog} --help`\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Do what ``argv`` says and return the exit code."""
    given = list(sys.argv[1:] if argv is None else argv)
    _open_missing_streams()
    try:
        code = _dispatch(given)
        sys.stdout.flush()
    except BrokenPipeError:
        _abandon_output()
        code = EXIT_OK
    except KeyboardInterrupt:
        _say("interrupted")
        code = EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last resort: whatever happens, no traceback on the screen
        code = _report(error)
    return code


def _open_missing_streams() -> None:
    """Standard streams that the caller closed lead nowhere, instead of to whatever file is opened next."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))


def _say(text: str) -> None:
    """One message on standard error, if that can be written."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def _abandon_output() -> None:
    """What is still to be printed goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _output_fails() -> bool:
    """Whether standard output takes no more: Python forgets what it could not print, so only one more line can tell."""
    try:
        print(flush=True)
    except OSError:
        return True
    return False


def _dispatch(given: list[str]) -> int:
    verb = next((word for word in given if not word.startswith("-")), "")
    parser = Parser(prog="testbed", description="An emulated mobile-edge-computing testbed.", allow_abbrev=False)
    parser.add_argument("--version", action="store_true", help="print the version")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=Parser)
    chosen: Any = None
    declared: list[argparse.Action] = []
    for name, summary in VERBS.items():
        added = verbs.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        if name == verb:
            chosen = importlib.import_module(f"{PACKAGE}.{MODULES.get(name, name)}")
            chosen.add(added)
            declared = added._actions
    args = parser.parse_args(given)
    if args.version:
        print(_version())
        return EXIT_OK
    if chosen is None:
        parser.print_help(sys.stderr)
        return EXIT_USAGE
    _refuse_empty(args, declared)
    return int(chosen.main(args))


def _refuse_empty(args: argparse.Namespace, declared: list[argparse.Action]) -> None:
    """Raise `UsageError` for an argument that is there and holds nothing."""
    for action in declared:
        if getattr(args, action.dest, None) == "":
            name = "/".join(action.option_strings) or action.metavar or action.dest
            remedy = "give a directory or a file" if action.dest == "out" else "give a value"
            errors = importlib.import_module("testbed.model.errors")
            raise errors.UsageError(f'{name} "": nothing is given', f"{remedy}, or leave it out")


def _version() -> str:
    metadata = importlib.import_module("importlib.metadata")
    try:
        return f"testbed {metadata.version('edge-testbed')}"
    except metadata.PackageNotFoundError:
        return "testbed (not installed)"


def _report(error: Exception) -> int:
    errors = importlib.import_module("testbed.model.errors")
    if isinstance(error, errors.TestbedError):
        _say(str(error))
        return int(error.exit_code)
    if isinstance(error, OSError) and _output_fails():
        _abandon_output()
        _say(f"standard output cannot be written: {error.strerror or error}")
        return int(errors.EXIT_START)
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        _say(f"{str(error.filename)[:80]}…: {error.strerror}\n  give a shorter name")
        return EXIT_USAGE
    with tempfile.NamedTemporaryFile("w", prefix="testbed-", suffix=".log", delete=False, encoding="utf-8") as log:
        traceback.print_exception(error, file=log)
    _say(f"internal error: {type(error).__name__}: {error}")
    _say(f"  this is our bug, not yours; please report it with {log.name}")
    return EXIT_BUG


if __name__ == "__main__":
    sys.exit(main())
