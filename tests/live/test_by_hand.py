"""Faults of the model that are asked for while a run goes on, as its launcher carries them out."""

import pytest

from testbed.experiments import recording
from testbed.experiments.describing import described
from testbed.experiments.runner import Order, planned
from testbed.live import plan_changes
from testbed.live.model_faults import AWAKE_WALL_NS
from testbed.live.progress import TaskCounter
from testbed.model.delay import NS_PER_S
from testbed.model.revision import revised
from testbed.protocol.rows import FAULT_ASKED, FAULT_BEGAN, FAULT_OVER, PAUSE, REQUEST_REFUSED, RESUME
from testbed.record import directory, reader
from testbed.record.fault_requests import LIFT, FaultRequest, ask
from testbed.scenario.load import parse_scenario
from testbed.scenario.workload import read_csv
from testbed.trace import inputs
from tests.live.test_deaths import Launcher

AHEAD_S = plan_changes.TOLD_AHEAD_WALL_NS / NS_PER_S


@pytest.fixture
def launcher(tmp_path):
    """A launcher that does nothing but act, with the inputs of its run in its folder."""
    resolved = inputs.resolve(
        parse_scenario("slots: 30\nfaults: [{at: 20 s, for: 2 s, every: 5 s, slow: es-1 to 50%}]")
    )
    tasks = inputs.generate(resolved.scenario, resolved.system)
    order = Order(resolved=resolved, workload=tasks, policy="lc", backend="sim")
    plan = planned(order, double=False)
    directory.write_inputs(tmp_path, resolved, tasks, "resolved from one run\nrun: r")
    recording.note(tmp_path, described(plan, tmp_path, backend="sim", policy="lc", notes={}), "sim")
    return Launcher(run_dir=tmp_path, plays=plan)


def asked(launcher, at_s, do, what, for_s=0.0):
    """Ask at an instant, and let the launcher see it."""
    ask(launcher.run_dir, FaultRequest(do, what, for_s))
    launcher.at(at_s)


def kept(launcher):
    """The plan that a replay of the run would have."""
    return inputs.resolve(parse_scenario((launcher.run_dir / directory.SCENARIO).read_text()))


KINDS = [
    ("slow", "es-2 to 50%"),
    ("degrade", "ue-1-3 to 1 Mbit/s loss 10% +20 ms both ways"),
    ("cut", "ue-1-3:es-1"),
    ("cut", "es-1:es-2"),
    ("partition", "cell 2"),
    ("overload", "cell 1 x 3"),
]


@pytest.mark.parametrize(("kind", "phrase"), KINDS)
def test_each_kind_begins_when_all_know_it_and_is_an_input_of_the_run_from_then_on(kind, phrase, launcher):
    before = launcher.plan
    asked(launcher, 3, kind, phrase, 4.0)
    assert launcher.events(REQUEST_REFUSED) == [] and len(launcher.events(FAULT_ASKED)) == 1
    assert launcher.events(FAULT_BEGAN) == []
    launcher.at(3 + AHEAD_S)
    launcher.at(7 + AHEAD_S)
    begun, over = launcher.events(FAULT_BEGAN), launcher.events(FAULT_OVER)
    assert [at for at, *_ in begun] == [3 + AHEAD_S] and [at for at, *_ in over] == [7 + AHEAD_S]
    (revision,) = launcher.revisions
    assert revised(before, revision).system == launcher.plan.system != before.system or kind == "overload"
    assert kept(launcher).system == launcher.plan.system and kept(launcher).disturbances == launcher.plan.disturbances
    assert read_csv(launcher.run_dir / directory.WORKLOAD, launcher.plan.system) == list(launcher.plan.workload)
    assert (list(launcher.plan.workload) != list(before.workload)) == (kind == "overload")
    assert "# run: r" in (launcher.run_dir / directory.SCENARIO).read_text()
    assert reader.read_run(str(launcher.run_dir)).resolved.system == launcher.plan.system


@pytest.mark.parametrize(("kind", "phrase"), KINDS)
@pytest.mark.parametrize("by_kind", [True, False])
def test_what_has_no_end_lasts_until_it_is_lifted(kind, phrase, by_kind, launcher):
    asked(launcher, 3, kind, phrase)
    launcher.at(3.5)
    target = phrase.split(" to ")[0].split(" x ")[0]
    asked(launcher, 8, LIFT, f"{kind} {target}" if by_kind else target)
    launcher.at(9)
    assert launcher.events(REQUEST_REFUSED) == []
    assert [at for at, *_ in launcher.events(FAULT_OVER)] == [8 + AHEAD_S]
    (made,) = [one for one in launcher.plan.disturbances if not one.what.startswith("slow es-1")]
    assert (made.at_ns, made.until_ns) == (int((3 + AHEAD_S) * NS_PER_S), int((8 + AHEAD_S) * NS_PER_S))
    assert kept(launcher).disturbances == launcher.plan.disturbances


@pytest.mark.parametrize(("kind", "phrase"), [*KINDS[:-1], (PAUSE, "es-1"), (PAUSE, "ue-1-2")])
def test_what_has_no_end_is_lifted_while_the_run_drains(kind, phrase, launcher):
    """An overload alone is over with the last slot."""
    asked(launcher, 26, kind, phrase)
    launcher.at(26.5)
    counter = TaskCounter(launcher.plan)
    (lasting,) = counter.progress(34 * NS_PER_S, 1, 1, ()).lasting
    assert lasting.startswith(kind) and counter.limit_ns == launcher.plan.system.end_ns * 3
    asked(launcher, 35, RESUME if kind == PAUSE else LIFT, phrase.split(" to ")[0])
    launcher.at(36)
    assert launcher.events(REQUEST_REFUSED) == []
    made = next(one for one in launcher.plan.disturbances if one.what == lasting)
    assert made.until_ns == int((35 + AHEAD_S) * NS_PER_S)
    assert kept(launcher).disturbances == launcher.plan.disturbances
    assert TaskCounter(launcher.plan).progress(36 * NS_PER_S, 1, 1, ()).lasting == ()


def test_who_is_to_stand_still_by_the_model_is_really_stopped(launcher):
    asked(launcher, 3, PAUSE, "es-1", 4.0)
    assert launcher.supervisor.frozen == []
    launcher.at(3 + AHEAD_S)
    assert launcher.supervisor.frozen == ["es-1"] and launcher.supervisor.thawed == []
    launcher.at(7 + AHEAD_S - AWAKE_WALL_NS / NS_PER_S)  # a little before it acts again
    launcher.at(9)
    assert launcher.supervisor.thawed == ["es-1"] and launcher.supervisor.frozen == []
    (made,) = [one for one in kept(launcher).disturbances if one.what == "pause es-1"]
    assert (made.at_ns, made.until_ns) == (int((3 + AHEAD_S) * NS_PER_S), int((7 + AHEAD_S) * NS_PER_S))


def test_a_pause_without_an_end_lasts_until_somebody_resumes(launcher):
    asked(launcher, 3, PAUSE, "ue-1-2")
    launcher.at(4)
    asked(launcher, 12, RESUME, "ue-1-2")
    launcher.at(12.1)
    assert launcher.supervisor.frozen == ["ue-1-2"] and launcher.supervisor.thawed == []
    launcher.at(12 + AHEAD_S)
    assert launcher.supervisor.thawed == ["ue-1-2"]
    asked(launcher, 13, RESUME, "ue-1-2")
    assert "does not stand still" in launcher.events(REQUEST_REFUSED)[0][2]
    assert kept(launcher).disturbances == launcher.plan.disturbances
    assert [ue.pauses_ns for ue in launcher.plan.system.ues if ue.pauses_ns] == [
        ((int((3 + AHEAD_S) * NS_PER_S), int((12 + AHEAD_S) * NS_PER_S)),)
    ]


def test_a_process_goes_on_though_telling_everybody_took_longer_than_its_pause_had_left(launcher, monkeypatch):
    asked(launcher, 3, PAUSE, "ue-1-2")
    launcher.at(4)
    follow = launcher.follow

    def slowly(plan, revision):
        follow(plan, revision)
        launcher.now_ns += NS_PER_S

    monkeypatch.setattr(launcher, "follow", slowly)
    asked(launcher, 12, RESUME, "ue-1-2")
    launcher.at(14)
    assert launcher.supervisor.thawed == ["ue-1-2"] and launcher.supervisor.frozen == []


def test_a_controller_stands_still_outside_of_the_model(launcher):
    before = launcher.plan
    asked(launcher, 3, PAUSE, "controller", 1.0)
    assert launcher.supervisor.frozen == ["controller"] and launcher.plan is before


def test_a_later_fault_takes_the_place_of_an_earlier_one_and_ends_where_a_planned_one_begins(launcher):
    asked(launcher, 3, "slow", "es-1 to 0.5")
    asked(launcher, 6, "slow", "es-1 to 0.25")
    spans = [(one.at_ns / NS_PER_S, one.until_ns / NS_PER_S) for one in launcher.plan.disturbances]
    first, second = 3 + AHEAD_S, 6 + AHEAD_S
    assert spans == [(first, second), (second, 20), (20, 22), (25, 27)]


def test_a_planned_fault_is_lifted_too_and_comes_again_as_planned(launcher):
    asked(launcher, 21, LIFT, "es-1")
    spans = [(one.at_ns / NS_PER_S, one.until_ns / NS_PER_S) for one in launcher.plan.disturbances]
    assert spans == [(20, 21 + AHEAD_S), (25, 27)]


@pytest.mark.parametrize(
    ("at_s", "kind", "what", "why"),
    [
        (3, "slow", "es-9 to 50%", 'there is no edge server "es-9"'),
        (3, "slow", "es-1", '"es-1" slows nothing'),
        (3, "cut", "ue-1-1:es-2", "ue-1-1 has no link to es-2"),
        (3, "partition", "cell 7", 'there is no "cell 7"'),
        (3, LIFT, "es-2", 'no fault called "es-2" lasts now: there is nothing to lift'),
        (21, LIFT, "cut es-1:es-2", 'no fault called "cut es-1:es-2" lasts now: lift what does: slow es-1'),
        (29.9, "slow", "es-2 to 50%", "the last slot is over"),
        (3, "tickle", "es-2", "nothing of that name runs here"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason_and_changes_nothing(at_s, kind, what, why, launcher):
    before = launcher.plan, kept(launcher)
    asked(launcher, at_s, kind, what)
    ((_, _, detail, _),) = launcher.events(REQUEST_REFUSED)
    assert detail.startswith(f"{kind} {what}: ") and why in detail
    assert (launcher.plan, kept(launcher)) == before and launcher.revisions == []


def test_where_the_inputs_are_not_those_of_the_run_nothing_is_made_of_them(launcher):
    (launcher.run_dir / directory.SCENARIO).write_text("slots: 31\n")
    asked(launcher, 3, "slow", "es-2 to 50%")
    assert "is not what it plays" in launcher.events(REQUEST_REFUSED)[0][2]


def test_recorded_tasks_leave_nothing_to_an_overload(launcher):
    launcher.plan = launcher.plan.__class__(
        **{name: getattr(launcher.plan, name) for name in launcher.plan.__struct_fields__}
        | {"workload": launcher.plan.workload[1:]}
    )
    asked(launcher, 3, "overload", "cell 1 x 2")
    assert "recorded ones" in launcher.events(REQUEST_REFUSED)[0][2]
