"""Recordings as bad as they come: from before the beginning, over ten years, of links that hardly move a bit."""

import pytest

from testbed.experiments.virtual import by_twin
from testbed.model.errors import ScenarioError
from testbed.policy.heuristics import FixedChoice
from testbed.protocol.rows import TaskRow
from testbed.protocol.table import ColumnTable
from testbed.scenario.load import load_scenario
from testbed.sim.simulation import simulate
from testbed.trace import inputs, mapped
from tests.command import call, document
from tests.trace.converting import written

TEN_YEARS_S = 315_360_000
JOB = "{number} {at} 0 10 1 -1 -1 -1 -1 -1 1 -1 -1 -1 0 -1 -1 -1\n"
A_DAY_NS = 86_400 * 10**9


@pytest.mark.parametrize("clock", ["twin", "sim"])
def test_a_trace_of_ten_years_is_played_in_no_time(tmp_path, clock):
    jobs = [JOB.format(number=n + 1, at=n * TEN_YEARS_S // 4) for n in range(5)]
    rows, _, summary = written(tmp_path, "swf", "".join(jobs))
    assert summary == f"5 tasks in {TEN_YEARS_S + 1} slots for 15 UEs" and rows[-1][0] == f"{TEN_YEARS_S}.000000000"
    table = "".join(",".join(row) + "\n" for row in [["time_s", "ue", "input_bits", "cycles", "deadline_s"], *rows])
    (tmp_path / "ten.csv").write_text(table)
    found = document("replay", "ten.csv", "--on", clock, "--policy", "lc", cwd=tmp_path)
    assert found["tasks"]["generated"] == 5 and found["slots"] == TEN_YEARS_S + 1
    assert found["end_s"] == pytest.approx(TEN_YEARS_S + 10, abs=11)


def test_what_came_before_the_beginning_is_left_out_and_counted(tmp_path):
    columns = tuple(mapped.mapped(["time=when:s", "duration=took:s"]).items())
    table = "when,took\n-3,1\n-0.5,2\n0,1\n2.5,1\n"
    rows, said, _ = written(tmp_path, "table", table, columns=columns)
    assert [row[0] for row in rows] == ["0.000000000", "2.500000000"]
    assert "2 rows from before instant 0 left out" in said
    late = JOB.format(number=1, at=-1) + JOB.format(number=2, at=5)
    assert "1 job without a submit time left out" in written(tmp_path, "swf", late)[1]


def plan_of(*changes):
    resolved = inputs.resolve(load_scenario("region", ["slots=3", "task.input=10 kB", *changes]))
    workload = inputs.generate(resolved.scenario, resolved.system)
    return resolved.plan(workload, "offload", second_offload=False, live=False)


@pytest.mark.parametrize(
    "link",
    [
        ["radio.trace={durations: [1 s, 1 s], rates: [0 bit/s, 200 bit/s]}"],
        ["radio.bandwidth=150 Hz", "radio.max_spectral_efficiency=1"],
        ["ue.distance=14 km", "radio.fading=100 ms"],
    ],
    ids=["trace", "bandwidth", "fading"],
)
def test_a_link_that_is_nearly_dead_delays_tasks_for_hours_and_the_run_ends(link):
    plan = plan_of(*link)
    simulated = ColumnTable.of(TaskRow, simulate(plan, FixedChoice(1)).tasks)
    ends = simulated.ints("finished_ns")
    assert len(ends) > 10 and (ends > 0).all() and 100 * 10**9 < ends.max() < A_DAY_NS
    assert by_twin(plan, FixedChoice(1)).tasks == simulated


def test_a_link_that_is_dead_is_refused_with_its_rate():
    with pytest.raises(ScenarioError, match="100 bit/s are the least"):
        plan_of("radio.bandwidth=50 Hz", "radio.max_spectral_efficiency=1")
    with pytest.raises(ScenarioError, match="100 bit/s are the least"):
        plan_of("radio.trace={durations: [1 s, 1 s], rates: [0 bit/s, 100 bit/s]}")
    with pytest.raises(ScenarioError, match="a day is the most"):
        plan_of("radio.trace={durations: [100000 s, 1 s], rates: [0 bit/s, 1 Gbit/s]}")


def test_a_replay_of_a_table_cut_in_the_middle_of_a_row_names_the_line(tmp_path):
    (tmp_path / "cut.csv").write_text("time_s,ue,input_bits,cycles,deadline_s\n0,ue-1-1,1,1,1\n1,ue-1-1,1\n")
    said = call("replay", "cut.csv", "--on", "twin", cwd=tmp_path, code=2).stderr
    assert "cut.csv:3:1: 3 cells where the header has 5" in said
