"""A user's own policy: code found by an explicit path, which never hides a module of Python's or of the testbed's.

The folder that the code lies in goes to the end of the search path, for what else it imports from there. A module
whose name is taken (``random.py``) is known by another name then, and its file is read all the same.
"""

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import cast

from testbed.model.errors import UsageError
from testbed.model.mdp import CellView

SUFFIX = ".py"
ALIAS = "own_{}"
Decide = Callable[[CellView, object], dict[str, int]]


class OwnPolicy:
    """A user's policy, whose prints stay off standard output: that belongs to what a verb has to say."""

    def __init__(self, decider: Decide) -> None:
        self._decider = decider

    def decide(self, cell: CellView, rng: object) -> dict[str, int]:
        """See `testbed.policy.heuristics.Policy`; raises whatever the user's code raises."""
        with contextlib.redirect_stdout(sys.stderr):
            return self._decider(cell, rng)


def load(name: str) -> OwnPolicy:
    """The policy ``[FOLDER/]module:attribute``, or ``FILE.py:attribute``; `UsageError` if there is none.

    The attribute is an object with ``decide``, a class of such objects, or a plain function. Without a folder the
    working directory is looked at first, then what is installed.
    """
    with contextlib.redirect_stdout(sys.stderr):
        return OwnPolicy(_decider(name))


def placed(name: str) -> str:
    """``name`` with the folder of its module in it, for a process that works elsewhere; as it is if installed."""
    folder, module, attribute = _parts(name)
    return f"{folder.resolve()}/{module}:{attribute}" if _lies_in(folder, module) else name


def _parts(name: str) -> tuple[Path, str, str]:
    """Folder, module and attribute of a strategy's name."""
    path, _, attribute = name.rpartition(":")
    folder, _, module = path.rpartition("/")
    module = module.removesuffix(SUFFIX)
    if not all(part.isidentifier() for part in module.split(".")):
        raise UsageError(f'policy "{name}": "{module}" is not the name of a module', "write module:attribute")
    return Path(folder or ("/" if path.startswith("/") else ".")), module, attribute


def _lies_in(folder: Path, module: str) -> bool:
    """Whether the top of ``module`` is a file or a package of ``folder``."""
    top = folder / module.partition(".")[0]
    return top.with_name(top.name + SUFFIX).is_file() or top.is_dir()


def _decider(name: str) -> Decide:
    """What decides: the user's own ``decide`` or plain function."""
    folder, module, attribute = _parts(name)
    if "/" in name.rpartition(":")[0] and not _lies_in(folder, module):
        raise UsageError(f'policy "{name}": there is no "{module}" in {folder}', "write FOLDER/module:attribute")
    try:
        target: object = _imported(folder, module)
    except ImportError as error:
        raise UsageError(f'policy "{name}": cannot import "{module}" ({error})') from None
    except (Exception, SystemExit) as error:
        raise UsageError(f'policy "{name}": {type(error).__name__}: {error}') from error
    for part in attribute.split("."):
        if not hasattr(target, part):
            raise UsageError(f'policy "{name}": "{module}" has no "{part}"')
        target = getattr(target, part)
    try:
        instance = target() if isinstance(target, type) else target
    except (Exception, SystemExit) as error:
        raise UsageError(f'policy "{name}": {type(error).__name__}: {error}') from error
    decide = getattr(instance, "decide", instance)
    if callable(decide):
        return cast(Decide, decide)
    raise UsageError(f'policy "{name}" is neither a function nor has a method decide(cell, rng)')


def _imported(folder: Path, module: str) -> ModuleType:
    """``module`` from ``folder`` if it lies there, else from what is installed."""
    if not _lies_in(folder, module):
        return importlib.import_module(module)
    place = str(folder.resolve())
    if place not in sys.path:
        sys.path.append(place)
        importlib.invalidate_caches()
    top, dot, rest = module.partition(".")
    known = sys.modules.get(top)
    spec = known.__spec__ if known is not None else PathFinder.find_spec(top, sys.path)
    if top not in sys.builtin_module_names and _comes_from(spec, place):
        return importlib.import_module(module)
    return _aliased(place, top, rest, dot)


def _comes_from(spec: ModuleSpec | None, place: str) -> bool:
    """Whether a module of that spec lies directly in ``place``."""
    if spec is None:
        return False
    if spec.submodule_search_locations is not None:
        return any(str(Path(each).resolve().parent) == place for each in spec.submodule_search_locations)
    return spec.origin is not None and str(Path(spec.origin).resolve().parent) == place


def _aliased(place: str, top: str, rest: str, dot: str) -> ModuleType:
    """The module of a name that something else has already, under another one."""
    alias = ALIAS.format(top)
    spec = PathFinder.find_spec(top, [place])
    known = sys.modules.get(alias)
    if spec is None or spec.origin is None:
        raise ImportError(f'the name "{top}" is taken, and {place}/{top} has no __init__.py')
    if known is None or known.__spec__ is None or known.__spec__.origin != spec.origin:
        locations = spec.submodule_search_locations
        renamed = importlib.util.spec_from_file_location(alias, spec.origin, submodule_search_locations=locations)
        assert renamed is not None
        assert renamed.loader is not None
        loaded = importlib.util.module_from_spec(renamed)
        sys.modules[alias] = loaded
        try:
            renamed.loader.exec_module(loaded)
        except BaseException:
            del sys.modules[alias]
            raise
    return importlib.import_module(f"{alias}{dot}{rest}")
