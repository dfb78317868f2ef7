"""Units of work: which there are, what keeps them apart, and how results are kept."""

import msgspec

from testbed.reproduce import store
from testbed.reproduce.catalogue import CLAIMS
from testbed.reproduce.pool import missing
from testbed.reproduce.studies import A3C, A3C_DO, BASE, DQN, DQN_DO, LEARNERS, STUDIES
from testbed.reproduce.units import COST, LIVE, TRAIN, about, needed
from tests.reproduce.made import TINY


def test_every_learner_is_trained_equally_often():
    units = [unit for unit in needed(CLAIMS, TINY) if unit.kind == TRAIN]
    for study in BASE:
        seeds = {
            name: sorted(
                (unit.density, unit.seed) for unit in units if (unit.study, unit.strategy) == (study.name, name)
            )
            for name in LEARNERS
        }
        assert len({str(result) for result in seeds.values()}) == 1
        assert len(seeds[A3C]) == TINY.seeds * len(TINY.densities)


def test_no_unit_is_needed_twice_and_names_are_apart():
    units = needed(CLAIMS, TINY, live=True)
    assert len(set(units)) == len(units) == len({unit.stem for unit in units})
    assert {unit.study for unit in units} == set(STUDIES)


def test_what_others_need_comes_first():
    kinds = [unit.kind for unit in needed((8, 7, 1), TINY, live=True)]
    assert kinds == sorted(kinds, key=("train", "play", "bound", "cost", "live").index)
    assert kinds.count(LIVE) == 2 * 4 * TINY.live_seeds and kinds.count(COST) == 2 * TINY.seeds


def test_a_claim_needs_no_more_than_its_own():
    assert {unit.kind for unit in needed((7,), TINY)} == {COST}
    assert {unit.strategy for unit in needed((2,), TINY)} == {A3C_DO, A3C, DQN}
    assert DQN_DO in {unit.strategy for unit in needed((4,), TINY)}


def test_a_result_is_found_again_unless_it_is_of_another_effort(tmp_path):
    unit, *others = needed((1,), TINY)
    assert store.read(tmp_path, unit, TINY) is None
    store.write(tmp_path, unit, TINY, {"log": [1.0]})
    assert store.read(tmp_path, unit, TINY) == {"log": [1.0]}
    assert missing([unit, *others], TINY, tmp_path) == others
    longer = msgspec.structs.replace(TINY, our_episodes=65)
    assert about(unit, longer) != about(unit, TINY) and store.read(tmp_path, unit, longer) is None
    more = msgspec.structs.replace(TINY, seeds=9)
    assert store.read(tmp_path, unit, more) == {"log": [1.0]}  # more seeds go on from what is there


def test_a_damaged_result_is_none(tmp_path):
    unit = needed((1,), TINY)[0]
    store.write(tmp_path, unit, TINY, {"log": []})
    path = store.path_of(tmp_path, unit)
    for text in ("{", "[]", '{"about": 1}'):
        path.write_text(text)
        assert store.read(tmp_path, unit, TINY) is None
