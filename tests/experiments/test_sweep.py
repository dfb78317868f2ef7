"""Sweeps of a scenario's key."""

import pytest

from testbed.experiments.sweep import Sweep, parse
from testbed.model.errors import UsageError


@pytest.mark.parametrize(
    ("text", "key", "values"),
    [
        ("density=0.3..0.9:4", "density", ("0.3", "0.5", "0.7", "0.9")),
        ("cells.0.es.cpu=2..4 GHz:3", "cells.0.es.cpu", ("2 GHz", "3 GHz", "4 GHz")),
        ("radio.noise=-110 dBm..-90 dBm:2", "radio.noise", ("-110 dBm", "-90 dBm")),
        ("radio.loss=.1..1e-1:2", "radio.loss", ("0.1", "0.1")),
    ],
)
def test_values_are_equally_far_apart(text, key, values):
    assert parse(text) == Sweep(key, values)


NONE = ("density", "density=1..2", "density=a..b:3", "slot=1 s..2 ms:3", "x=1..2:0", "=1..2:3", "x=1..2:5000", "x=..:3")


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_sweep_is_refused(text):
    with pytest.raises(UsageError, match="--sweep"):
        parse(text)
