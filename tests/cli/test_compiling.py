"""An installation compiles all that is ever compiled, so that nobody waits for it later."""

import re
from pathlib import Path

from testbed.cli import compiling
from testbed.twin import entry

ROOT = Path(__file__).parents[2]


def test_an_installation_leaves_nothing_to_be_compiled():
    sources = [path.read_text() for folder in ("testbed", "controller") for path in (ROOT / folder).rglob("*.py")]
    declared = [name for text in sources for name in re.findall(r'^ *@entry\("([^"]+)"', text, re.MULTILINE)]
    compiling.everything()
    entries = {one.name: one for one in entry._entries.values() if one.name in declared}
    assert sorted(entries) == sorted(declared) and len(declared) > 8
    assert [name for name, one in entries.items() if not one._dispatcher.signatures] == []
