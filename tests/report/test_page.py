"""Pages: complete, self-contained, escaped, and true to their runs."""

import contextlib
import os
import shutil
import sqlite3

import msgspec
import pytest

from testbed.cli import summary_text
from testbed.model.fidelity import DelayError
from testbed.report.page import page
from tests.report.html_page import Page
from tests.report.runs import listed, recorded

FAULTS = "[{at: 20 s, kill: es-1, restart_after: 8 s}]"
TAGS = {"script", "style", "html", "head", "meta", "link", "title", "body", "h1", "h2", "h3", "div", "br", "nav", "a"}
TAGS |= {"section", "table", "thead", "tbody", "tr", "th", "td", "p", "b", "small", "span", "i", "figure"}
TAGS |= {"svg", "text", "line", "polyline", "rect", "circle"}
EVIL = "<u onclick='x()'>&\"</u>"


def not_numbers(text):
    """The words that should have been numbers."""
    return [word for word in Page(text).words if word.strip("(),;%").lower() in ("nan", "inf", "-inf", "none", "null")]


@pytest.mark.parametrize("policies", [("greedy-do",), ("greedy-do", "lc")])
def test_a_page_has_every_part_is_well_formed_and_fetches_nothing(policies):
    text = page(listed(*(recorded(policy, name=policy) for policy in policies)))
    found = Page(text)
    assert found.fetched == [] and "@import" not in text and "url(" not in text
    assert found.tags <= TAGS and not_numbers(text) == []
    parts = {"what", "figures", "delay", "time", "parts", "servers", "ues", "slowest", "events"}
    assert found.anchors == parts | ({"comparison"} if len(policies) > 1 else set())
    for word in ("Fidelity: exact", "es-3", "ue-2-4", "testbed replay", "edge-testbed", "seed 7", "execution"):
        assert word in found.text, word
    assert found.text.index("Fidelity") < found.text.index("What was run") < found.text.index("Figures")


def test_the_figures_are_those_of_the_summary():
    (one,) = listed(recorded())
    text = Page(page([one])).text
    assert f"{one.summary.tasks['generated']:,} {one.summary.tasks['completed']} completed" in text
    assert f"{100 * one.summary.deadline_hit_rate:.1f} %" in text
    assert f"p50 {one.summary.delay_s.p50:.4g}" in text


def test_runs_are_compared_with_the_baseline_that_is_named():
    greedy, local = listed(recorded("greedy-do"), recorded("lc"))
    change = greedy.summary.overhead.mean / local.summary.overhead.mean - 1.0
    assert f"{100 * change:+.1f} % [" in Page(page([greedy, local], local)).text
    assert f"{100 * (1 / (1 + change) - 1):+.1f} % [" in Page(page([greedy, local])).text
    other = listed(recorded("lc", slots=40))[0]
    assert "% (other tasks)" in Page(page([greedy, other])).text


def test_a_page_tells_how_a_run_came_back_from_its_faults():
    (one,) = listed(recorded(faults=FAULTS))
    found = Page(page([one]))
    (fault,) = one.summary.recovery
    assert "recovery" in found.anchors and fault.fault == "kill es-1"
    assert "Mean time to recovery" in found.text or fault.unknown in found.text
    assert f"{fault.goodput_dip:.0%}".replace("%", " %") in found.text and not_numbers(page([one])) == []
    text = summary_text.text(one.summary)
    assert "goodput dip" in text and "kill es-1" in text


def test_a_death_is_on_every_time_axis_and_breaks_the_lines_of_its_server():
    text = page(listed(recorded(faults=FAULTS)))
    assert text.count('class="mark died"') == 4 and text.count('class="mark restarted"') == 4
    assert text.count("<title>20.00 s: es-1 died</title>") == 5 and 'class="dead"' in text
    assert text.count("<title>es-1</title>") >= 4 and text.count("<title>es-2</title>") == 2


def test_a_run_without_tasks_has_no_number_that_is_none():
    text = page(listed(recorded(density=0.0, slots=5), recorded()))
    assert not_numbers(text) == [] and "No task was generated" in text and "no task finished" in text
    alone = page(listed(recorded(density=0.0, slots=5)))
    assert not_numbers(alone) == [] and "nothing to draw" in alone


@pytest.mark.parametrize("slots", [1, 3])
def test_a_short_run_has_means_without_intervals(slots):
    text = Page(page(listed(recorded(slots=slots)))).text
    assert "±" not in text.replace("± is the half-width", "") and not_numbers(page(listed(recorded(slots=slots)))) == []


def test_names_with_characters_of_html_are_shown_as_they_are(tmp_path):
    evil = tmp_path / EVIL.replace("/", "")
    shutil.copytree(recorded(), evil)
    with contextlib.closing(sqlite3.connect(evil / "run.db")) as db:
        for key in ("policy", "started"):
            db.execute("UPDATE meta SET value = ? WHERE key = ?", (f'"{EVIL}"'.replace('&"', "&"), key))
        db.execute("UPDATE meta SET value = ? WHERE key = 'versions'", ('{"<u>": "<u>"}',))
        db.execute("INSERT INTO events VALUES (1000, ?, 'died', ?, 1)", (EVIL, EVIL))
        db.execute("INSERT INTO events VALUES (1000, ?, 'policy_error', ?, 1)", (EVIL, EVIL))
        db.commit()
    for runs in ((evil,), (evil, recorded())):
        text = page(listed(*runs))
        assert Page(text).tags <= TAGS and "<u" not in text and EVIL in Page(text).text


def test_a_folder_whose_name_is_no_text_can_be_reported(tmp_path):
    folders = [tmp_path / os.fsdecode(name) for name in (b"a\xff/r", b"b\xff/r")]
    for folder in folders:
        shutil.copytree(recorded(), folder)
    assert "a\ufffd/r" in page(listed(*folders)).encode().decode()


def test_two_runs_of_one_policy_are_told_apart_by_name_and_two_of_one_name_by_place():
    named = listed(recorded(name="a"), recorded(slots=40, name="b"))
    assert [one.label for one in named] == ["greedy-do (a)", "greedy-do (b)"]
    placed = listed(recorded(name="a"), recorded(slots=40, name="a"))
    assert [one.label for one in placed] == [f"greedy-do ({one.run.path})" for one in placed]


def test_the_page_of_ten_thousand_tasks_is_small():
    (one,) = listed(recorded(slots=1000))
    assert len(one.run.tasks) > 10_000 and len(page([one]).encode()) < 200_000


def test_many_events_are_cut_and_counted(tmp_path):
    many = tmp_path / "many"
    shutil.copytree(recorded(), many)
    with contextlib.closing(sqlite3.connect(many / "run.db")) as db:
        rows = [(n * 10**8, "controller", "policy_error", f"slot {n}", 1.0) for n in range(500)]
        db.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?)", rows)
        db.commit()
    text = page(listed(many))
    assert "and 300 more" in text and text.count("slot 199</td>") == 1 and "slot 200</td>" not in text
    assert text.count('class="mark policy_error"') < 4 * 200, "no two where only one can be seen"


@pytest.mark.parametrize(
    ("grade", "worst", "level"),
    [
        ("A", "", "good"),
        ("B", "the <host> was busy", "good"),
        ("C", "x", "fair"),
        ("F", "x", "bad"),
        (None, "x", "fair"),
    ],
)
def test_the_verdict_on_fidelity_comes_first_with_its_reason_and_remedy(grade, worst, level):
    (one,) = listed(recorded())
    found = msgspec.structs.replace(
        one.summary.fidelity,
        grade=grade,
        worst=worst,
        remedy="use --speed 5" if worst else "",
        slipped=None if grade is None else 3,
        steal=None if grade is None else 0.02,
        delay_error=DelayError(None, None) if grade is None else DelayError(0.0012, 0.034),
    )
    one = msgspec.structs.replace(one, summary=msgspec.structs.replace(one.summary, fidelity=found, backend="testbed"))
    text = page([one])
    said = Page(text).text
    assert f'<div class="verdict {level}">' in text and not_numbers(text) == []
    assert said.index(f"Fidelity: {grade or 'not graded'}.") < said.index("Figures")
    assert not worst or f"{worst}: use --speed 5." in said
    assert grade is None or "median 0.120 %, p99 3.40 %" in said


@pytest.mark.parametrize(
    ("ended", "said"), [("still running", "Still running: this is"), ("interrupted", "Ended: interrupted, after 6")]
)
def test_a_run_that_did_not_drain_says_so(ended, said):
    (one,) = listed(recorded())
    text = page([msgspec.structs.replace(one, summary=msgspec.structs.replace(one.summary, ended=ended))])
    assert said in Page(text).text and '<div class="verdict fair">' in text


def test_what_is_wrong_with_a_run_is_in_its_verdict():
    (one,) = listed(recorded("lc", slots=100))
    tasks = one.summary.tasks | {"unaccounted": 2}
    wrong = msgspec.structs.replace(one.summary, tasks=tasks, problems=["lost & found"], warnings=["a <warning>"])
    text = page([msgspec.structs.replace(one, summary=wrong)])
    said = Page(text).text
    for word in ("UNSTABLE", "2 tasks are unaccounted for: lost & found", "Warning: a <warning>"):
        assert word in said, word
    assert '<div class="verdict fair">' in text
