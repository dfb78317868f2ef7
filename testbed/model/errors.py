"""Errors that a user can cause or mend: each knows its exit code and says what to do. No traceback is ever shown."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

from testbed.model.exit_codes import (
    EXIT_BUG,
    EXIT_INTERRUPTED,
    EXIT_START,
    EXIT_USAGE,
)
from testbed.model.printable import printable

LONGEST = 80
_QUOTED = re.compile(r'"([^"\n]*)"')


def brief(text: str) -> str:
    """``text`` cut to `LONGEST` characters."""
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"


def _readable(text: str) -> str:
    """``text`` with what it quotes cut, and nothing in it that a terminal would obey."""
    return printable(_QUOTED.sub(lambda match: f'"{brief(match[1])}"', text))


class TestbedError(Exception):
    """Base of every error with a message for the user; ``remedy`` says how to go on ("" when nobody knows)."""

    exit_code = EXIT_BUG

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = _readable(message)
        self.remedy = _readable(remedy)

    def __str__(self) -> str:
        return f"{self.message}\n  {self.remedy}" if self.remedy else self.message


class UsageError(TestbedError):
    """The command line, a policy's name or a checkpoint is wrong."""

    exit_code = EXIT_USAGE


class StartError(TestbedError):
    """A process, socket or container could not be started."""

    exit_code = EXIT_START


class LostError(TestbedError):
    """A process died, or fell silent, that nobody meant to lose."""

    exit_code = EXIT_START


class InterruptedRunError(TestbedError):
    """The run was interrupted; what it recorded is kept."""

    exit_code = EXIT_INTERRUPTED


class InvalidError(ValueError):
    """A value is wrong; whoever knows where it stands turns this into a `ScenarioError`."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class ScenarioError(TestbedError):
    """A mistake in a file (or ``--set`` argument): where it is, the source line, carets under it, and the remedy.

    ``line`` and ``column`` count from 1; 0 means that the mistake has no single place. ``length`` is the number of
    characters to underline.
    """

    exit_code = EXIT_USAGE

    def __init__(
        self,
        message: str,
        file: str = "",
        line: int = 0,
        column: int = 0,
        source: str = "",
        length: int = 1,
        remedy: str = "",
    ) -> None:
        super().__init__(message, remedy)
        self.file = file
        self.line = line
        self.column = column
        self.source = source
        self.length = length

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (printable(self.file), self.line, self.column) if part)
        head = f"{place}: {self.message}" if place else self.message
        if not self.line or not self.source:
            return f"{head}\n  {self.remedy}" if self.remedy else head
        margin = f"{self.line:>4} | "
        shown, column, length = self._window()
        at = max(0, column - 1)
        before, marked = printable(shown[:at]), printable(shown[at : at + length])
        lead = "".join("\t" if letter == "\t" else " " for letter in before)
        carets = "^" * max(1, len(marked))
        return f"{head}\n{margin}{printable(shown)}\n{' ' * len(margin)}{lead}{carets} {self.remedy}".rstrip()

    def _window(self) -> tuple[str, int, int]:
        """The source line around the place, not much longer than `LONGEST`, and the place's column and length there."""
        source, length = self.source, min(self.length, LONGEST)
        if len(source) <= 2 * LONGEST:
            return source, self.column, self.length
        begin = max(0, self.column - 1 - LONGEST // 2)
        end = max(self.column - 1 + length, begin + LONGEST)
        before, after = "…" if begin else "", "…" if end < len(source) else ""
        return f"{before}{source[begin:end]}{after}", self.column - begin + len(before), length


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``did you mean "…"?`` for the known word nearest to ``word``, or the list of what is known."""
    names = list(known)
    folded = {name.lower(): name for name in reversed(names)}
    near = get_close_matches(word.lower(), folded, n=1, cutoff=0.5)
    if near:
        return f'did you mean "{folded[near[0]]}"?'
    return f"known: {', '.join(names)}" if names else ""


def text_error(
    file: str, text: str, line: int, column: int, message: str, remedy: str = "", length: int = 1
) -> ScenarioError:
    """A `ScenarioError` at ``line``:``column`` (from 1) of ``text``, the contents of ``file``."""
    lines = text.splitlines()
    source = lines[line - 1] if 0 < line <= len(lines) else ""
    return ScenarioError(message, file, line, column, source, length, remedy)


def undecodable(file: str, error: UnicodeDecodeError) -> ScenarioError:
    """The error of a file whose bytes are not UTF-8, at the first that is none."""
    data = error.object
    begin = data.rfind(b"\n", 0, error.start) + 1
    line, column = data.count(b"\n", 0, error.start) + 1, len(data[begin : error.start].decode("utf-8-sig")) + 1
    source = data[begin:].partition(b"\n")[0].decode("utf-8-sig", "replace").rstrip("\r")
    message = f"this is not UTF-8 text: byte {data[error.start]:#04x}"
    return ScenarioError(message, file, line, column, source, 1, "save the file as UTF-8")
