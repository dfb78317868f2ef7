"""Figures, their data, and the page, on results made by hand."""

import csv
import re
from xml.etree import ElementTree

import msgspec
import pytest

from controller.learn.learner import TrainConfig
from testbed.reproduce import drawing
from testbed.reproduce.claims import evaluate
from testbed.reproduce.document import USUAL_UPDATES, USUAL_WORLDS, ReproductionDocument, how, live_points
from testbed.reproduce.figures import figures
from testbed.reproduce.page import page
from testbed.reproduce.studies import LC
from testbed.reproduce.study_figure import FigureLine, StudyFigure
from testbed.reproduce.units import PLAY
from tests.reproduce.made import MADE, results


@pytest.fixture(scope="module")
def drawn():
    return figures(range(1, 9), results())


def test_every_claim_has_its_figures(drawn):
    assert {figure.claim for figure in drawn} == set(range(1, 9))
    assert len({figure.stem for figure in drawn}) == len(drawn)
    assert {figure.claim for figure in drawn if figure.timed} == {7}


def test_the_data_are_what_is_drawn(drawn):
    one = next(figure for figure in drawn if figure.stem == "3-delay-ours-region")
    assert one.rows[0] == ("line", "task density", "mean delay of a task, s", "low", "high")
    rows = [row for row in one.rows if row[0] == "A3C-DO"]
    assert [row[1:3] for row in rows] == [("0.3", "1.10015"), ("0.9", "1.20015")]
    assert all(float(low) < float(mean) < float(high) for _, _, mean, low, high in rows)
    energy = next(figure for figure in drawn if figure.stem == "4-energy-ours-region")
    assert [row[3:] for row in energy.rows if row[0] == "LC"] == [("", ""), ("", "")]  # it is not trained


def test_a_figure_is_written_in_two_formats_and_as_data(tmp_path):
    line = FigureLine(name="a", x=(0.0, 1.0), y=(1.0, 2.0), low=(0.5, float("nan")), high=(1.5, float("nan")))
    result = StudyFigure(claim=1, stem="one", title="One", x_title="x", y_title="y", lines=(line,))
    files = drawing.save(result, tmp_path)
    assert {path.suffix for path in files} == {".svg", ".pdf", ".csv"}
    table = tmp_path / "figures" / "one.csv"
    assert list(csv.reader(table.open()))[1:] == [["a", "0", "1", "0.5", "1.5"], ["a", "1", "2", "", ""]]
    again = {path: path.read_bytes() for path in files}
    drawing.save(result, tmp_path)
    assert {path: path.read_bytes() for path in files} == again


def test_the_axis_holds_the_learners_and_an_unstable_backlog_leaves_it():
    def overloaded(unit, result):
        if unit.strategy == LC and unit.kind == PLAY:
            result["measured"]["delay_s"] = [500.0, 500.0]
        return result

    result = results(overloaded, live=True)
    one = next(figure for figure in figures([3], result) if figure.stem == "3-delay-ours-region")
    assert [row[2] for row in one.rows if row[0] == "LC"] == ["500", "500"]  # it is in the data, and drawn cut off
    assert one.y_range is not None
    low, high = one.y_range
    assert 0.9 < low < 1.0 and 2.0 < high < 2.2
    chart = drawing.chart(one)
    assert chart.count("<svg") == 2 and ">500<" not in chart
    assert next(figure for figure in figures([4], result) if figure.stem == "4-energy-ours-region").y_range is None


def test_runs_on_processes_are_dots_beside_the_twins_lines():
    delay, energy = (figure for figure in figures([], results(live=True)))
    assert (delay.stem, energy.stem) == ("live-delay-measured", "live-energy-measured")
    assert [(line.name, line.dots) for line in delay.lines][-2:] == [("A3C-DO, twin", False), ("A3C-DO, testbed", True)]
    assert [row[1:3] for row in delay.rows if row[0] == "A3C, testbed"] == [("0.3", "1.01"), ("0.9", "1.01")]
    assert figures([], results()) == []


def test_the_page_says_each_verdict_and_escapes_what_it_shows():
    result = results(live=True)
    document = ReproductionDocument(
        form="tiny <b>",
        command="testbed reproduce",
        how=how(MADE),
        claims=evaluate(range(1, 9), result),
        live=live_points(result),
    )
    drawn = figures(range(1, 9), result)
    text = page(document, drawn)
    assert "tiny &lt;b&gt;" in text and "tiny <b>" not in text
    for claim in document.claims:
        assert f'id="claim-{claim.number}"' in text and claim.said.split(";")[0].replace("'", "&#x27;") in text
    assert text.count('<figure class="card">') == len(drawn) and 'id="live"' in text
    assert "nan" not in re.sub(r"<script>.*", "", text, flags=re.DOTALL).lower().replace("finance", "")
    for card in re.findall(r"<figure class.*?</figure>", text, re.DOTALL):
        ElementTree.fromstring(card)


def test_how_short_trainings_are_is_told_by_the_defaults():
    defaults = {field.name: field.default for field in msgspec.structs.fields(TrainConfig)}
    assert (defaults["updates"], defaults["num_envs"]) == (USUAL_UPDATES, USUAL_WORLDS)
