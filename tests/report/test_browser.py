"""In a browser a page says nothing on its console, asks nobody, fits its window, and its tables sort."""

import html

import pytest

from testbed.report.page import page
from tests.report.html_page import browser, measured, opened
from tests.report.runs import listed, recorded

FAULTS = "[{at: 20 s, kill: es-1, restart_after: 8 s}]"
FITS = """
const scale = (chart) => chart.getBoundingClientRect().width / chart.viewBox.baseVal.width;
const scales = [...root.querySelectorAll("svg")].map(scale);
return { width: root.clientWidth, needed: root.scrollWidth, letters: 12 * Math.min(...scales) };
"""
SORTS = """
const table = root.querySelector("#ues table");
const column = (n) => [...table.tBodies[0].rows].map((row) => row.cells[n].textContent);
const before = column(4);
table.tHead.rows[0].cells[4].click();
const up = column(4);
table.tHead.rows[0].cells[4].click();
return { before, up, down: column(4), said: table.tHead.rows[0].cells[4].getAttribute("aria-sort") };
"""


@pytest.fixture(scope="module")
def text():
    browser()
    return page(listed(recorded("greedy-do", faults=FAULTS), recorded("lc")))


def test_a_page_says_nothing_on_the_console(text, tmp_path):
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    dumped, console = opened(tmp_path / "page.html", tmp_path / "profile")
    assert console == [] and "Slowest tasks" in dumped and 'tabindex="0"' in dumped, "its script ran"


@pytest.mark.parametrize("more", ['<img src="https://example.org/x.png">', "<script>document.title = 1</script>"])
def test_what_gets_into_a_page_all_the_same_can_ask_nobody_and_run_nothing(text, tmp_path, more):
    (tmp_path / "page.html").write_text(text.replace("<nav>", f"{more}<nav>"), encoding="utf-8")
    dumped, console = opened(tmp_path / "page.html", tmp_path / "profile")
    assert any("Content Security Policy" in line for line in console), html.escape(more)
    assert "<title>1</title>" not in dumped


@pytest.mark.parametrize("width", [400, 1600])
def test_a_page_fits_its_window_and_its_charts_can_be_read(text, tmp_path, width):
    result, console = measured(text, tmp_path, width, FITS)
    assert console == [] and width - 20 <= result["width"] <= width, "but for a scroll bar"
    assert result["needed"] <= result["width"] and result["letters"] >= 9.0, result


def test_tables_sort_by_value_up_and_down(text, tmp_path):
    result, console = measured(text, tmp_path, 1000, SORTS)
    assert console == [] and result["said"] == "descending"
    assert result["up"] == sorted(result["before"], key=float) != result["before"]
    assert result["down"] == result["up"][::-1]
