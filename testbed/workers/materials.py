"""What the files hold that scenarios and strategies name: sent along as bytes, and found again where they arrive."""

import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType

import msgspec

from testbed.model.errors import StartError, TestbedError
from testbed.policy import loading, own
from testbed.record.files import keep
from testbed.scenario.checks import link_traces, with_link_traces
from testbed.scenario.reading import is_stream, read_text
from testbed.scenario.schema import LinkTrace, Scenario
from testbed.workers.build import INSTALLED

Place = Callable[[str], str]


class Materials(msgspec.Struct, frozen=True):
    """Files by the names under which they are stored, and the stored name of each path that somebody may name."""

    files: Mapping[str, bytes] = {}
    stored: Mapping[str, str] = {}

    @property
    def digest(self) -> str:
        """What tells these from others."""
        found = hashlib.sha256()
        for name in sorted(self.files):
            found.update(f"{name} {len(self.files[name])}\n".encode())
            found.update(self.files[name])
        return found.hexdigest()[:32]


def here(path: str) -> str:
    """Where ``path`` is for a process that shares its maker's files: there."""
    return path


def gathered(scenarios: Iterable[Scenario], strategies: Iterable[str]) -> Materials:
    """All files that the scenarios and the strategies, by name, are made of; those of users' own code once loaded.

    Raises `TestbedError` for what cannot be read.
    """
    files: dict[str, bytes] = {}
    stored: dict[str, str] = {}
    paths = [path for scenario in scenarios for path in read_by(scenario)]
    for path in dict.fromkeys([*paths, *(path for name in strategies for path in _checkpoint(name))]):
        stored[path] = f"{len(stored)}/{Path(path).name}"
        files[stored[path]] = _content(path)
    for name in strategies:
        folder = own.folder_of(name) if loading.is_own(name) else None
        if folder is not None and str(folder) not in stored:
            stored[str(folder)] = f"own-{len(stored)}"
            for file in _loaded_from(folder):
                files[f"{stored[str(folder)]}/{file.relative_to(folder)}"] = _content(str(file))
    return Materials(files, stored)


def unpacked(materials: Materials, root: Path) -> Place:
    """Write ``materials`` below ``root``, unless they are there, and tell where each path is now.

    What a user's own code was imported from before, by other materials, is forgotten.
    """
    folder = root / materials.digest
    for name, content in materials.files.items():
        if not (folder / name).exists():
            keep(folder / name, content)
    _forget_others(root, folder)

    def place(path: str) -> str:
        return str(folder / materials.stored[path]) if path in materials.stored else path

    return place


def relocated(scenario: Scenario, place: Place) -> Scenario:
    """``scenario`` with its files where ``place`` says that they are."""

    def moved(trace: LinkTrace, _: object) -> LinkTrace:
        return msgspec.structs.replace(trace, file=place(trace.file)) if trace.file else trace

    workload, topology = scenario.workload, scenario.topology
    if workload.trace:
        parts = tuple(place(part) for part in workload.parts)
        workload = msgspec.structs.replace(workload, trace=place(workload.trace), parts=parts)
    if workload.profile is not None and workload.profile.file:
        profile = msgspec.structs.replace(workload.profile, file=place(workload.profile.file))
        workload = msgspec.structs.replace(workload, profile=profile)
    if topology is not None:
        topology = msgspec.structs.replace(topology, files=tuple(place(file) for file in topology.files))
    return with_link_traces(msgspec.structs.replace(scenario, workload=workload, topology=topology), moved)


def portable(name: str) -> str:
    """The strategy ``name`` as it means the same from any folder, as far as a user's own code goes."""
    return own.placed(name) if loading.is_own(name) else name


def relocated_strategy(name: str, place: Place) -> str:
    """The strategy ``name``, as `portable` has it, with its checkpoint or the folder of its code where ``place`` says.

    Nothing is looked for: the files may not be where they were, nor need they be where they came from.
    """
    if loading.is_own(name):
        folder, _, _ = name.rpartition(":")[0].rpartition("/")
        return own.moved(name, Path(place(folder))) if folder else name
    strategy = name.partition(":")[0]
    return next((f"{strategy}:{place(path)}" for path in _checkpoint(name)), name)


def naming_originals(error: TestbedError, materials: Materials, root: Path) -> TestbedError:
    """``error`` with files named as they are where they came from."""
    for path, name in materials.stored.items():
        error = error.renamed(str(root / materials.digest / name), path)
    return error


def read_by(scenario: Scenario) -> Iterator[str]:
    """The paths of the files that ``scenario`` names."""
    workload = scenario.workload
    if workload.trace:
        yield from (workload.trace, *workload.parts)
    if workload.profile is not None and workload.profile.file:
        yield workload.profile.file
    if scenario.topology is not None:
        yield from scenario.topology.files
    yield from (trace.file for _, trace in link_traces(scenario) if trace.file)


def _checkpoint(name: str) -> tuple[str, ...]:
    base, _, path = loading.parts(name)
    return (path,) if path and base in (*loading.TUNED, *loading.LEARNED) else ()


def _content(path: str) -> bytes:
    if is_stream(path):
        return read_text(path).encode()
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise StartError(f"{path} cannot be read: {error.strerror or error}", "give a readable file") from None


def _loaded_from(folder: Path) -> list[Path]:
    """The files of users' modules that were imported from ``folder``."""
    modules = {name: module for name, module in list(sys.modules.items()) if isinstance(module, ModuleType)}
    tops = {name for name, module in modules.items() if own.comes_from(module.__spec__, str(folder))} - {*INSTALLED}
    files = (getattr(module, "__file__", None) for name, module in modules.items() if name.partition(".")[0] in tops)
    return sorted({path for file in files if file and (path := Path(file).resolve()).is_relative_to(folder)})


def _forget_others(root: Path, folder: Path) -> None:
    """Drop what was imported from below ``root``, but not from ``folder``: a module of that name is another now."""

    def is_other(place: str) -> bool:
        return place.startswith(f"{root}/") and not f"{place}/".startswith(f"{folder}/")

    for name, module in list(sys.modules.items()):
        if is_other(getattr(module, "__file__", None) or ""):
            del sys.modules[name]
    sys.path[:] = [place for place in sys.path if not is_other(place)]
