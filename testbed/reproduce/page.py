"""The page of a reproduction: verdicts first, then what each follows from, figures, and the check on processes (pure).

Whatever is shown is escaped here.
"""

import math
from collections.abc import Sequence
from html import escape

from testbed.report.page import document
from testbed.report.tables import number
from testbed.reproduce import drawing
from testbed.reproduce.document import ReproductionDocument
from testbed.reproduce.judgement import DEPENDS, FAILS, HOLDS, REFUTED, SHOWN, JudgedClaim, Part
from testbed.reproduce.study_figure import ON_PROCESSES, StudyFigure

VERDICT_LEVELS = {HOLDS: "good", DEPENDS: "fair", FAILS: "bad"}
_CELL, _TEXT = "<td>", '<td class="text" style="white-space:normal;min-width:9rem;vertical-align:top">'


def page(reproduction: ReproductionDocument, figures: Sequence[StudyFigure]) -> str:
    """The HTML page of a reproduction, with its ``figures``."""
    title = f"The paper's claims, judged: {reproduction.form}"
    links = '<a href="#verdicts">Verdicts</a>' + "".join(
        f'<a href="#claim-{claim.number}">{claim.number} {escape(claim.title)}</a>' for claim in reproduction.claims
    )
    parts = [
        f"<h1>{escape(title)}</h1>",
        *(f'<p class="dim">{escape(line)}</p>' for line in reproduction.how),
        f"<nav>{links}</nav>",
        f'<section id="verdicts"><h2>Verdicts</h2>{_verdicts(reproduction.claims)}</section>',
        *(
            _section(claim, [figure for figure in figures if figure.claim == claim.number])
            for claim in reproduction.claims
        ),
        *(
            [_live(reproduction, [figure for figure in figures if figure.claim == ON_PROCESSES])]
            if reproduction.live
            else []
        ),
    ]
    return document(title, "".join(parts))


def _table(head: Sequence[str], rows: Sequence[str]) -> str:
    titles = "".join(f'<th class="text">{escape(title)}</th>' for title in head)
    return f'<div class="scroll"><table><thead><tr>{titles}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _row(cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"{_TEXT}{escape(cell)}</td>" for cell in cells) + "</tr>"


def _verdicts(claims: Sequence[JudgedClaim]) -> str:
    head = ("claim", "what the paper says", "our measure", "verdict", "depends on")
    rows = []
    for claim in claims:
        findings = [part.finding for case in claim.cases for part in case.parts]
        cases = f"{len(claim.cases)} cases" if len(claim.cases) > 1 else "one case"
        shown, refuted = findings.count(SHOWN), findings.count(REFUTED)
        measure = f"{shown} of {len(findings)} statements shown, {refuted} refuted, in {cases}"
        on = ". ".join(claim.depends_on) or "nothing that was varied"
        rows.append(_row((f"{claim.number} {claim.title}", claim.said, measure, claim.verdict, on)))
    return _table(head, rows)


def interval(part: Part) -> str:
    """A value with its interval; a dash where nothing is known."""
    if not math.isfinite(part.low):
        return number(part.value)
    return f"{number(part.value)} [{number(part.low)}, {number(part.high)}]"


def _section(claim: JudgedClaim, figures: Sequence[StudyFigure]) -> str:
    rows = [
        _row((case.name, part.what, part.measure, interval(part), part.finding))
        for case in claim.cases
        for part in case.parts
    ]
    table = _table(("case", "statement", "measure", "value and 95 % interval over seeds", "finding"), rows)
    notes = "".join(f'<p class="dim">{escape(note)}</p>' for note in claim.notes)
    verdict = f'<div class="verdict {VERDICT_LEVELS[claim.verdict]}"><b>{claim.verdict}</b> {escape(claim.said)}</div>'
    heading = f"{claim.number} {escape(claim.title)}"
    return f'<section id="claim-{claim.number}"><h2>{heading}</h2>{verdict}{_cards(figures)}{table}{notes}</section>'


def _cards(figures: Sequence[StudyFigure]) -> str:
    cards = "".join(
        f'<figure class="card"><h3>{escape(figure.title)}</h3>{drawing.chart(figure)}</figure>' for figure in figures
    )
    return f'<div class="charts">{cards}</div>'


def _live(reproduction: ReproductionDocument, figures: Sequence[StudyFigure]) -> str:
    head = ("density", "strategy", "seed", "grade", "delay, s: testbed", "twin", "energy, J: testbed", "twin")
    rows = [
        _row(
            (
                f"{point.density:g}",
                point.strategy,
                str(point.seed),
                point.grade,
                number(point.delay_s[0]),
                number(point.delay_s[1]),
                number(point.energy_j[0]),
                number(point.energy_j[1]),
            )
        )
        for point in reproduction.live
    ]
    return f'<section id="live"><h2>On processes</h2>{_cards(figures)}{_table(head, rows)}</section>'
