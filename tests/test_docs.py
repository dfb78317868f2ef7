"""What the documentation says can be checked is checked here."""

import importlib.util
import re
from pathlib import Path

import pytest

from testbed.cli import main
from testbed.model.errors import ScenarioError
from testbed.policy import loading
from testbed.protocol.rows import POLICY_ERROR
from testbed.scenario.load import load_scenario
from testbed.sim.simulation import simulate
from tests import support
from tests.snippets import PAGES

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"\[[^\]]+\]\(([^)#\s]+)(?:#[^)]*)?\)")
YAML = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_of_the_record_are_up_to_date():
    schema = load("schema")
    text = schema.PAGE.read_text()
    assert schema.page(text) == text, "run: .venv/bin/python docs/schema.py --write"


def test_messages_and_states_of_the_protocol_are_up_to_date():
    protocol = load("protocol")
    text = protocol.PAGE.read_text()
    assert protocol.page(text) == text, "run: .venv/bin/python docs/protocol.py --write"
    assert all(part() in text for part in protocol.PARTS.values())


def test_every_column_has_a_meaning_and_no_meaning_lacks_its_column():
    schema = load("schema")
    columns = {f"{table}.{name}" for row, table in schema.TABLES.items() for name in row.__struct_fields__}
    assert set(schema.MEANINGS) == columns


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    targets = [target for target in LINK.findall(page.read_text()) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


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
    assert load_scenario(path).name == re.match(r"name: (\S+)", text)[1]


def test_the_policy_shown_in_the_documentation_decides(tmp_path, monkeypatch):
    code = re.search(r"^```python\n(.*?)^```", (ROOT / "docs" / "policies.md").read_text(), re.MULTILINE | re.DOTALL)[1]
    (tmp_path / "near.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    policy, second_offload = loading.load("near:near_do")
    system, workload = support.region(slots=10)
    rows = simulate(support.plan(system, workload, double=second_offload), policy).tasks
    fast = {ue.name for ue in system.ues if ue.rate_bps > 12e6}
    assert second_offload and {row.ue for row in rows if row.choice == 1} == {row.ue for row in rows} & fast
    assert not any(row.fallback for row in rows)


def test_the_mistake_shown_in_the_readme_looks_like_that(tmp_path):
    text = (ROOT / "README.md").read_text()
    shown = re.search(r"^```text\n(campus\.yaml:.*?)^```", text, re.MULTILINE | re.DOTALL)[1]
    path = tmp_path / "campus.yaml"
    path.write_text(next(block for block in YAML.findall(text)).replace("queue_limit", "quue_limit"))
    with pytest.raises(ScenarioError) as raised:
        load_scenario(path)
    assert str(raised.value).replace(str(path), "campus.yaml").strip() == shown.strip()


def test_the_readme_lists_every_verb_and_promises_none_that_does_not_exist():
    verbs = dict(re.findall(r"^\| `testbed (\w+)` \| (.*) \|$", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert verbs == main.VERBS


def test_every_kind_of_event_is_documented():
    sources = [
        path.read_text()
        for folder in ("testbed", "controller", "ue_agent", "edge_server")
        for path in (ROOT / folder).rglob("*.py")
    ]
    made = re.compile(r'EventRow\([^"=]*"(\w+)"')
    kinds = {kind for text in sources for kind in made.findall(text)} | {POLICY_ERROR}
    assert len(kinds) > 8
    page = (ROOT / "docs" / "runs.md").read_text().partition("### Kinds of events")[2]
    assert [kind for kind in sorted(kinds) if f"| `{kind}` |" not in page] == []
