"""One self-contained page about one run or several: the verdict first, then figures, charts and tables.

Everything is in the one file, style and script included. Its own policy forbids the browser to load anything else, or
to run another script.
"""

import base64
import hashlib
import math
import shlex
from collections.abc import Sequence
from html import escape
from importlib import resources

from testbed.analysis.recovery import MEANING, reasons
from testbed.analysis.summary import Metered, Summary
from testbed.model import fidelity
from testbed.model.delay import S_PER_NS
from testbed.model.printable import readable
from testbed.record.reader import STILL_RUNNING
from testbed.report import charts, series, side_by_side, tables
from testbed.report.charts import Charts, Part
from testbed.report.reported import Reported
from testbed.report.tables import around, number

GOOD, FAIR, BAD = "good", "fair", "bad"
DRAINED = "drained"
LEVELS = {fidelity.EXACT: GOOD, "A": GOOD, "B": GOOD, "C": FAIR, "F": BAD}
INTERVALS = (
    "± is the half-width of a 95 % confidence interval, from the means of the tasks that were generated in each of ten "
    "equal spans of time. Energy is modelled."
)
POINTS = (
    "A line has some 240 points at most; in a longer run each is the mean of several slots. Upright dashes are events."
)
PAIRED = (
    "Brackets hold a 95 % confidence interval, for stable runs of the same tasks that ended by themselves. They are of "
    "this workload alone: testbed compare tests policies over several."
)


def page(listed: Sequence[Reported], baseline: Reported | None = None) -> str:
    """The page of one run or more; ``baseline`` is the one the others are compared with, by default the first."""
    title = f"{_scenarios(listed)}: {', '.join(one.label for one in listed)}"
    sections = [("what", "What was run", _what(listed))]
    if len(listed) > 1:
        standings = side_by_side.standings(listed, baseline or listed[0])
        sections.append(("comparison", "Comparison", tables.standings(standings) + _note(PAIRED)))
    sections.append(("figures", "Figures", _each(listed, _figures) + _note(INTERVALS)))
    sections.append(("delay", "Delay", _charts(charts.delays(listed))))
    sections.append(("time", "Over time", _charts(charts.over_time(listed)) + _note(POINTS)))
    if learnt := charts.learning(listed):
        sections.append(("learning", "Learning", _charts(learnt)))
    sections.append(("parts", "Where the time and the energy go", _charts(charts.parts(listed))))
    sections.append(("servers", "Edge servers", _each(listed, tables.servers)))
    sections.append(("ues", "User equipments", _each(listed, tables.ues)))
    sections.append(("slowest", "Slowest tasks", _each(listed, tables.slowest)))
    if any(one.summary.recovery for one in listed):
        sections.append(("recovery", "Recovery", _each(listed, _recovery)))
    sections.append(("events", "Events", _each(listed, _events)))
    links = "".join(f'<a href="#{anchor}">{escape(heading)}</a>' for anchor, heading, _ in sections)
    body = "".join(
        f'<section id="{anchor}"><h2>{escape(heading)}</h2>{content}</section>' for anchor, heading, content in sections
    )
    verdicts = "".join(_verdict(one, alone=len(listed) == 1) for one in listed)
    return document(title, f"<h1>{escape(title)}</h1>{verdicts}<nav>{links}</nav>{body}")


def document(title: str, body: str) -> str:
    """A whole page of ``body``, which is HTML, with the style and the script of all pages."""
    style, script = (_file(name) for name in ("page.css", "page.js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{escape(title)}</title><style>{style}</style></head>'
        f"<body>{body}<script>{script}</script></body></html>\n"
    )


def _file(name: str) -> str:
    return resources.files("testbed.report").joinpath(name).read_text(encoding="utf-8")


def _scenarios(listed: Sequence[Reported]) -> str:
    return ", ".join(dict.fromkeys(one.run.resolved.system.name for one in listed))


def _each(listed: Sequence[Reported], part: Part) -> str:
    """A part of the page for each run, under the run's label where there are several."""
    if len(listed) == 1:
        return part(listed[0])
    return "".join(f"<h3>{escape(one.label)}</h3>{part(one)}" for one in listed)


def _charts(titled: Charts) -> str:
    cards = "".join(f'<figure class="card"><h3>{escape(title)}</h3>{chart}</figure>' for title, chart in titled)
    return f'<div class="charts">{cards}</div>'


def _note(text: str) -> str:
    return f'<p class="dim">{escape(text)}</p>'


def _verdict(one: Reported, *, alone: bool) -> str:
    """Whether the numbers can be trusted, and whether the run ended well."""
    summary = one.summary
    level = LEVELS.get(summary.fidelity.grade or "", FAIR)
    notes = list(_notes(summary))
    if notes and level == GOOD:
        level = FAIR
    name = "" if alone else f"<b>{escape(one.label)}</b>: "
    lines = "".join(f"<br>{escape(note)}" for note in notes)
    trust, _, why = _trust(summary).partition(". ")
    return f'<div class="verdict {level}">{name}<b>{escape(trust)}.</b> {escape(why)}{lines}</div>'


def _trust(summary: Summary) -> str:
    """The verdict on fidelity in words."""
    trust = summary.fidelity
    if trust.grade == fidelity.EXACT:
        return (
            f"Fidelity: exact. {summary.backend} computes what the model says; there is no clock or host to be wrong."
        )
    why = f" {trust.worst}: {trust.remedy}." if trust.worst else ""
    if trust.grade is None:
        return f"Fidelity: not graded.{why}"
    error, late, cpu = trust.delay_error, trust.lateness_ms, trust.cpu
    known = error.median is not None and error.p99 is not None
    off = (
        f"delay error median {error.median:.3%}, p99 {error.p99:.2%}".replace("%", " %")
        if known
        else "delay error unknown"
    )
    slipped = "unknown" if trust.slipped is None else str(trust.slipped)
    steal = "unknown" if trust.steal is None else number(trust.steal, ".1%")
    return (
        f"Fidelity: {trust.grade}.{why} Speed {summary.speed:g}, burn {trust.burn:g}, {trust.payload} payload; {off}; "
        f"timers late p50 {number(late.p50, '.2f')} ms, p99 {number(late.p99, '.2f')} ms; {slipped} slipped; "
        f"steal {steal}; burnt {number(cpu.achieved_s, '.2f')} of {number(cpu.asked_s, '.2f')} CPU s."
    )


def _notes(summary: Summary) -> list[str]:
    """What else a reader must know before believing a number."""
    notes = []
    if summary.ended == STILL_RUNNING:
        notes.append(f"Still running: this is what it recorded in {summary.end_s:.1f} s of emulated time.")
    elif summary.ended != DRAINED:
        notes.append(f"Ended: {summary.ended}, after {summary.end_s:.1f} s of emulated time.")
    if not summary.tasks["generated"]:
        notes.append("No task was generated: there is nothing to measure.")
    elif not summary.stable:
        notes.append("UNSTABLE: the backlog grows, so means depend on the length of the run.")
    if summary.tasks["unaccounted"]:
        notes.append(
            f"LEDGER: {summary.tasks['unaccounted']} tasks are unaccounted for: {'; '.join(summary.problems[:3])}"
        )
    notes += [f"Threshold {one.name} {one.bound} FAILS." for one in summary.thresholds if not one.holds]
    return [*notes, *(f"Warning: {warning}" for warning in summary.warnings)]


def _what(listed: Sequence[Reported]) -> str:
    """What each run was of, what made it, and how to make it again."""
    columns = [_facts(one) for one in listed]
    rows = [(name, [column[name] for column in columns]) for name in columns[0]]
    return tables.facts([one.label for one in listed], rows)


def _facts(one: Reported) -> dict[str, str]:
    run, summary, system = one.run, one.summary, one.run.resolved.system
    versions = run.meta.get("versions")
    known = versions.items() if isinstance(versions, dict) else ()
    speed = f", speed {summary.speed:g}" if run.live else ""
    again = ["testbed", "replay", readable(str(run.path)), "--policy", summary.policy, "--on", summary.backend]
    again += ["--speed", f"{summary.speed:g}"] if run.live else []
    return {
        "run": run.name,
        "policy": f"{summary.policy}, second offload {'on' if summary.second_offload else 'off'}",
        "scenario": f"{summary.scenario}, seed {summary.seed}",
        "size": f"{len(system.edge_servers)} cells, {len(system.ues)} UEs, {len(run.workload)} tasks",
        "length": f"{summary.slots} slots of {system.slot_ns * S_PER_NS:g} s",
        "backend": f"{summary.backend}{speed}",
        "started": str(run.meta.get("started", "unknown")),
        "end": f"{summary.ended}, after {summary.end_s:.1f} s",
        "versions": ", ".join(f"{name} {version}" for name, version in known) or "unknown",
        "repeat": shlex.join(again),
    }


def _figures(one: Reported) -> str:
    summary, figures = one.summary, side_by_side.figures(one)
    delay, tasks = summary.delay_s, summary.tasks
    cards = [
        (
            "mean delay",
            f"{around(figures.delay_s)} s",
            f"p50 {number(delay.p50)}, p95 {number(delay.p95)}, p99 {number(delay.p99)} s",
        ),
        ("mean overhead", around(figures.overhead), f"reward {number(summary.reward_per_slot)} a slot"),
        (
            "mean energy of a task",
            f"{around(figures.energy_j)} J",
            f"{number(summary.energy_j.total)} J in all; {_metered(summary.energy_metered)}",
        ),
        ("deadlines kept", number(summary.deadline_hit_rate, ".1%"), f"fairness {number(summary.fairness, '.3f')}"),
        (
            "tasks",
            f"{tasks['generated']:,}",
            f"{tasks['completed']} completed, {tasks['late']} late, {tasks['failed']} failed",
        ),
        (
            "offloaded",
            f"{tasks['offloaded']:,}",
            f"{tasks['forwarded']} forwarded, {tasks['rejected']} rejected, {tasks['recovered']} recovered",
        ),
    ]
    inner = "".join(
        f'<div class="card"><small>{name}</small><b>{escape(value)}</b><small>{escape(note)}</small></div>'
        for name, value, note in cards
    )
    return f'<div class="cards">{inner}</div>'


def _metered(metered: Metered) -> str:
    if metered.package_j is None:
        return f"host not metered: {metered.unmetered}"
    return f"CPU packages {metered.package_j:.0f} J (metered)"


def _recovery(one: Reported) -> str:
    """Every fault, and their mean time to recovery."""
    summary = one.summary
    if not summary.recovery:
        return _note("There was no fault.")
    why = reasons(summary.recovery[: tables.MOST_EVENTS])
    notes = [f"Mean time to recovery: {number(summary.mttr_s)} s."] if math.isfinite(summary.mttr_s) else []
    notes += [f"A dash is what could not be measured: {'; '.join(why)}."] if why else []
    return tables.recovery(one) + _note(" ".join([*notes, MEANING]))


def _events(one: Reported) -> str:
    markers = series.markers(one.run)
    if not markers:
        return _note("Nothing died, fell silent or failed to decide.")
    return f'<figure class="card wide">{charts.events(one, markers)}</figure>{tables.events(markers)}'
