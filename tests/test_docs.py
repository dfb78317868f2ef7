"""What the documentation says can be checked is checked here."""

import importlib.util
import re
from pathlib import Path

import pytest

from testbed.model.load import load_scenario

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
LINK = re.compile(r"\[[^\]]+\]\(([^)#\s]+)(?:#[^)]*)?\)")
YAML = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)


def load_schema():
    spec = importlib.util.spec_from_file_location("schema", ROOT / "docs" / "schema.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_of_the_record_are_up_to_date():
    schema = load_schema()
    text = schema.PAGE.read_text()
    assert schema.page(text) == text, "run: .venv/bin/python docs/schema.py --write"


def test_every_column_has_a_meaning_and_no_meaning_lacks_its_column():
    schema = load_schema()
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


@pytest.mark.parametrize("text", scenarios())
def test_scenarios_shown_in_the_documentation_load(text, tmp_path):
    path = tmp_path / "shown.yaml"
    path.write_text(text)
    assert load_scenario(path).name == re.match(r"name: (\S+)", text)[1]
