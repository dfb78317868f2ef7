"""Mistakes in scenario files and overrides: place, message, remedy."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.model.errors import ScenarioError
from testbed.scenario.fields import Section, Sections
from testbed.scenario.load import find_scenario, load_scenario, parse_scenario, shipped
from testbed.scenario.parse import slots
from testbed.scenario.schema import Scenario
from tests.properties import examples

CAMPUS = "cells:\n  - {es: {cpu: 8 GHz, quue: 64}, ues: 5}"
MISTAKES = [
    (CAMPUS, 2, 23, 'unknown field "quue" in "es"', 'did you mean "queue_limit"?'),
    ("sed: 7", 1, 1, 'unknown field "sed" in the scenario', 'did you mean "seed"?'),
    ("seed: 7\nslots: 9\nseed: 8", 3, 1, 'field "seed" is given twice', "first given in line 1"),
    ("slots: many", 1, 8, '"many" is not a number in "slots"', "write a whole number"),
    ("slots: 2.5", 1, 8, '"2.5" is not a whole number', "write a whole number"),
    ("slots: 0", 1, 8, '"0" is out of range', "must be at least 1"),
    ("slot: 1", 1, 7, '"1" needs a unit in "slot"', "write ns, us, ms, s, min or h"),
    ("radio:\n  bandwidth: 2 Mhz", 2, 14, 'unknown unit "Mhz" in "bandwidth"', 'did you mean "MHz"?'),
    ("radio: {loss: 120%}", 1, 15, '"120%" is out of range in "loss"', "must be at most 0.99"),
    ("radio: {noise: 0 W}", 1, 16, "out of range", "must be more than 0"),
    ("radio: 5 MHz", 1, 8, '"radio" must hold fields', "fields: bandwidth"),
    ("radio:", 1, 7, '"radio" must hold fields', "fields: bandwidth"),
    ("density:", 1, 9, '"density" has no value', "write a value"),
    ("density: 1.5", 1, 10, "not a probability", "at most 1"),
    ("faults: [{at: 1 s, kill: es-4}]", 1, 26, 'there is no process "es-4" to kill', "an ES (es-1 to es-3)"),
    ("faults: [{at: 999 s, kill: es-1}]", 1, 15, "the run ends at 200 s", "more slots"),
    ("faults: [{kill: es-1}]", 1, 10, 'lacks "at"', 'add "at", or "mean_interval"'),
    ("faults:\n- {at: 1 s, kill: es-1}\n- {at: 2 s, kill: es-1}", 3, 8, "es-1 is already dead", "after its restart"),
    ("ue: {cpu: {uniform: [1 GHz]}}", 1, 21, '"uniform" in "cpu" has the wrong shape', "write [a, b]"),
    ("ue: {cpu: {uniform: [2 GHz, 1 GHz]}}", 1, 21, "ends before it begins", "write [low, high]"),
    ("ue: {cpu: {unifrom: [2 GHz, 1 GHz]}}", 1, 12, 'unknown field "unifrom"', 'did you mean "uniform"?'),
    ("ue: {weight_delay: 2}", 1, 20, '"2" is out of range', "must be at most 1"),
    ("cells: {es: {}}", 1, 8, '"cells" must be a list', "write [a, b]"),
    ("cells: []", 1, 8, "there is no cell", "write cells:"),
    ("cells: [{ues: 2, ue: {cpu: {each: [1 GHz]}}}]", 1, 36, "1 values for 2 UEs", "one value for each UE"),
    ("agent: {reward: holdng}", 1, 17, '"holdng" is not one of', 'did you mean "holding"?'),
    ("thresholds: {delay_p95: 3 s}", 1, 25, "is not a threshold", 'like "< 3 s"'),
    ('thresholds: {fidelity: ">= D"}', 1, 24, '"D" is not a grade', "A, B, C, F"),
    ("radio: {trace: x.up}", 1, 16, 'there is no file "x.up"', "looked for"),
    ("radio: {trace: .}", 1, 16, '"." is a directory', "the file of a trace"),
    ("workload: {trace: '" + "x" * 300 + "'}", 1, 19, "cannot be the name of a file", "the file of a trace"),
    ('workload: {trace: "a\\0b"}', 1, 19, "cannot be the name of a file", "the file of a trace"),
    ("radio: {trace: {durations: [1 s], rates: [0 bit/s]}}", 1, 42, "never moves a bit", "above 0"),
    ("workload: {rate: 2}", 1, 18, '"rate" means nothing without a trace', "add trace"),
    ("a: [1, 2", 1, 9, "this is not YAML", "check indentation, brackets and quotes"),
    ("slots: 3\n\tseed: 2", 2, 1, "this is not YAML", "indent with spaces"),
    ("", 1, 1, "the file is empty", "testbed init"),
    ("# only this\n", 1, 1, "the file is empty", "testbed init"),
]


@pytest.mark.parametrize(("text", "line", "column", "message", "remedy"), MISTAKES)
def test_a_mistake_names_its_place_and_its_remedy(text, line, column, message, remedy):
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, "campus.yaml")
    error = caught.value
    assert (error.line, error.column) == (line, column)
    assert message in error.message
    assert remedy in error.remedy
    assert str(error).startswith(f"campus.yaml:{line}:{column}: {error.message}\n")
    assert error.exit_code == 2


def test_an_error_is_rendered_with_the_source_line_and_carets():
    with pytest.raises(ScenarioError) as caught:
        parse_scenario("\n" * 8 + CAMPUS, "campus.yaml")
    assert str(caught.value).splitlines() == [
        'campus.yaml:10:23: unknown field "quue" in "es"',
        "  10 |   - {es: {cpu: 8 GHz, quue: 64}, ues: 5}",
        '                             ^^^^ did you mean "queue_limit"?',
    ]


OVERRIDES = [
    ("radio.bandwith=3 MHz", 7, 'unknown field "bandwith"', 'did you mean "bandwidth"?'),
    ("radio.bandwidth=3", 17, "needs a unit", "write Hz, kHz, MHz or GHz"),
    ("cells.7.es.cpu=3 GHz", 7, 'no element "7" in a list of 3', "write 0 to 2"),
    ("density.deep=3", 9, "inside a plain value", "set the whole value"),
    ("ue.cpu={uniform: [1 GHz, 2 Gz]}", 26, 'unknown unit "Gz"', 'did you mean "GHz"?'),
    ("ue.cpu={uniform: [1 GHz", 24, "this is not YAML", "brackets"),
]


@pytest.mark.parametrize(("argument", "column", "message", "remedy"), OVERRIDES)
def test_a_mistake_in_an_override_names_the_argument(argument, column, message, remedy):
    with pytest.raises(ScenarioError) as caught:
        load_scenario("region", [argument])
    error = caught.value
    assert error.file == f"--set {argument.split('=')[0]}"
    assert (error.line, error.column) == (1, column)
    assert message in error.message
    assert remedy in error.remedy


@pytest.mark.parametrize("argument", ["slots", "=3", "slots=", " "])
def test_an_override_without_key_or_value_is_refused(argument):
    with pytest.raises(ScenarioError, match="is not key=value"):
        load_scenario("region", [argument])


def test_overrides_replace_values_add_sections_and_reach_into_lists():
    scenario = load_scenario(
        "region",
        [
            "cells.0.es.cpu=5 GHz",
            "agent.epoch=arrival",
            "ue.cpu={choice: [1 GHz, 2 GHz]}",
            "density=0.2",
            "density=0.3",
            "thresholds.fidelity=>= B",
            "faults=[{at: 3 s, kill: controller}]",
            "radio.noise=-90 dBm",
        ],
    )
    assert scenario.cells[0].es.cpu_hz == 5_000_000_000
    assert scenario.agent.epoch == "arrival"
    assert scenario.ue.cpu_hz.values == (1_000_000_000, 2_000_000_000)
    assert scenario.density == 0.3
    assert scenario.thresholds.fidelity is not None and scenario.thresholds.fidelity.holds(4.0)
    assert scenario.faults[0].kill == "controller"
    assert scenario.radio.noise_w == pytest.approx(1e-12)


def test_an_override_of_an_aliased_section_changes_only_that_one():
    text = "cells:\n  - &a {es: {cpu: 4 GHz}, ues: 2}\n  - *a"
    scenario = parse_scenario(text, overrides=["cells.1.es.cpu=1 GHz"])
    assert [cell.es.cpu_hz for cell in scenario.cells] == [4_000_000_000, 1_000_000_000]


def test_a_run_cut_short_by_an_override_keeps_only_the_faults_it_sees():
    text = "faults: [{at: 1 s, kill: es-1, restart_after: 1 s}, {at: 50 s, kill: es-1}]"
    assert len(parse_scenario(text).faults) == 2
    assert len(parse_scenario(text, overrides=["slots=10"]).faults) == 1


def test_shipped_scenarios_are_found_by_name_and_near_names_are_suggested(tmp_path):
    assert find_scenario("region") == shipped()["region"]
    with pytest.raises(ScenarioError) as caught:
        load_scenario("regoin")
    assert caught.value.remedy == 'did you mean "region"?'
    with pytest.raises(ScenarioError, match="no scenario file"):
        load_scenario(tmp_path / "gone.yaml")
    with pytest.raises(ScenarioError, match=r"is a directory without a scenario\.yaml"):
        load_scenario(tmp_path)
    (tmp_path / "raw.yaml").write_bytes(b"name: \xff\xfe")
    with pytest.raises(ScenarioError, match="not UTF-8"):
        load_scenario(tmp_path / "raw.yaml")


def test_a_scenario_without_a_name_is_called_like_its_file(tmp_path):
    (tmp_path / "campus.yaml").write_text("slots: 3", encoding="utf-8")
    assert load_scenario(tmp_path / "campus.yaml").name == "campus"


def test_the_annotated_scenario_explains_every_key():
    text = shipped()["annotated"].read_text(encoding="utf-8")
    load_scenario("annotated")

    def words(struct):
        for word, slot in slots(struct).items():
            yield word
            if isinstance(slot.kind, Section | Sections):
                yield from words(slot.kind.of)

    missing = [word for word in words(Scenario) if not re.search(rf"(?m)(^|[\s{{#,-]){word}:", text)]
    assert missing == []


BASE = shipped()["annotated"].read_text(encoding="utf-8")


@settings(max_examples=examples(150), deadline=None)
@given(st.integers(0, len(BASE) - 1), st.integers(0, 12), st.text(max_size=6))
def test_a_damaged_file_never_raises_anything_but_a_scenario_error(at, removed, inserted):
    text = BASE[:at] + inserted + BASE[at + removed :]
    refusal, scenario = "", None
    try:
        scenario = parse_scenario(text)
    except ScenarioError as error:
        refusal = str(error)
    assert refusal if scenario is None else scenario.slots > 0
