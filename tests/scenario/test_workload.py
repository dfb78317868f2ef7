"""Workloads: keyed generation, tables, assignment of requests."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.model import random
from testbed.model.errors import ScenarioError
from testbed.scenario import table_text, workload
from testbed.scenario.dump import dump_resolved
from testbed.scenario.load import load_scenario, parse_scenario
from testbed.scenario.profile import slot_factors
from testbed.scenario.requests import Assigner, Request, RequestColumns
from testbed.scenario.resolve import resolve
from testbed.scenario.workload import generate, table_of
from testbed.trace import inputs

REGION = load_scenario("region")
SYSTEM = resolve(REGION).system


def test_bernoulli_tasks_come_at_slot_boundaries_with_keyed_values():
    tasks = generate(REGION, SYSTEM)
    assert list(tasks) == sorted(tasks, key=lambda t: (t.generated_ns, t.ue, t.number))
    for ue in (0, 7, 14):
        probability = min(1.0, 0.7 * REGION.cells[SYSTEM.ues[ue].cell].density_factor)
        slots = [k for k in range(200) if random.uniform(7, random.ARRIVALS, ue, k, 0) < probability]
        mine = [task for task in tasks if task.ue == ue]
        assert [task.generated_ns for task in mine] == [k * 10**9 for k in slots]
        assert [task.number for task in mine] == list(range(len(mine)))
    task = tasks[100]
    u = random.uniform(7, random.VALUES, task.ue, task.number, random.FIELD_CYCLES)
    assert task.cycles == math.floor(0.5e9 + u * 1e9 + 0.5)


def test_a_certain_task_in_every_slot():
    scenario = parse_scenario("density: 1\nslots: 4\ncells: [{ues: 1, density_factor: 3}]")
    assert len(generate(scenario, resolve(scenario).system)) == 4


def test_a_longer_run_begins_with_the_same_tasks():
    short = msgspec.structs.replace(REGION, slots=50)
    few = generate(short, resolve(short).system)
    assert few == generate(REGION, SYSTEM)[: len(few)]


def test_poisson_tasks_have_the_mean_rate_and_fall_inside_slots():
    text = "density: 2\nslots: 2000\nworkload: {arrivals: poisson}\ncells: [{ues: 1, density_factor: 0.5}]"
    scenario = parse_scenario(text)
    tasks = generate(scenario, resolve(scenario).system)
    assert 1850 < len(tasks) < 2150
    assert all(0 < task.generated_ns < 2000 * 10**9 for task in tasks)
    assert any(task.generated_ns % 10**9 for task in tasks)
    first = random.exponential(random.uniform(7, random.ARRIVALS, 0, 0, 0))
    assert tasks[0].generated_ns == math.floor(first * 1e9 + 0.5)


def test_no_density_no_tasks():
    for arrivals in ("bernoulli", "poisson"):
        scenario = parse_scenario(f"density: 0\nworkload: {{arrivals: {arrivals}}}")
        assert generate(scenario, resolve(scenario).system) == ()


def test_cycles_by_the_bit():
    scenario = parse_scenario("task: {cycles: {per_bit: 25}}")
    assert all(task.cycles == 25 * task.input_bits for task in generate(scenario, resolve(scenario).system))


def test_a_table_keeps_every_task_exactly(tmp_path):
    tasks = generate(REGION, SYSTEM)
    workload.write_csv(tmp_path / "workload.csv", tasks, SYSTEM)
    assert (tmp_path / "workload.csv").read_text().splitlines()[0] == "time_s,ue,input_bits,cycles,deadline_s"
    assert workload.read_csv(tmp_path / "workload.csv", SYSTEM) == tasks


def test_rows_may_come_in_any_order_and_spaces_and_a_byte_order_mark_do_no_harm(tmp_path):
    text = "time_s,ue,input_bits,cycles,deadline_s\r\n2.5, ue-1-2 ,10,20,1\r\n\r\n0.000000001,ue-1-2,30.0,40,1e-9\r\n"
    (tmp_path / "w.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    tasks = workload.read_csv(tmp_path / "w.csv", SYSTEM)
    assert [tuple(msgspec.structs.astuple(task)) for task in tasks] == [
        (1, 0, 1, 30, 40, 1),
        (1, 1, 2_500_000_000, 10, 20, 10**9),
    ]


HEAD = "time_s,ue,input_bits,cycles,deadline_s\n"


@pytest.mark.parametrize(
    ("text", "line", "column", "message", "remedy"),
    [
        ("", 1, 1, "the file is empty", "the header is time_s"),
        ("time,ue,input_bits,cycles,deadline_s\n", 1, 1, 'no column "time_s"', 'did you mean "time"?'),
        (HEAD + "0,ue-1-9,1,1,1\n", 2, 3, 'unknown UE "ue-1-9"', 'did you mean "ue-1-'),
        (HEAD + "0,ue-1-1,1,1,1\n-1,ue-1-1,1,1,1\n", 3, 1, 'time_s "-1" is out of range', "at least 0"),
        (HEAD + "0,ue-1-1,0,1,1\n", 2, 10, 'input_bits "0" is out of range', "at least 1"),
        (HEAD + "0,ue-1-1,1,2.5,1\n", 2, 12, 'cycles "2.5" is not a whole number', "whole number"),
        (HEAD + "0,ue-1-1,1,1,soon\n", 2, 14, 'deadline_s "soon" is not a number', "write a number"),
        (HEAD + "0,ue-1-1,1,1,0\n", 2, 14, "the deadline must be more than 0", "write seconds"),
        (HEAD + "0,ue-1-1,1,1\n", 2, 1, "4 cells where the header has 5", "one cell for each column"),
        (HEAD + "1e20,ue-1-1,1,1,1\n", 2, 1, 'time_s "1e20" is too large', "write seconds"),
        (HEAD + "inf,ue-1-1,1,1,1\n", 2, 1, "not a number", "finite"),
    ],
)
def test_a_mistake_in_a_table_names_its_place(text, line, column, message, remedy):
    with pytest.raises(ScenarioError) as caught:
        workload.parse_csv(text, "mine.csv", SYSTEM)
    error = caught.value
    assert (error.file, error.line, error.column) == ("mine.csv", line, column)
    assert message in error.message
    assert remedy in error.remedy


def assigned(requests, scenario):
    return table_of(Assigner(scenario, SYSTEM).tasks(RequestColumns.of(requests)))


def test_requests_are_shared_out_by_the_rule():
    requests = [Request(at_ns=i, input_bits=1, cycles=1) for i in range(1500)]
    counts = {}
    for rule in ("uniform", "density", "round_robin"):
        given = msgspec.structs.replace(REGION, workload=msgspec.structs.replace(REGION.workload, assignment=rule))
        tasks = assigned(requests, given)
        assert len(tasks) == 1500
        counts[rule] = [sum(task.ue // 5 == cell for task in tasks) for cell in range(3)]
        assert tasks == assigned(requests, given)
    assert counts["round_robin"] == [500, 500, 500]
    assert counts["uniform"] == pytest.approx([500] * 3, rel=0.15)
    assert counts["density"] == pytest.approx([300, 500, 700], rel=0.15)


def test_limits_and_compression():
    tasks = generate(REGION, SYSTEM)
    fast = workload.scaled(tasks, 4.0)
    assert fast[-1].generated_ns * 4 == tasks[-1].generated_ns
    assert workload.slots_for(tasks, 10**9) == 200
    assert workload.slots_for((), 10**9) == 1
    assert workload.limited(tasks, SYSTEM) == tasks
    assert max(task.generated_ns for task in workload.limited(tasks, SYSTEM, 10 * 10**9)) == 9 * 10**9


@given(st.lists(st.tuples(st.integers(0, 10**18 - 1), st.integers(0, 2), st.integers(1, 10**11)), max_size=30))
def test_a_table_as_it_is_written_is_read_quickly_and_the_same(drawn):
    made = SYSTEM
    names = [ue.name for ue in made.ues]
    lines = [f"{at // 10**9}.{at % 10**9:09d},{names[ue]},{n},{n},{n}.000000001" for at, ue, n in drawn if n < 10**9]
    text = "\n".join([",".join(table_text.WORKLOAD_COLUMNS), *lines]) + "\n"
    spaced = text.replace(",", ", ")
    assert workload.parse_csv(text, "w.csv", made) == workload.parse_csv(spaced, "w.csv", made)


def test_a_table_as_it_is_written_needs_no_parser_of_tables(monkeypatch):
    made, tasks = SYSTEM, generate(REGION, SYSTEM)
    text = workload.format_csv(tasks, made)
    monkeypatch.setattr(workload, "Table", None)
    assert workload.parse_csv(text, "w.csv", made) == tasks


@pytest.mark.parametrize(
    "line",
    [
        "1.0,ue-9-9,1,1,1.0",
        "1.000000000,ue-9-9,1,1,1.000000000",
        "1.000000000,ue-1-1,0,1,1.000000000",
        "1.000000000,ue-1-1,1,1,0.000000000",
        "1.000000000,ue-1-1,999999999999999,1,1.000000000",
        "1.000000000,,,,",
        "x",
    ],
)
def test_what_is_wrong_in_a_table_has_its_place_still(line):
    made = SYSTEM
    text = "\n".join([",".join(table_text.WORKLOAD_COLUMNS), "1.000000000,ue-1-1,1,1,1.000000000", line]) + "\n"
    with pytest.raises(ScenarioError) as caught:
        workload.parse_csv(text, "w.csv", made)
    assert caught.value.line == 3


PROFILE = "{every: 2 s, factors: [0, 0.5, 1], shape: %s}"


def with_profile(shape, *more):
    changes = [f"workload.profile={PROFILE % shape}", "density=1", "slots=6000", "cells=[{ues: 1}]", *more]
    scenario = load_scenario("region", changes)
    return scenario, generate(scenario, resolve(scenario).system)


@pytest.mark.parametrize("arrivals", ["bernoulli", "poisson"])
@pytest.mark.parametrize(
    ("shape", "factors"), [("steps", [0, 0, 0.5, 0.5, 1, 1]), ("curve", [0, 0.25, 0.5, 0.75, 1, 0.5])]
)
def test_tasks_come_as_their_density_changes_over_time(arrivals, shape, factors):
    scenario, tasks = with_profile(shape, f"workload.arrivals={arrivals}")
    assert list(slot_factors(scenario)) == factors
    slots = [task.generated_ns // 10**9 % 6 for task in tasks]
    for slot, factor in enumerate(factors):
        assert slots.count(slot) == pytest.approx(
            1000 * factor, abs=0 if factor in (0, 1) and arrivals == "bernoulli" else 120
        )
    assert [task.generated_ns for task in tasks] == sorted(task.generated_ns for task in tasks)


def test_a_constant_profile_changes_nothing_but_rounding():
    flat = load_scenario("region", ["workload.arrivals=poisson", "workload.profile={every: 1 s, factors: [1, 1]}"])
    plain = load_scenario("region", ["workload.arrivals=poisson"])
    pairs = zip(generate(flat, SYSTEM), generate(plain, SYSTEM), strict=True)
    assert all(abs(a.generated_ns - b.generated_ns) <= 1 and a.cycles == b.cycles for a, b in pairs)


def test_a_profile_may_be_a_file_and_is_written_back_as_numbers(tmp_path):
    (tmp_path / "load.txt").write_text("0.5\n\n2\n")
    (tmp_path / "s.yaml").write_text("workload: {profile: load.txt}\nslots: 240")
    resolved = inputs.resolve(load_scenario(tmp_path / "s.yaml"))
    profile = resolved.scenario.workload.profile
    assert profile is not None and profile.factors == (0.5, 2.0)
    again = parse_scenario(dump_resolved(resolved))
    assert generate(again, resolved.system) == generate(resolved.scenario, resolved.system)
    (tmp_path / "load.txt").write_text("0.5\n-1\n")
    with pytest.raises(ScenarioError, match="out of range") as caught:
        inputs.resolve(load_scenario(tmp_path / "s.yaml"))
    assert (caught.value.line, caught.value.column) == (2, 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{profile: {every: 1500 ms, factors: [1]}}", "whole number of slots"),
        ("{profile: {every: 1 s, factors: [0, 0]}}", "no task"),
        ("{profile: {every: 1 s}}", "either a file or inline"),
        ("{profile: {every: 20000000 s, factors: [1]}}", "slots"),
    ],
)
def test_profiles_that_mean_nothing_are_refused(text, words):
    with pytest.raises(ScenarioError, match=words):
        parse_scenario(f"workload: {text}")


def test_values_between_quantiles_are_evenly_likely():
    scenario = load_scenario("region", ["task.cycles={quantiles: [1 G, 2 G, 10 G]}"])
    cycles = sorted(task.cycles for task in generate(scenario, SYSTEM))
    assert sum(value < 2 * 10**9 for value in cycles) == pytest.approx(len(cycles) / 2, rel=0.1)
    assert cycles[0] >= 10**9 and cycles[-1] <= 10**10 and cycles[-1] > 9 * 10**9
    with pytest.raises(ScenarioError, match="do not ascend"):
        parse_scenario("task: {cycles: {quantiles: [2 G, 1 G]}}")
