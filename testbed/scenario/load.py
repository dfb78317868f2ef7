"""Scenario files: read, checked, overridden. Every mistake is a `ScenarioError` that says where and what to do."""

import os
import re
from collections.abc import Sequence
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path

import msgspec

from testbed.model.errors import ScenarioError
from testbed.scenario.checks import refuse, with_link_traces
from testbed.scenario.fault_checks import cut_faults, late_faults
from testbed.scenario.parse import Builder
from testbed.scenario.reading import is_stream, read_text
from testbed.scenario.schema import LinkTrace, Scenario
from testbed.scenario.source import ARGUMENT, Sources, Unsharing

SUFFIXES = (".yaml", ".yml")


def shipped() -> dict[str, Path]:
    """The scenarios that come with the testbed, by name."""
    folder = Path(str(files("testbed.scenarios")))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def find_scenario(path_or_name: str | Path) -> Path:
    """The file of a scenario given by path, by run directory, or by the name of a shipped one."""
    path = Path(path_or_name)
    name, known = str(path_or_name), shipped()
    if path.is_dir() and (path / "scenario.yaml").is_file():
        return path / "scenario.yaml"
    if path.is_dir() and name not in known:
        raise ScenarioError(f"{name} is a directory without a scenario.yaml", remedy="give a scenario's file")
    if path.is_file() or path.suffix in SUFFIXES or path.parent != Path() or name not in known:
        if path.exists():
            return path
        near = get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f'did you mean "{near[0]}"?' if near else f"shipped scenarios: {', '.join(known)}"
        raise ScenarioError(f'no scenario file and no shipped scenario "{name}"', remedy=hint)
    return known[name]


class Loaded(msgspec.Struct, frozen=True):
    """A scenario, what of its file is left out because an override cut the run short, a line each, and the keys that
    overrides gave."""

    scenario: Scenario
    notes: tuple[str, ...] = ()
    given: tuple[str, ...] = ()


def load_scenario(path_or_name: str | Path, overrides: Sequence[str] = ()) -> Scenario:
    """Read a scenario file (or shipped scenario) and apply ``overrides`` of the form ``key.sub=value``.

    Raises `ScenarioError` for any mistake in the file or in an override. Faults after the end of a run that an override
    cut short are left out.
    """
    return load(path_or_name, overrides).scenario


def load(path_or_name: str | Path, overrides: Sequence[str] = ()) -> Loaded:
    """As `load_scenario`, with what is left out."""
    path = find_scenario(path_or_name)
    return parse(read_text(path), str(path), overrides)


def parse_scenario(text: str, file: str = "scenario.yaml", overrides: Sequence[str] = ()) -> Scenario:
    """As `load_scenario`, from ``text``; ``file`` names it in errors and its folder anchors relative trace files.

    Those of a scenario that comes through a pipe are relative to the working directory.
    """
    return parse(text, file, overrides).scenario


def parse(text: str, file: str, overrides: Sequence[str]) -> Loaded:
    """As `parse_scenario`, with what is left out."""
    sources = Sources()
    root = sources.compose(file, text)
    if root is None:
        raise ScenarioError("the file is empty", file, 1, 1, remedy="start from `testbed init`, or write {} for region")
    root = Unsharing(sources).copy(root)
    for argument in overrides:
        sources.override(root, argument)
    builder = Builder(sources)
    scenario: Scenario = builder.section(root, Scenario)
    notes: tuple[str, ...] = ()
    if any(builder.origin((word,)).startswith(ARGUMENT) for word in ("slots", "slot")):
        notes = tuple(f"{mistake.message}: left out" for mistake in late_faults(scenario))
        scenario = cut_faults(scenario)
    refuse(scenario, at=builder.at)
    stream = is_stream(file)
    scenario = _anchored(scenario, builder, Path() if stream else Path(file).parent)
    if not any(known.value == "name" for known, _ in root.value):
        stem = "" if stream else re.sub(r"[^\w .-]", "-", Path(file).stem).lstrip(" .-")[:100]
        scenario = msgspec.structs.replace(scenario, name=stem or "scenario")
    keys = tuple(dict.fromkeys(argument.partition("=")[0].strip() for argument in overrides))
    return Loaded(scenario, notes, keys)


def _anchored(scenario: Scenario, builder: Builder, folder: Path) -> Scenario:
    """The scenario with trace files as absolute paths: relative to the file, or to here when set by ``--set``."""

    def located(name: str, place: tuple[str | int, ...]) -> str:
        base = Path() if builder.origin(place).startswith(ARGUMENT) else folder
        try:
            path = Path(os.path.realpath(base / name))
            if path.is_dir():
                raise builder.at(place, f'"{name}" is a directory', "give the file of a trace")
            if path.is_file():
                return str(path)
            if is_stream(base / name):
                return str((base / name).absolute())
        except (OSError, ValueError):
            raise builder.at(place, f'"{name}" cannot be the name of a file', "give the file of a trace") from None
        raise builder.at(place, f'there is no file "{name}"', f"looked for {path}")

    workload = scenario.workload
    if workload.trace:
        parts = tuple(located(name, ("workload", "parts", n)) for n, name in enumerate(workload.parts))
        trace_file = located(workload.trace, ("workload", "trace"))
        workload = msgspec.structs.replace(workload, trace=trace_file, parts=parts)
    if workload.profile is not None and workload.profile.file:
        file = located(workload.profile.file, ("workload", "profile", "file"))
        workload = msgspec.structs.replace(workload, profile=msgspec.structs.replace(workload.profile, file=file))
    topology = scenario.topology
    if topology is not None:
        places = tuple(located(name, ("topology", "files", n)) for n, name in enumerate(topology.files))
        topology = msgspec.structs.replace(topology, files=places)
    scenario = msgspec.structs.replace(scenario, workload=workload, topology=topology)

    def anchored(trace: LinkTrace, place: tuple[str | int, ...]) -> LinkTrace:
        return msgspec.structs.replace(trace, file=located(trace.file, (*place, "file"))) if trace.file else trace

    return with_link_traces(scenario, anchored)
