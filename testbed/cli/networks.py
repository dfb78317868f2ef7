"""Saying which network decides, where a policy is named without one."""

from collections.abc import Sequence
from pathlib import Path

from testbed.cli.console import warn
from testbed.model.errors import TestbedError
from testbed.policy import loading
from testbed.scenario.load import load_scenario
from testbed.scenario.reading import is_stream


def with_networks(names: Sequence[str], scenario: str) -> list[str]:
    """Policies with the networks that stand for them in ``scenario``, a path or shipped name; says which they are."""
    found = [loading.with_network(name, _name_of(scenario)) for name in names]
    for told in dict.fromkeys(told for _, told in found if told):
        warn(told)
    return [name for name, _ in found]


def _name_of(scenario: str) -> str:
    """The name of the scenario; of what can be read only once, or not at all, that of its file."""
    if is_stream(scenario):
        return Path(scenario).stem
    try:
        return load_scenario(scenario).name
    except TestbedError:
        return Path(scenario).stem
