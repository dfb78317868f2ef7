"""A user's policy, and checkpoints of tuned ones: what is refused, what is caught, where it may print."""

import json
import sys

import pytest

from testbed.experiments.virtual import by_twin
from testbed.model.errors import UsageError
from testbed.model.targets import chooses_target
from testbed.policy import loading, shipped
from testbed.policy.choosing import PricedAny, Shortest
from testbed.policy.heuristics import Priced
from testbed.policy.planned import THINK_NS, USUAL_ANY_BASE, USUAL_BASE, Planned
from testbed.protocol.rows import POLICY_ERROR
from testbed.sim.simulation import simulate
from tests.support import plan, system, task_of

SOURCE = """
print("loading")
def talks(cell, rng):
    print("deciding")
    return {ue.name: 1 for ue in cell.ues}
def leaves(cell, rng):
    raise SystemExit(3)
def interrupted(cell, rng):
    raise KeyboardInterrupt
class Leaves:
    def __init__(self):
        raise SystemExit(4)
"""
CLOCKS = pytest.mark.parametrize("clock", [simulate, by_twin], ids=["sim", "twin"])


@pytest.fixture(name="own")
def _own(tmp_path, monkeypatch):
    """A module with policies, to be had by name."""
    name = f"own_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(SOURCE)
    (tmp_path / f"{name}_gone.py").write_text("raise SystemExit(7)")
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


def small():
    """Two tasks of one UE."""
    made = system(slots=4)
    return plan(made, [task_of(0, 0), task_of(0, 1, at=made.slot_ns)])


@CLOCKS
def test_a_policy_prints_to_standard_error(own, capsys, clock):
    sys.modules.pop(own, None)
    clock(small(), loading.load(f"{own}:talks")[0])
    said = capsys.readouterr()
    assert said.out == "" and "loading" in said.err and said.err.count("deciding") == 2


@CLOCKS
def test_a_policy_that_exits_is_replaced_by_the_fallback_and_named(own, clock):
    made = clock(small(), loading.load(f"{own}:leaves")[0])
    assert [row.fallback for row in made.tasks if row.finished_ns >= 0] == ["policy error"] * 2
    events = [event for event in made.events if event.kind == POLICY_ERROR]
    assert [event.detail for event in events] == [f"cell 1, slot {slot}: SystemExit: 3" for slot in (0, 1)]


@CLOCKS
def test_an_interrupt_while_a_policy_decides_interrupts(own, clock):
    with pytest.raises(KeyboardInterrupt):
        clock(small(), loading.load(f"{own}:interrupted")[0])


@pytest.mark.parametrize(("name", "said"), [("{}_gone:x", "SystemExit: 7"), ("{}:Leaves", "SystemExit: 4")])
def test_a_policy_that_exits_while_it_is_loaded_is_a_mistake(own, name, said):
    with pytest.raises(UsageError, match=said):
        loading.load(name.format(own))


@pytest.mark.parametrize(
    ("base", "values", "said"),
    [
        ("coin", {"q": 7}, "from 0 to 1"),
        ("coin", {"q": -0.1}, "from 0 to 1"),
        ("coin", {"q": float("nan")}, "finite"),
        ("priced", {"beta": float("inf"), "beta0": 0}, "finite"),
        ("priced", {"beta": 10**400, "beta0": 0}, "finite"),
        ("priced", {"beta": 0.5}, "finite"),
    ],
)
def test_a_checkpoint_out_of_range_is_refused(tmp_path, base, values, said):
    path = tmp_path / "values.json"
    path.write_text(json.dumps({"policy": base, **values}))
    with pytest.raises(UsageError, match=said) as caught:
        loading.load(f"{base}:{path}")
    assert str(path) in caught.value.message


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("coin", "testbed tune region --policy coin"),
        ("priced-do", "testbed tune region --policy priced-do"),
        ("a3c", "testbed train region --algorithm a3c"),
        ("dqn-do", "testbed train region --algorithm dqn-do"),
    ],
)
def test_a_policy_without_its_checkpoint_hints_at_what_makes_one(name, command):
    with pytest.raises(UsageError) as caught:
        loading.load(name)
    assert f"{name}:CHECKPOINT" in caught.value.message and caught.value.remedy == command


@pytest.fixture(name="prices")
def _prices(tmp_path):
    path = tmp_path / "prices.json"
    path.write_text(json.dumps({"policy": "priced", "beta": 0.5, "beta0": 0.25}))
    return path


def test_a_planner_is_named_with_what_it_plans_from_and_its_time(prices):
    assert loading.load("plan") == (Planned(USUAL_BASE, THINK_NS), False)
    assert loading.load("plan-do@1.5ms") == (Planned(USUAL_BASE, 1_500_000), True)
    assert loading.load("plan-do:greedy") == (Planned(Priced(), THINK_NS), True)
    assert loading.load(f"plan-do@3ms:priced-do:{prices}") == (Planned(Priced(0.5, 0.25), 3_000_000), True)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("plan-do@", "not a quantity"),
        ("plan-do@20", "unit"),
        ("plan-do@0ms", "longer than 0"),
        ("plan-do@-5ms", "negative|longer than 0"),
        ("plan-do:plan-do", "cannot plan from"),
        ("plan-do:mine:decide", "cannot plan from"),
        ("plan-do:priced-do", "needs tuned values"),
        ("plan-do:greedy:x", "takes no checkpoint"),
        ("plan-do:gredy", "unknown policy"),
        ("greedy-do@20ms", "unknown policy"),
    ],
)
def test_a_planner_that_cannot_be_is_refused(name, said):
    with pytest.raises(UsageError, match=said):
        loading.load(name)


def test_the_checkpoint_of_what_a_planner_plans_from_goes_with_the_run(prices, tmp_path):
    name = f"plan-do@3ms:priced-do:{prices}"
    assert loading.checkpoint_of(name) == str(prices) and loading.checkpoint_of("plan-do") == ""
    assert loading.with_checkpoint(name, "else.json") == "plan-do@3ms:priced-do:else.json"
    assert loading.without_checkpoint(name) == "plan-do@3ms:priced-do"
    folder = tmp_path / "run"
    folder.mkdir()
    assert loading.kept(name, folder) == "plan-do@3ms:priced-do:policy.json"
    assert (folder / "policy.json").read_bytes() == prices.read_bytes()
    assert not loading.is_own(name) and not loading.is_own("plan-do:mine:decide")


def test_time_to_think_goes_to_planners_that_name_none():
    given = ["lc", "plan", "plan-do:greedy-do", "plan-do@5ms:greedy-do"]
    expected = ["lc", "plan@9ms", "plan-do@9ms:greedy-do", "plan-do@5ms:greedy-do"]
    assert [loading.thinking(name, "9ms") for name in given] == expected


def test_policies_that_choose_targets_are_loaded_by_name(tmp_path, own):
    assert loading.load("greedy-any") == (PricedAny(), True)
    assert loading.load("po2-any") == (Shortest(sampled=True), True)
    (tmp_path / "p.json").write_text('{"policy": "priced-any", "beta": 0.3, "beta0": 0.2, "away": 0.1}')
    assert loading.load(f"priced-any:{tmp_path / 'p.json'}") == (PricedAny(0.3, 0.2, 0.1), True)
    (tmp_path / f"{own}_free.py").write_text("def home_any(cell, rng):\n    return {ue.name: 1 for ue in cell.ues}\n")
    assert loading.load(f"{own}_free:home_any")[1]
    assert loading.load("plan-any") == (Planned(USUAL_ANY_BASE, THINK_NS), True)
    name = f"plan-any@3ms:priced-any:{tmp_path / 'p.json'}"
    assert loading.load(name) == (Planned(PricedAny(0.3, 0.2, 0.1), 3_000_000), True) and chooses_target(name)
    assert loading.without_checkpoint(name) == "plan-any@3ms:priced-any"
    assert loading.thinking("plan-any:jsq-any", "9ms") == "plan-any@9ms:jsq-any"


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("priced-any", "needs tuned values"),
        ("jsq", "unknown policy"),
        ("jsq-any:x.json", "takes no checkpoint"),
        ("coin-any:x.json", "unknown policy"),
        ("a3c-any", "needs a trained network"),
        ("a3c-region-any:x.npz", "No such file"),
        ("dqn-any:x.npz", "unknown policy"),
        ("plan-any:greedy-do", "cannot plan from"),
        ("plan-any:mine:decide_any", "cannot plan from"),
        ("plan-do:greedy-any", "cannot plan from"),
    ],
)
def test_what_chooses_no_target_is_refused(name, what):
    with pytest.raises(UsageError, match=what):
        loading.load(name)


def test_a_price_of_the_rule_is_none_for_choosing(tmp_path):
    (tmp_path / "p.json").write_text('{"policy": "priced", "beta": 0.3, "beta0": 0.2}')
    with pytest.raises(UsageError, match='of "priced", not of "priced-any"'):
        loading.load(f"priced-any:{tmp_path / 'p.json'}")
    with pytest.raises(UsageError, match="cannot learn in a run"):
        loading.load_for_learning("a3c-any")


def test_a_network_where_tuned_prices_belong_is_named_as_one(tmp_path):
    path = shipped.path_of("a3c-do")
    with pytest.raises(UsageError, match="the checkpoint of a network, not tuned values") as caught:
        loading.load(f"priced-do:{path}")
    assert caught.value.remedy == f"use it as a3c-do:{path}"
    (tmp_path / "noise").write_bytes(b"\xff\x00")
    with pytest.raises(UsageError, match="it is no text"):
        loading.load(f"priced-do:{tmp_path / 'noise'}")
