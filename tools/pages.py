"""Keeps the generated parts of the documentation up to date.

python -m tools.pages            name the pages that are out of date; exit code 1 if there are any
python -m tools.pages --write    bring them up to date
"""

import sys
from collections.abc import Callable
from pathlib import Path

from tools import protocol_tables, record_tables, reproduction_tables, scenario_tables, verb_tables

DOCS = Path(__file__).resolve().parents[1] / "docs"
BEGIN, END = "<!-- {}: .venv/bin/python -m tools.pages --write -->", "<!-- end -->"

PARTS: dict[str, dict[str, Callable[[], str]]] = {
    "reference/record.md": {"tables": record_tables.tables},
    "reference/protocol.md": {
        "limits": protocol_tables.limits,
        "messages": protocol_tables.messages,
        "diagram": protocol_tables.diagram,
        "transitions": protocol_tables.table,
    },
    "reference/verbs.md": {"verbs": verb_tables.verbs},
    "reference/scenario.md": {"keys": scenario_tables.keys},
    "reproduction.md": {
        "form": reproduction_tables.form,
        "verdicts": reproduction_tables.verdicts,
        "details": reproduction_tables.details,
        "live": reproduction_tables.live,
    },
}


def generated(page: str, text: str) -> str:
    """``text`` of ``page`` with what stands between its marks generated anew.

    Raises ValueError where marks are missing.
    """
    for name, part in PARTS[page].items():
        mark = BEGIN.format(name)
        before, begin, rest = text.partition(mark)
        _, end, after = rest.partition(END)
        if not begin or not end:
            raise ValueError(f"docs/{page} lacks the marks of {name}: {mark} … {END}")
        text = f"{before}{mark}\n\n{part()}\n\n{END}{after}"
    return text


def outdated() -> dict[Path, str]:
    """Pages that are out of date, with the text that they should have."""
    texts = {DOCS / page: generated(page, (DOCS / page).read_text(encoding="utf-8")) for page in PARTS}
    return {path: text for path, text in texts.items() if path.read_text(encoding="utf-8") != text}


def main() -> int:
    """Name the outdated pages, or write them."""
    pages = outdated()
    for path, text in pages.items():
        print(path.relative_to(DOCS.parent))
        if "--write" in sys.argv[1:]:
            path.write_text(text, encoding="utf-8")
    return int(bool(pages) and "--write" not in sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
