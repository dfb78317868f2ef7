"""Scenarios that run on recorded workloads and links, and the import of recorded files."""

import json
from importlib.resources import files
from pathlib import Path

import msgspec
import pytest

from testbed.model.errors import ScenarioError, StartError, UsageError
from testbed.scenario import workload
from testbed.scenario.dump import dump_resolved
from testbed.scenario.load import load_scenario, parse_scenario
from testbed.scenario.schema import LinkTrace, RadioSection
from testbed.trace import inputs
from testbed.trace.convert import ConversionOptions
from tests.command import call
from tests.trace.converting import convert

PHONE = "Timestamp,SNR\n2019.12.16_07.22.43,0\n2019.12.16_07.22.44,10\n2019.12.16_07.22.46,10\n"


def recorded(*overrides):
    scenario = load_scenario("recorded", overrides)
    system = inputs.resolve(scenario).system
    return system, inputs.generate(scenario, system)


def test_the_recorded_scenario_has_its_requests_in_bursts():
    system, tasks = recorded()
    assert len(tasks) == 132
    assert len({task.ue for task in tasks}) == 9
    assert tasks[-1].generated_ns < system.end_ns
    a_second = [sum(task.generated_ns // 10**9 == k for task in tasks) for k in range(120)]
    assert max(a_second) >= 5
    assert a_second.count(0) > 40


def test_rate_compresses_time_and_duration_limits_it():
    _, tasks = recorded()
    _, fast = recorded("workload.rate=2")
    assert [task.generated_ns for task in fast] == [int(task.generated_ns / 2 + 0.5) for task in tasks]
    _, few = recorded("workload.duration=30 s")
    assert few == tuple(task for task in tasks if task.generated_ns < 30 * 10**9)


def test_a_resolved_recorded_scenario_runs_from_its_own_table(tmp_path):
    scenario = load_scenario("recorded", ["workload.rate=3"])
    resolved = inputs.resolve(scenario)
    tasks = inputs.generate(scenario, resolved.system)
    workload.write_csv(tmp_path / "workload.csv", tasks, resolved.system)
    (tmp_path / "scenario.yaml").write_text(dump_resolved(resolved), encoding="utf-8")
    again = load_scenario(tmp_path)
    assert inputs.resolve(again).system == resolved.system
    assert inputs.generate(again, resolved.system) == tasks
    assert workload.generate(again, resolved.system) == tasks


def test_a_link_trace_is_read_beside_the_scenario(tmp_path):
    (tmp_path / "up").write_text("0\n100\n150\n300\n", encoding="utf-8")
    (tmp_path / "s.yaml").write_text("radio: {trace: {file: up, bin: 200 ms, scale: 2}}", encoding="utf-8")
    resolved = inputs.resolve(load_scenario(tmp_path / "s.yaml"))
    radio = resolved.system.radio
    assert radio.trace_edges_ns == (0, 200_000_000)
    assert radio.trace_bps == (360_000.0, 240_000.0)
    assert radio.trace_period_ns == 300_000_000
    (tmp_path / "up").unlink()
    assert inputs.resolve(parse_scenario(dump_resolved(resolved))).system == resolved.system


def test_the_format_is_found_by_looking(tmp_path):
    for name, text, period in (("a", "5\n70\n", 70), ("b", PHONE, 4000), ("c", "duration_s,rate_bps\n2,5\n", 2000)):
        (tmp_path / name).write_text(text, encoding="utf-8")
        link = inputs.read_link(LinkTrace(file=str(tmp_path / name)), RadioSection(bandwidth_hz=1e6))
        assert sum(link.durations_ns) == period * 10**6
    (tmp_path / "d").write_text("what,is,this\n", encoding="utf-8")
    with pytest.raises(ScenarioError, match="no link trace"):
        inputs.read_link(LinkTrace(file=str(tmp_path / "d")), RadioSection())
    scenario = parse_scenario("workload: {trace: d}", str(tmp_path / "s.yaml"))
    with pytest.raises(ScenarioError, match="no workload that"):
        inputs.generate(scenario, inputs.resolve(scenario).system)
    (tmp_path / "d").write_text("", encoding="utf-8")
    with pytest.raises(ScenarioError, match="empty"):
        inputs.generate(scenario, inputs.resolve(scenario).system)


def test_import_writes_a_workload_table(tmp_path):
    source = load_scenario("recorded").workload.trace
    options = ConversionOptions(scenario=load_scenario("recorded"))
    notes = convert("azure", [source], tmp_path / "w.csv", options)
    assert "132 tasks in 115 slots for 9 UEs" in notes
    system, tasks = recorded()
    assert workload.read_csv(tmp_path / "w.csv", system) == tasks
    convert("csv", [tmp_path / "w.csv"], tmp_path / "v.csv", options)
    assert (tmp_path / "v.csv").read_text() == (tmp_path / "w.csv").read_text()


def test_import_joins_link_traces(tmp_path):
    (tmp_path / "a").write_text("5\n100\n", encoding="utf-8")
    (tmp_path / "b").write_text("50\n", encoding="utf-8")
    (tmp_path / "c").write_text(PHONE, encoding="utf-8")
    assert "over 0.15 s" in convert("mahimahi", [tmp_path / "a", tmp_path / "b"], tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == ("duration_s,rate_bps\n0.100000000,240000.0\n0.050000000,240000.0\n")
    assert "2 segments over 4 s" in convert("5g", [tmp_path / "c"], tmp_path / "out.csv")


def test_import_makes_a_scenario_of_a_topology(tmp_path):
    (tmp_path / "s.csv").write_text("SITE_ID,LATITUDE,LONGITUDE\n7,-37.80,144.90\n8,-37.80,144.91\n", encoding="utf-8")
    (tmp_path / "u.csv").write_text("Latitude,Longitude\n-37.80,144.901\n-37.80,144.909\n", encoding="utf-8")
    notes = convert("eua", [tmp_path / "u.csv", tmp_path / "s.csv"], tmp_path / "city.yaml")
    assert notes.endswith("2 cells, 2 UEs")
    scenario = load_scenario(tmp_path / "city.yaml")
    system = inputs.resolve(scenario).system
    assert scenario.name == "city"
    assert [ue.distance_m for ue in system.ues] == pytest.approx([87.862, 87.862], abs=0.01)
    with pytest.raises(UsageError, match="no file of sites"):
        convert("eua", [tmp_path / "u.csv"], tmp_path / "city.yaml")


def test_import_refuses_what_it_does_not_know(tmp_path):
    with pytest.raises(UsageError) as caught:
        convert("azur", [], tmp_path / "out")
    assert caught.value.remedy == 'did you mean "azure"?'
    with pytest.raises(ScenarioError, match="cannot be read"):
        convert("mahimahi", [tmp_path / "gone"], tmp_path / "out")
    (tmp_path / "a").write_text("5\n", encoding="utf-8")
    with pytest.raises(StartError, match="cannot be written"):
        convert("mahimahi", [tmp_path / "a"], tmp_path / "no" / "out")
    with pytest.raises(UsageError, match="one of the files to read"):
        convert("mahimahi", [tmp_path / "a"], tmp_path / "." / "a")
    assert (tmp_path / "a").read_text(encoding="utf-8") == "5\n"


def test_a_trace_in_a_foreign_format_needs_its_reader():
    scenario = load_scenario("recorded")
    system = inputs.resolve(scenario).system
    with pytest.raises(ScenarioError, match="not a workload table"):
        workload.generate(scenario, system)
    assert msgspec.structs.replace(scenario, slots=1).slots == 1


def test_a_missing_column_is_not_mistaken_for_one_that_is_there(tmp_path):
    (tmp_path / "a.csv").write_text("TIMESTAMP,ContextTokens\n2023-11-16 18:15:46,4\n", encoding="utf-8")
    with pytest.raises(ScenarioError, match='no column "generatedtokens"') as caught:
        convert("azure", [tmp_path / "a.csv"], tmp_path / "out")
    assert "did you mean" not in caught.value.remedy and "generatedtokens" in caught.value.remedy


def test_shipped_samples_are_what_their_scenarios_are_made_of(tmp_path):
    folder = Path(str(files("testbed.scenarios")))
    convert("eua", [folder / "melbourne-sites.csv", folder / "melbourne-users.csv"], tmp_path / "city.yaml")
    result, shipped = load_scenario(tmp_path / "city.yaml"), load_scenario("melbourne")
    assert [(cell.ues, cell.ue) for cell in result.cells] == [(cell.ues, cell.ue) for cell in shipped.cells]
    drive = inputs.resolve(load_scenario("lte-drive")).system.radio
    assert drive.trace_period_ns > 15 * 10**9 and 0.0 in drive.trace_bps
    scenario = load_scenario("functions")
    tasks = inputs.generate(scenario, inputs.resolve(scenario).system)
    counts = [sum(task.generated_ns // 10**9 == slot for task in tasks) for slot in range(300)]
    mean = sum(counts) / 300
    assert sum((count - mean) ** 2 for count in counts) / 300 > 2 * mean > 1


@pytest.mark.parametrize("name", ["melbourne", "lte-drive", "functions"])
def test_scenarios_of_samples_run_alike_simulated_and_in_the_twin(tmp_path, name):
    items = []
    for backend in ("sim", "twin"):
        args = ("run", name, "--policy", "greedy-do", "--backend", backend, "--slots", "60", "--json", "--out", backend)
        document = json.loads(call(*args, cwd=tmp_path).stdout)
        items.append((document["tasks"], document["delay_s"], document["overhead"], document["stable"]))
    assert items[0] == items[1] and items[0][0]["failed"] == items[0][0]["unaccounted"] == 0
    assert items[0][0]["generated"] > 50


def test_a_disk_that_fills_during_an_import_is_told_with_a_remedy():
    source = load_scenario("recorded").workload.trace
    with pytest.raises(StartError, match="/dev/full cannot be written: No space left on device") as error:
        convert("azure", [source], Path("/dev/full"), ConversionOptions(scenario=load_scenario("recorded")))
    assert "free space" in error.value.remedy and "-o FILE" in error.value.remedy
