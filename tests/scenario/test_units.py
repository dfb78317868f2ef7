"""Quantities with units, read and written."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.model.errors import InvalidError
from testbed.scenario.units import UNITS, WHOLE, exact, human, number, parse

READ = [
    ("1 s", "time", 1_000_000_000),
    ("20 ms", "time", 20_000_000),
    ("0.1s", "time", 100_000_000),
    ("1.5 ns", "time", 2),
    ("2 min", "time", 120_000_000_000),
    ("2 MHz", "frequency", 2e6),
    ("0.8 GHz", "speed", 800_000_000),
    ("-100 dBm", "power", 1e-13),
    ("0.2 W", "power", 0.2),
    ("200 mW", "power", 0.2),
    ("30 dBm", "power", 1.0),
    ("300 kB", "data", 2_400_000),
    ("1 Mbit", "data", 1_000_000),
    ("1 KiB", "data", 8192),
    ("1 Gbit/s", "rate", 1e9),
    ("8 Mbps", "rate", 8e6),
    ("100 m", "length", 100.0),
    ("0.5 G", "cycles", 500_000_000),
    ("0.5 G cycles", "cycles", 500_000_000),
    ("0.5 Gcycles", "cycles", 500_000_000),
    ("7 cycles", "cycles", 7),
    ("1e-3 J", "energy", 1e-3),
]


@pytest.mark.parametrize(("text", "dimension", "value"), READ)
def test_a_quantity_reads_as_its_si_value(text, dimension, value):
    assert parse(text, dimension) == value
    assert isinstance(parse(text, dimension), int) == (dimension in WHOLE)


@pytest.mark.parametrize(
    ("text", "dimension", "message", "remedy"),
    [
        ("3", "time", "needs a unit", "write ns, us, ms, s, min or h"),
        ("3", "cycles", "needs a unit", "write cycles, k, M or G"),
        ("3 Gz", "frequency", 'unknown unit "Gz"', 'did you mean "GHz"?'),
        ("3 mhz", "frequency", 'unknown unit "mhz"', 'did you mean "MHz"?'),
        ("3 s", "length", '"s" is a unit of time', "write m or km"),
        ("fast", "rate", "not a quantity", "write a number and one of bit/s"),
        ("nan s", "time", "not a quantity", "write a number"),
        ("1e999999999 s", "time", "too large", ""),
        ("1e30 s", "time", "too large", ""),
        ("1e300 kW", "power", "", ""),
        ("99999 dBm", "power", "too large", ""),
    ],
)
def test_a_wrong_quantity_names_the_remedy(text, dimension, message, remedy):
    if not message:
        assert parse(text, dimension) == 1e303
        return
    with pytest.raises(InvalidError) as caught:
        parse(text, dimension)
    assert message in caught.value.message
    assert remedy in caught.value.remedy


def test_percentages_and_plain_numbers():
    assert number("50%") == 0.5
    assert number("1e-27") == 1e-27
    with pytest.raises(InvalidError):
        number("0.5 s")


@given(st.sampled_from(sorted(WHOLE)), st.integers(0, 2**62))
def test_integers_survive_writing_and_reading(dimension, value):
    assert parse(exact(value, dimension), dimension) == value


@given(st.sampled_from(sorted(set(UNITS) - WHOLE)), st.floats(1e-200, 1e200))
def test_floats_survive_writing_and_reading(dimension, value):
    assert parse(exact(value, dimension), dimension) == value


def test_quantities_for_readers():
    assert exact(0, "time") == "0 s"
    assert exact(1_034_567_890, "speed") == "1.03456789 GHz"
    assert human(1_234_567_890, "time") == "1.23 s"
    assert human(1e-13, "power") == "-100 dBm"
    assert human(math.inf, "rate") == "unlimited"
    assert human(123_456.0, "length") == "123,456 m"
