"""Faults that come at random: drawn by a key before the run, and planned ones from then on."""

import itertools
import json
import statistics

import msgspec
import pytest

from testbed.cli.main import main
from testbed.model.errors import ScenarioError
from testbed.scenario.dump import dump, dump_resolved
from testbed.scenario.load import parse_scenario
from testbed.scenario.resolve import resolve

S = 10**9
KILLS = "mean_interval: 20 s, kill: es, restart_after: 2 s, key: 7"


def drawn(*faults, slots=2000, seed=3):
    written = ", ".join("{" + fault + "}" for fault in faults)
    return resolve(parse_scenario(f"slots: {slots}\nseed: {seed}\nfaults: [{written}]"))


def test_intervals_are_exponential_and_every_server_is_hit_as_often():
    faults = drawn(KILLS.replace("after: 2 s", "after: 1 ms"), slots=60_000).faults
    gaps = [after.at_ns - before.at_ns for before, after in itertools.pairwise(faults)]
    assert statistics.mean(gaps) / S == pytest.approx(20, rel=0.05)
    assert statistics.stdev(gaps) / S == pytest.approx(20, rel=0.07)
    hit = [sum(fault.name == f"es-{n}" for fault in faults) / len(faults) for n in (1, 2, 3)]
    assert hit == pytest.approx([1 / 3] * 3, abs=0.03)
    assert {fault.restart_ns - fault.at_ns for fault in faults} == {S // 1000}


def test_the_key_alone_says_what_is_drawn():
    made = drawn(KILLS)
    assert drawn(KILLS, seed=4).faults == made.faults and len(made.faults) > 50
    assert drawn(KILLS.replace("7", "8")).faults != made.faults
    unkeyed = KILLS.partition(", key")[0]
    assert drawn(unkeyed, seed=7).faults == made.faults != drawn(unkeyed, seed=3).faults
    shorter = drawn(KILLS, slots=1000).faults
    assert made.faults[: len(shorter)] == shorter


def test_what_was_drawn_is_planned_from_then_on():
    made = drawn(KILLS, "mean_interval: 30 s, for: 3 s, cut: ue:es", "at: 100 s, mean_interval: 90 s, slow: es to 50%")
    again = resolve(parse_scenario(dump_resolved(made)))
    assert again.system == made.system and again.faults == made.faults and again.disturbances == made.disturbances
    assert again.drawn == () and [one.what.split(" about")[0] for one in made.drawn] == [
        "kill es",
        "cut ue:es",
        "slow es to 0.5",
    ]
    assert sum(one.count for one in made.drawn) == len(made.faults) + len(made.disturbances)
    assert min(one.at_ns for one in made.disturbances if one.what.startswith("slow")) >= 100 * S
    asked = parse_scenario(f"slots: 2000\nfaults: [{{{KILLS}}}]")
    assert parse_scenario(dump(asked)) == asked


@pytest.mark.parametrize(
    ("fault", "target"),
    [
        ("overload: cell x 3", "cell "),
        ("slow: es to 50%", "es-"),
        ("degrade: ue to loss 10%", "ue-"),
        ("cut: ue:es", "ue-"),
        ("cut: es:es", "es-"),
        ("cut: es-2:es", "es-2:es-"),
        ("partition: cell", "cell "),
        ("slow: es-2 to 50%", "es-2"),
    ],
)
def test_every_kind_comes_at_random_and_to_anybody(fault, target):
    made = drawn(f"mean_interval: 9 s, for: 3 s, {fault}", slots=900).disturbances
    targets = {one.target for one in made}
    assert all(one.startswith(target) for one in targets) and (len(targets) > 1 or targets == {target})
    for one in made:
        ends = one.target.split(":")
        assert len(set(ends)) == len(ends)
        assert not ends[0].startswith("ue-") or len(ends) == 1 or ends[1] == f"es-{ends[0].split('-')[1]}"


def test_of_one_kind_on_one_target_there_is_one_at_a_time_and_planned_ones_come_first():
    made = drawn(
        "mean_interval: 2 s, for: 5 s, slow: es-1 to 50%", "at: 30 s, for: 20 s, slow: es-1 to 10%"
    ).disturbances
    planned = [one for one in made if one.what.endswith("0.1")]
    assert [(one.at_ns // S, one.until_ns // S) for one in planned] == [(30, 50)]
    for before, after in itertools.pairwise(made):
        assert before.until_ns < after.at_ns


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("mean_interval: 9 s, every: 3 s, kill: es", '"every" means nothing for what comes at random'),
        ("mean_interval: 1 ms, kill: es, restart_after: 1 us", "it comes more than 5,000 times"),
        ("mean_interval: 9 s, kill: server", 'there is no process "server" to kill'),
        ("mean_interval: 9 s, slow: ue to 50%", "there is no edge server"),
        ("mean_interval: 9 s, cut: es:es", 'a cut needs "for"'),
        ("mean_interval: 9 s", "a fault that does nothing"),
        ("at: 1 s, kill: es", 'there is no process "es" to kill'),
        ("at: 1 s, overload: cell x 3", "a planned fault of any cell"),
        ("at: 1 s, kill: es-1, key: 3", '"key" means nothing'),
    ],
)
def test_mistakes_are_told_where_they_stand(fault, said):
    with pytest.raises(ScenarioError, match=r":\d+:\d+: ") as told:
        drawn(fault)
    assert said in told.value.message and told.value.remedy


def test_the_check_says_how_many_were_drawn(tmp_path, capsys):
    scenario = tmp_path / "s.yaml"
    scenario.write_text(f"slots: 200\nfaults: [{{{KILLS}}}]\n")
    count = len(resolve(parse_scenario(scenario.read_text())).faults)
    main(["check", str(scenario)])
    assert f"kill es about every 20 s: drawn {count} times" in capsys.readouterr().out
    main(["check", str(scenario), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["drawn_faults"] == [{"what": "kill es about every 20 s", "count": count}]
    assert len(found["faults"]) == count > 3


def test_a_scenario_without_chance_stays_as_it_is():
    made = drawn("at: 3 s, kill: es-1")
    assert made.drawn == () and made.scenario == msgspec.structs.replace(made.scenario)
