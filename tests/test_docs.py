"""What the documentation says can be checked is checked here."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import testbed
from testbed.cli.verbs import VERBS
from testbed.model.errors import ScenarioError
from testbed.policy import loading
from testbed.protocol.rows import POLICY_ERROR
from testbed.record.writer import TABLES
from testbed.scenario.load import load_scenario
from testbed.sim.simulation import simulate
from tests import support
from tests.snippets import BLOCK, PAGES
from tools import pages, record_tables

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(r"^ *```(.*)$", re.MULTILINE)
LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
IN_CODE = re.compile(r"\bdocs/[\w/-]+\.(?:md|svg|png)\b")
YAML = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)


def anchors(page):
    """The anchors of a page's headings, as forges and the site's generator make them."""
    text = BLOCK.sub("", page.read_text())
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(text)}


def broken(page):
    """Links of ``page`` within the repository that lead to no file, or to no heading of it."""
    for link in LINK.findall(BLOCK.sub("", page.read_text())):
        target, _, anchor = link.partition("#")
        path = (page.parent / target).resolve() if target else page
        if "://" in link:
            continue
        if not path.exists() or (anchor and anchor not in anchors(path)):
            yield link


def test_generated_parts_of_pages_are_up_to_date():
    assert list(pages.outdated()) == [], "run: .venv/bin/python -m tools.pages --write"


def test_a_page_that_lost_its_marks_is_an_error():
    with pytest.raises(ValueError, match="lacks the marks of tables"):
        pages.generated("reference/record.md", "# The record\n")


def test_every_column_has_a_meaning_and_no_meaning_lacks_its_column():
    tables = TABLES.items()
    columns = {f"{table}.{name}" for row, table in tables for name in row.__struct_fields__}
    assert set(record_tables.MEANINGS) == columns


def test_every_fenced_block_names_its_language():
    """The opening and the closing fence take turns."""
    fences = {page: FENCE.findall(page.read_text()) for page in PAGES}
    assert [page.name for page, result in fences.items() if not all(result[::2]) or any(result[1::2])] == []


def test_a_broken_link_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# One `two`\n\n[a](page.md) [b](#one-two) [c](page.md#three) [`d`](none.md)\n```sh\n[e](f)\n```\n")
    assert list(broken(page)) == ["page.md#three", "none.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page):
    assert list(broken(page)) == []


def test_pages_that_the_code_names_exist():
    folders = ("testbed", "controller", "ue_agent", "edge_server", "tests", "benchmarks", "examples", "tools")
    sources = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    named = {(path, page) for path in sources for page in IN_CODE.findall(path.read_text())}
    assert len(named) > 5 and [(str(path), page) for path, page in named if not (ROOT / page).exists()] == []


def test_the_site_builds_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    built = [path.read_text() for path in tmp_path.rglob("*.html")]
    loaded = re.compile(r"<(?:script|img|iframe)[^>]*\ssrc=\"?(?:https?:)?//|<link[^>]*\shref=\"?(?:https?:)?//")
    assert len(built) > 25 and not any(loaded.search(text) for text in built)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_hold_no_path_of_the_machine_they_were_written_on(page):
    assert re.findall(r"(?<![\w.])/(?:home|work|root|tmp)/\S+", page.read_text()) == []


def scenarios():
    """Every YAML block that is a whole scenario: it starts with a name."""
    for page in PAGES:
        for n, block in enumerate(YAML.findall(page.read_text())):
            if block.startswith("name:"):
                yield pytest.param(block, id=f"{page.name}-{n}")


@pytest.mark.parametrize("text", list(scenarios()))
def test_scenarios_shown_in_the_documentation_load(text, tmp_path):
    path = tmp_path / "shown.yaml"
    path.write_text(text)
    assert [load_scenario(path).name] == re.findall(r"\Aname: (\S+)", text)


def test_the_policy_shown_in_the_documentation_decides(tmp_path, monkeypatch):
    (code,) = re.findall(
        r"^```python\n(.*?)^```",
        (ROOT / "docs" / "how-to" / "bring-your-own-policy.md").read_text(),
        re.MULTILINE | re.DOTALL,
    )
    (tmp_path / "near.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    policy, second_offload = loading.load("near:near_do")
    system, workload = support.region(slots=10)
    rows = simulate(support.plan(system, workload, double=second_offload), policy).tasks
    fast = {ue.name for ue in system.ues if ue.rate_bps > 12e6}
    assert second_offload and {row.ue for row in rows if row.choice == 1} == {row.ue for row in rows} & fast
    assert not any(row.fallback for row in rows)


def test_the_tutorial_shows_what_the_comparison_prints(tmp_path):
    text = (ROOT / "docs" / "tutorial" / "first-study.md").read_text()
    path = tmp_path / "campus.yaml"
    path.write_text(YAML.findall(text)[0])
    shown = dict(re.findall(r"^(\S+) +(\d\.\d{4}) ± ", text, re.MULTILINE))
    comparison = testbed.compare(str(path), list(shown), seeds=10, backend="twin")
    assert len(shown) == 3 and {name: f"{one.overhead.mean:.4f}" for name, one in comparison.policies.items()} == shown


def test_the_mistake_shown_in_the_readme_looks_like_that(tmp_path):
    text = (ROOT / "README.md").read_text()
    (shown,) = re.findall(r"^```text\n(campus\.yaml:.*?)^```", text, re.MULTILINE | re.DOTALL)
    path = tmp_path / "campus.yaml"
    path.write_text(next(block for block in YAML.findall(text)).replace("queue_limit", "quue_limit"))
    with pytest.raises(ScenarioError) as raised:
        load_scenario(path)
    assert str(raised.value).replace(str(path), "campus.yaml").strip() == shown.strip()


def test_the_readme_lists_every_verb_and_promises_none_that_does_not_exist():
    verbs = dict(re.findall(r"^\| `testbed (\w+)` \| (.*) \|$", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert verbs == VERBS


def test_every_kind_of_event_is_documented():
    sources = [
        path.read_text()
        for folder in ("testbed", "controller", "ue_agent", "edge_server")
        for path in (ROOT / folder).rglob("*.py")
    ]
    result = re.compile(r'EventRow\([^"=]*"(\w+)"')
    kinds = {kind for text in sources for kind in result.findall(text)} | {POLICY_ERROR}
    assert len(kinds) > 8
    page = (ROOT / "docs" / "reference" / "record.md").read_text().partition("### Kinds of events")[2]
    assert [kind for kind in sorted(kinds) if f"| `{kind}` |" not in page] == []
