"""Scenario files that mean harm, and mistakes that are too long to be echoed."""

import pytest

from testbed.model.errors import LONGEST, ScenarioError, UsageError
from testbed.scenario.load import load_scenario, parse_scenario
from testbed.scenario.reading import read_text

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
