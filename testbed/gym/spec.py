"""Specifications of environments that can be written as JSON and read again, whatever they were made from."""

import copy
from pathlib import Path

from gymnasium.envs.registration import EnvSpec

from testbed.gym.options import plain
from testbed.scenario.dump import dump
from testbed.scenario.schema import Scenario


class PortableSpec:
    """An environment whose ``spec`` can be written as JSON; a testbed is never the same twice, and its spec says so."""

    _spec: EnvSpec | None = None
    _repeats = True

    @property
    def spec(self) -> EnvSpec | None:
        """What it was made from, in plain values."""
        return self._spec

    @spec.setter
    def spec(self, spec: EnvSpec | None) -> None:
        self._spec = portable(spec, repeats=self._repeats)


def portable(spec: EnvSpec | None, *, repeats: bool) -> EnvSpec | None:
    """A copy of Gymnasium's ``spec`` with plain arguments; one that never ``repeats`` itself says so."""
    if spec is None:
        return None
    copied = copy.copy(spec)
    copied.kwargs = {name: _plain(value) for name, value in spec.kwargs.items()}
    if not repeats:
        copied.nondeterministic = True
    return copied


def _plain(value: object) -> object:
    """``value`` as JSON has it: a `Scenario` as its text."""
    if isinstance(value, Scenario):
        return dump(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return plain(value)
