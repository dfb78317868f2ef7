"""Entry points into compiled code: kept on disk where that is possible, announced while they are compiled.

Compiled code is kept beside the module, in the user's cache directory, or where NUMBA_CACHE_DIR says. Where nothing of
that can be written, or what is there cannot be read, code is compiled in memory, and a notice says so.
"""

import contextlib
from collections.abc import Callable
from inspect import signature
from typing import Any

import numba
from numba.core import event as events
from numba.core.errors import NumbaError

from testbed.twin import notices

REMEDY = "it is compiled in memory, for this process only; name a folder for it: NUMBA_CACHE_DIR=DIR"


class Entry:
    """A function that Python calls, compiled with ``options`` at its first call and kept; ``name`` is what it does."""

    def __init__(self, function: Callable[..., Any], name: str, options: dict[str, Any]) -> None:
        self.__doc__ = function.__doc__
        self.name, self._function, self._options = name, function, options
        self._problem = ""
        self._dispatcher = self._fresh()
        try:
            self._dispatcher.enable_caching()
        except RuntimeError:
            self._problem = "no folder for compiled code can be written"

    def __call__(self, *args: Any, **named: Any) -> Any:
        """Call it; nothing in compiled code raises, so that whatever is raised concerns the compilation."""
        if named:
            args = signature(self._function).bind(*args, **named).args
        try:
            return self._dispatcher(*args)
        except NumbaError:
            raise
        except Exception as error:  # noqa: BLE001 - a damaged cache may raise anything; the work goes on without it
            notices.say_once(f"compiled code cannot be kept ({error}): {REMEDY}")
            if not isinstance(error, (OSError, RuntimeError)):
                self._forget_kept()
        if tuple(map(numba.typeof, args)) not in self._dispatcher.signatures:
            self._dispatcher = self._fresh()
        return self._dispatcher(*args)

    def _forget_kept(self) -> None:
        """Forget what is kept and cannot be read, a build of another version for one, so that the next process keeps
        its own."""
        with contextlib.suppress(Exception):
            self._dispatcher._cache.flush()

    def _fresh(self) -> Any:
        dispatcher = numba.njit(**self._options)(self._function)
        _entries[dispatcher] = self
        return dispatcher

    def announce(self) -> None:
        """Say that compilation begins, and if nothing will be left of it, why."""
        if self._problem:
            notices.say_once(f"{self._problem}: {REMEDY}")
        notices.say(f"compiling {self.name}: once after an installation, up to half a minute")


class _Announcer(events.Listener):
    """Announces entries that are compiled, and counts the functions in them."""

    def __init__(self) -> None:
        self._entry: Entry | None = None
        self._functions = 0

    def on_start(self, event: Any) -> None:
        entry = _entries.get(event.data["dispatcher"])
        if entry is not None:
            self._entry, self._functions = entry, 0
            entry.announce()

    def on_end(self, event: Any) -> None:
        if self._entry is None:
            return
        if _entries.get(event.data["dispatcher"]) is self._entry:
            self._entry = None
            notices.show("")
            return
        self._functions += 1
        notices.show(f"compiling {self._entry.name}: {self._functions} functions")


_entries: dict[Any, Entry] = {}
events.register("numba:compile", _Announcer())  # type: ignore[no-untyped-call]


def entry(name: str, **options: Any) -> Callable[[Callable[..., Any]], Entry]:
    """Make a function an `Entry`; ``options`` are numba's."""
    return lambda function: Entry(function, name, options)
