"""The first 2,000 seeds of the swarm; a failure says how to play it again, and `python -m tests.swarm` shrinks it."""

from pathlib import Path

import pytest

from testbed.protocol.rows import STALE
from tests.swarm.campaign import blocks, failure, play_block, smallest, table
from tests.swarm.cases import Case, drawn, made, read
from tests.swarm.faults import KINDS
from tests.swarm.play import play
from tests.swarm.shrink import shrunk

SEEDS = 2000
KEPT = sorted((Path(__file__).parents[1] / "swarm" / "kept").glob("*.yaml"))


@pytest.mark.parametrize("first", [first for first, _ in blocks(0, SEEDS - 1)])
def test_nothing_is_wrong_in_any_run_of_the_swarm(first):
    block = play_block(first, SEEDS // len(list(blocks(0, SEEDS - 1))), "")
    assert block.failed == [], f"python -m tests.swarm {block.failed[0]}..{block.failed[0]} shrinks the first"
    assert block.events > 20 * block.seeds
    assert block.faults.keys() == KINDS.keys()


@pytest.mark.parametrize("file", KEPT, ids=lambda file: file.stem)
def test_nothing_is_wrong_in_what_once_failed(file):
    assert failure(read(file.read_text())) == ""


def test_a_case_is_read_back_from_its_file():
    for seed in range(20):
        case = drawn(seed)
        assert read(case.text) == case
        assert made(read(case.text)).plan == made(case).plan


def test_what_fails_is_shrunk_to_what_it_takes():
    def fails(case: Case) -> bool:
        faults = case.scenario.get("faults", [])
        return any("kill" in fault for fault in faults) and len(made(case).plan.system.ues) >= 2

    case = next(case for case in map(drawn, range(100)) if fails(case) and case.network is not None)
    small = shrunk(case, fails)
    assert fails(small) and small.network is None and not small.ghosts and small.strategy == "lc"
    assert len(small.scenario["faults"]) == 1 and small.scenario["slots"] <= 2
    assert len(made(small).plan.system.ues) == 2
    assert not small.scenario.keys() & {"radio", "backhaul", "task", "agent", "emulation"}


def test_a_failing_seed_ends_as_a_small_file_that_fails_for_the_same_reason(monkeypatch):
    from ue_agent.report import Flight

    monkeypatch.setattr(Flight, "lost_airtime_ns", 0)
    seed = next(seed for seed in range(500) if "J of" in failure(drawn(seed)))
    small = smallest(seed)
    assert "J of" in failure(read(small.text))
    assert len(small.text) < len(drawn(seed).text)


def test_sums_are_told_as_a_table():
    shown = table([play_block(0, 3, ""), play_block(3, 2, "")])
    assert "| seeds | 5 |" in shown and "| failures | 0 |" in shown


def test_a_result_from_beyond_death_is_counted():
    (file,) = (one for one in KEPT if one.stem == "a_result_of_a_dead_incarnation_is_accepted")
    stale = [event for event in play(read(file.read_text())).made.events if event.kind == STALE]
    assert stale and all("dead by then" in event.detail for event in stale)
