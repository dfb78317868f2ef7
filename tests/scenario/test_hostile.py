"""Scenario files that mean harm, and mistakes that are too long to be echoed."""

import pytest

from testbed.model.errors import LONGEST, ScenarioError, UsageError
from testbed.scenario.load import load_scenario, parse_scenario
from testbed.scenario.reading import read_text
from testbed.trace import inputs

LAUGHS = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)


def mistake(text: str, *overrides: str) -> ScenarioError:
    """What is said of ``text``."""
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, "bad.yaml", overrides)
    assert str(caught.value).startswith(f"{caught.value.file}:1:" if overrides else "bad.yaml:")
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize(
    "text", ["name: " + "[" * 3000, "name: " + "[" * 3000 + "]" * 3000, "{a: " * 3000, "- " * 3000]
)
def test_deep_nesting_is_refused_where_it_gets_too_deep(text):
    error = mistake(text)
    assert error.message == "nested too deeply" and error.line == 1 and 20 < error.column < 100


def test_deep_nesting_is_refused_in_an_override():
    assert mistake("seed: 1", "name=" + "[" * 3000).message == "nested too deeply"


def test_aliases_of_aliases_are_not_expanded_without_end():
    assert "aliases repeat" in mistake(LAUGHS).message


def test_an_alias_that_contains_itself_is_refused():
    assert mistake("cells: &a [*a]").message == "nested too deeply"


@pytest.mark.parametrize("tag", ["!!python/object:os.system", "!mine", "!!timestamp"])
def test_a_tag_is_refused_where_it_stands(tag):
    error = mistake(f"seed: 1\nradio: {tag} {{}}\n")
    assert (error.line, error.column) == (2, 8) and "unknown tag" in error.message


def test_a_tag_of_yaml_itself_is_fine():
    assert parse_scenario("seed: !!int 3\nname: ! here\n").seed == 3


def test_bytes_that_are_no_text_have_a_place(tmp_path):
    for name, read in (("a.yaml", load_scenario), ("a.csv", lambda path: read_text(str(path)))):
        (tmp_path / name).write_bytes("seed: 1\nname: é".encode() + b"\xff\n")
        with pytest.raises(ScenarioError, match="not UTF-8") as caught:
            read(tmp_path / name)
        assert (caught.value.line, caught.value.column) == (2, 8)
        assert "UTF-8" in caught.value.remedy


def test_an_unclosed_list_in_an_override_is_shown_with_its_key():
    assert "density=[1" in str(mistake("seed: 1", "density=[1"))


def test_a_long_value_is_cut():
    for error in (mistake(f"slots: {'9' * 5000}x"), mistake("seed: 1", f"slots={'9' * 5000}x"), mistake("x" * 5000)):
        assert len(str(error)) < 8 * LONGEST
    assert len(str(UsageError(f'policy "{"x" * 5000}"'))) < 2 * LONGEST
    between = f'"a" is none of {"b, " * 50} or "c"'
    assert str(UsageError(between)) == between


def test_a_mistake_far_to_the_right_is_underlined_where_it_is():
    lines = str(mistake("cells: [" + "{ues: 2}, " * 100 + "{uess: 2}]")).splitlines()
    assert lines[1][lines[2].index("^") :].startswith("uess")


def test_a_quantity_out_of_all_bounds_has_a_remedy():
    assert "1e" in mistake("radio: {bandwidth: 1e400 GHz}").remedy
    assert mistake("slot: 1e30 s").remedy and mistake("density: 1e400").remedy


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("radio: {latency: 25 h}", "latency"),
        ("radio: {return_latency: 25 h}", "return_latency"),
        ("radio: {jitter: {exponential: 1000 h}}", "jitter"),
        ("radio: {jitter: {normal: [23 h, 2 h]}}", "jitter"),
        ("radio: {jitter: {uniform: [0 s, 25 h]}}", "jitter"),
        ("backhaul: {latency: 25 h}", "latency"),
        ("emulation: {detection: 25 h}", "detection"),
        ("radio: {trace: {durations: [25 h, 1 s], rates: [0 bit/s, 1 Gbit/s]}}", "silent"),
        ("radio: {trace: {durations: [20 h, 1 s, 10 h], rates: [1 bit/s, 1 Gbit/s, 2 bit/s]}}", "silent"),
    ],
)
def test_nothing_is_waited_for_longer_than_a_day(text, place):
    with pytest.raises(ScenarioError, match="a day is the most") as result:
        parse_scenario(text, "s.yaml")
    assert result.value.line == 1 and place in str(result.value)
    for long, short in (("25 h", "23 h"), ("1000 h", "1 h"), ("[23 h, 2 h]", "[3 h, 2 h]"), ("20 h", "2 h")):
        text = text.replace(long, short)
    parse_scenario(text, "s.yaml")


def test_a_trace_file_that_is_silent_for_longer_than_a_day_is_refused(tmp_path):
    (tmp_path / "r.csv").write_text("duration_s,rate_bps\n90000,0\n1,1e9\n", encoding="utf-8")
    scenario = parse_scenario("radio: {trace: r.csv}", str(tmp_path / "s.yaml"))
    with pytest.raises(ScenarioError, match="silent for 90,000 s"):
        inputs.resolve(scenario)
