"""``testbed``: argv to verbs, errors to exit codes. Verbs are imported when they are used."""

import argparse
import errno
import os
import re
import stat
import sys
import tempfile
import traceback
from collections.abc import Sequence

from testbed.cli.console import print_text, warn
from testbed.cli.encoding import tolerate
from testbed.cli.parser import parser_for
from testbed.cli.verbs import VERBS
from testbed.model.exit_codes import EXIT_BUG, EXIT_INTERRUPTED, EXIT_OK, EXIT_START, EXIT_USAGE

HELP, COMPLETES = "help", "_ARGCOMPLETE"  # the latter is set by a shell that asks how a line may go on
MEANT = {"simulate": "run", "validate": "check", "summary": "report", "ls": "list", "rm": "clean"}
_OPTION = re.compile(r"--[a-z][\w-]*")
_NEGATIVE = re.compile(r"-\.?\d.*", re.DOTALL)
NO_ROOM = ("failed to map segment", "cannot allocate memory", "Cannot allocate memory")
EXHAUSTED = {
    errno.EMFILE: "too many open files\n  raise the limit: `ulimit -n`",
    errno.ENFILE: "this host has too many open files\n  raise its limit: sysctl fs.file-max",
    errno.ENOMEM: "memory is exhausted\n  free some, or take a smaller scenario",
    errno.EAGAIN: "no more processes or threads can be started\n  raise `ulimit -u`, or pids.max of a container",
    errno.ENOSPC: "no space is left on the disk\n  free some, or choose another place",
    errno.EDQUOT: "the disk quota is exhausted\n  free some space, or choose another place",
    errno.EROFS: "the file system is read-only\n  choose another place",
}
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def main(argv: Sequence[str] | None = None) -> int:
    """Do what ``argv`` says and return the exit code."""
    if COMPLETES in os.environ:
        from testbed.cli import completion

        completion.complete()
    if argv is None:
        # or Python's own helper processes import what lies in the working directory
        os.environ.setdefault("PYTHONSAFEPATH", "1")
    arguments = list(sys.argv[1:] if argv is None else argv)
    _open_missing_streams()
    _guard_files()
    for stream in (sys.stdout, sys.stderr):
        tolerate(stream)
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        _abandon_output()
        code = EXIT_OK
    except KeyboardInterrupt:
        warn("interrupted")
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
            os.set_inheritable(number, True)  # noqa: FBT003 - it takes no names
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))


def _guard_files() -> None:
    """Let nobody else write what is made here; a mask that lets a group write was meant, one that lets all was not."""
    mask = os.umask(_OTHERS_WRITE)
    os.umask(mask if mask & stat.S_IWOTH else mask | _OTHERS_WRITE)


def _abandon_output() -> None:
    """What is still to be printed goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _output_fails() -> bool:
    """Whether standard output takes no more: Python forgets what it could not print, so only one more line can tell."""
    try:
        print_text(flush=True)
    except OSError:
        return True
    return False


def _dispatch(arguments: list[str]) -> int:
    words = _with_negative_values(arguments)
    if words[:1] == [HELP]:
        words = [*words[1:2], "--help"]
    verb = next((word for word in words if not word.startswith("-")), "")
    if verb and verb not in VERBS:
        raise _unknown_verb(verb)
    parser, chosen, module = parser_for(verb)
    args, unknown = parser.parse_known_args(words)
    if unknown:
        chosen.error(_unknown_arguments(unknown, chosen))
    if args.version:
        print_text(_version())
        return EXIT_OK
    if module is None:
        parser.print_help()
        return EXIT_OK
    _refuse_empty(args, chosen._actions)
    return int(module.main(args))


def _with_negative_values(words: list[str]) -> list[str]:
    """``words`` with each ``--option -1s`` as ``--option=-1s``: argparse takes ``-1s`` for an option of its own."""
    joined: list[str] = []
    for word in words:
        if joined and _OPTION.fullmatch(joined[-1]) and _NEGATIVE.fullmatch(word):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _unknown_verb(verb: str) -> Exception:
    from testbed.model import errors

    verbs = (*VERBS, HELP)
    near = f'did you mean "{MEANT[verb]}"?' if verb in MEANT else errors.did_you_mean(verb, verbs)
    error: Exception = errors.UsageError(f'unknown verb "{verb}"', f"{near}\n  see `testbed help`")
    return error


def _unknown_arguments(unknown: Sequence[str], parser: argparse.ArgumentParser) -> str:
    """What to say of arguments that ``parser`` does not have."""
    from testbed.model import errors

    wrong = next((word for word in unknown if word.startswith("-")), "").partition("=")[0]
    near = errors.did_you_mean(wrong, _OPTION.findall(parser.format_usage())) if wrong else ""
    return f"unrecognized arguments: {' '.join(unknown)}" + (f"\n  {near}" if near.startswith("did") else "")


def _refuse_empty(args: argparse.Namespace, declared: list[argparse.Action]) -> None:
    """Raise `UsageError` for an argument that is there and holds nothing."""
    for action in declared:
        value = getattr(args, action.dest, None)
        if value == "" or (isinstance(value, list) and "" in value):
            name = "/".join(action.option_strings) or action.metavar or action.dest
            remedy = "give a directory or a file" if action.dest == "out" else "give a value"
            from testbed.model import errors

            raise errors.UsageError(f'{name} "": nothing is given', f"{remedy}, or leave it out")


def _version() -> str:
    from importlib import metadata

    try:
        return f"testbed {metadata.version('edge-testbed')}"
    except metadata.PackageNotFoundError:
        return "testbed (not installed)"


def _report(error: Exception) -> int:
    from testbed.model import errors, packages

    error = packages.with_extra(error)
    if isinstance(error, errors.TestbedError):
        warn(str(error))
        return int(error.exit_code)
    if isinstance(error, OSError) and _output_fails():
        _abandon_output()
        warn(f"standard output cannot be written: {error.strerror or error}")
        return EXIT_START
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        warn(f"{str(error.filename)[:80]}…: {error.strerror}\n  give a shorter name")
        return EXIT_USAGE
    if (why := _exhausted(error)) is not None:
        warn(why)
        return EXIT_START
    warn(f"internal error: {type(error).__name__}: {error}")
    warn(f"  this is our bug, not yours; please report it with {_logged(error)}")
    return EXIT_BUG


def _exhausted(error: Exception) -> str | None:
    """What the host, or a limit of it, has no more of, and what to do; None if ``error`` is about something else."""
    if isinstance(error, MemoryError) or _unloadable(error):
        return EXHAUSTED[errno.ENOMEM]
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return EXHAUSTED[errno.EAGAIN]
    if isinstance(error, OSError) and error.errno in EXHAUSTED:
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{EXHAUSTED[error.errno]}"
    return None


def _unloadable(error: Exception) -> bool:
    """Whether a library had no room in memory: loaders say so in words only, some of them only under a limit."""
    if not isinstance(error, OSError | ImportError):
        return False
    import resource

    limited = resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY
    words = (*NO_ROOM, "load shared object") if limited else NO_ROOM
    return any(word in str(error) for word in words)


def _logged(error: Exception) -> str:
    """The file that the traceback of ``error`` was written to; where none can be, the place of the error."""
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="testbed-", suffix=".log", delete=False, encoding="utf-8", errors="backslashreplace"
        ) as log:
            traceback.print_exception(error, file=log)
    except OSError:
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"these words and the place, {last.filename}:{last.lineno} (no log can be written)"
    return log.name


if __name__ == "__main__":
    sys.exit(main())
