"""What a run tells while it goes on: the same from simulation and twin, and all that the summary counts."""

import json
import math
import re
from typing import Any

import msgspec
import pytest

from testbed.analysis.document import to_json_line
from testbed.analysis.stream import FATES, READINGS, InOrder, RunStream
from testbed.experiments import runner
from testbed.model.task import DECIDED, FAILED
from testbed.protocol.rows import EventRow, SlotRow, TaskRow, UpdateRow
from testbed.record.backends import SIM, TWIN
from testbed.scenario.load import load_scenario
from testbed.trace import inputs
from tests.command import ROOT

FIELDS = re.compile(r"^## (\w+)\n\n\| field.*\n\|---\|---\|\n((?:\|.*\n)+)", re.MULTILINE)
FAULTS = "faults=[{at: 2 s, kill: es-1, restart_after: 2 s}, {at: 3.2 s, kill: ue-3-1}]"


def played(tmp_path, backend, *changes, policy="greedy-do"):
    """The documents of a run of 8 slots, and its summary."""
    resolved = inputs.resolve(load_scenario("region", ["slots=8", *changes]))
    workload = inputs.generate(resolved.scenario, resolved.system)
    begun: list[InOrder] = []
    messages: list[dict[str, Any]] = []
    order = runner.Order(
        resolved=resolved,
        workload=workload,
        policy=policy,
        backend=backend,
        out=str(tmp_path / backend),
        heard=lambda rows: messages.extend(begun[0].take(rows)),
    )
    run = runner.execute(order, started=lambda path, plan: begun.append(InOrder(RunStream(plan))))
    return [*messages, *begun[0].rest()], runner.summary_of(run)


def of(kind, documents):
    return [one for one in documents if one["kind"] == kind]


def documented(column=1):
    """The words that the page has for each kind: its fields, or with column 2 what it says of them."""
    page = (ROOT / "docs/reference/stream.md").read_text()
    return {
        kind: {name for row in rows.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[column])}
        for kind, rows in FIELDS.findall(page)
    }


def test_simulation_and_twin_say_the_same(tmp_path):
    (simulated, _), (twin, _) = (played(tmp_path, backend) for backend in (SIM, TWIN))
    assert simulated == twin and len(of("progress", twin)) > 8


def test_every_task_is_told_once_at_its_instant_and_counted_as_in_the_summary(tmp_path):
    documents, summary = played(tmp_path, SIM)
    tasks = of("task", documents)
    assert len({(task["ue"], task["number"]) for task in tasks}) == len(tasks) == summary.tasks["generated"] > 50
    instants = [one["at_s"] for one in documents]
    assert instants == sorted(instants)
    counted = dict.fromkeys(FATES, 0)
    for task in tasks:
        assert sum(task["parts_s"].values()) == pytest.approx(task["delay_s"])
        for fate in (task["state"], task["choice"], *(tag for tag in FATES if task.get(tag) is True)):
            counted[fate] += 1
    assert counted == {fate: summary.tasks[fate] for fate in FATES}
    assert math.fsum(task["delay_s"] for task in tasks) / len(tasks) == pytest.approx(summary.delay_s.mean)
    assert math.fsum(task["energy_j"] for task in tasks) == pytest.approx(summary.energy_j.total)


def test_progress_comes_at_every_slot_boundary_and_counts_what_ended_before(tmp_path):
    documents, _ = played(tmp_path, SIM)
    progress = of("progress", documents)
    assert [one["at_s"] for one in progress] == [float(slot) for slot in range(len(progress))]
    assert [one["slot"] for one in progress] == list(range(len(progress)))
    for one in progress:
        before = documents[: documents.index(one)]
        assert one["ended"] == len(of("task", before)) == sum(one["tasks"][fate] for fate in FATES[:3])
        assert set(one["es"]) == {"es-1", "es-2", "es-3"}
        assert all(0.0 <= es["utilisation"] <= 1.0 and es["backlog_s"] >= 0.0 for es in one["es"].values())
    assert {one["phase"] for one in progress} == {"running", "draining"}
    assert any(es["backlog_s"] > 0.0 for one in progress for es in one["es"].values())


def test_deaths_are_told_and_a_dead_server_announces_nothing(tmp_path):
    documents, summary = played(tmp_path, SIM, FAULTS)
    events = [(one["at_s"], one["source"], one["event"]) for one in of("event", documents)]
    assert events == [(2.0, "es-1", "died"), (3.2, "ue-3-1", "died"), (4.0, "es-1", "restarted")]
    states = {one["at_s"]: one["es"]["es-1"] for one in of("progress", documents)}
    assert states[1.0]["up"] and states[3.0] == {
        "up": False,
        "slot": None,
        "backlog_s": None,
        "waiting": None,
        "utilisation": None,
    }
    assert states[5.0]["up"] and states[5.0]["slot"] == 5
    failed = [task for task in of("task", documents) if task["state"] == FAILED]
    assert len(failed) == summary.tasks["failed"] > 0 and documents[-1]["state"] == FAILED
    assert all(task["reason"] and task["at_s"] is task["delay_s"] is task["parts_s"] is None for task in failed)


def plan():
    resolved = inputs.resolve(load_scenario("smoke"))
    return resolved.plan((), "lc", second_offload=False, live=False)


def task(number, **changes):
    row = TaskRow(
        ue="ue-1-1", number=number, cell=1, generated_ns=0, input_bits=8, cycles=9, deadline_ns=10**9, state="completed"
    )
    return msgspec.structs.replace(row, **{"finished_ns": 10**8, "measured_ns": 10**8, "choice": 0, **changes})


def test_only_ends_are_told_and_each_once():
    stream = RunStream(plan())
    rows = [task(0, state=DECIDED, finished_ns=-1), task(0), task(0), task(1, state="late")]
    assert [one["number"] for one in stream.take(rows)] == [0, 1]
    assert stream.progress(10**9, "running")["tasks"] == dict.fromkeys(FATES, 0) | {
        "completed": 1,
        "late": 1,
        "local": 2,
    }


def test_meters_are_no_events_and_a_learner_tells_how_far_it_is():
    stream = RunStream(plan())
    rows = [EventRow(0, "es-1", kind, "", math.nan) for kind in (*READINGS, "died")]
    update = UpdateRow(
        at_ns=5, learner="l", version=3, loss=math.nan, entropy=1.0, reward=math.inf, updates=7, lag=0.5, rate=2.0
    )
    [died, learned] = stream.take([*rows, update])
    assert died["event"] == "died" and (learned["updates"], learned["updates_per_s"]) == (7, 2.0)
    assert json.loads(to_json_line(learned))["loss"] is None and json.loads(to_json_line(died))["value"] is None
    assert "\n" not in to_json_line({"detail": "two\nlines\u2028\x85"})


def test_the_page_has_every_field_and_no_other():
    stream, result = RunStream(plan()), documented()
    slot = SlotRow(
        es="es-1",
        slot=0,
        at_ns=0,
        backlog_ns=0,
        waiting=0,
        own_cycles=0,
        forwarded_cycles=0,
        air_cycles=0,
        busy_ns=0,
        over_threshold=False,
    )
    update = UpdateRow(at_ns=0, learner="", version=0, loss=0, entropy=0, reward=0, updates=0, lag=0, rate=0)
    items = [stream.started("r", "p", "sim"), *stream.take([slot, task(0), update, EventRow(0, "x", "y")])]
    progress = stream.progress(0, "running")
    for one in [*items, progress]:
        assert set(one) - {"kind"} == result[one["kind"]], one["kind"]
    assert {*progress["tasks"], *progress["es"]["es-1"]} <= documented(2)["progress"]
    assert set(result) == {"started", "progress", "task", "event", "update", "ended"}
