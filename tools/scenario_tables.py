"""The keys of a scenario file in Markdown, from the annotated scenario that ``testbed init`` copies."""

import re
from pathlib import Path

import msgspec

ANNOTATED = Path(__file__).resolve().parents[1] / "testbed" / "scenarios" / "annotated.yaml"
HEAD = ("| key | value | meaning |", "|---|---|---|")


class Key(msgspec.Struct, frozen=True):
    """One line of the annotated scenario: a key with dots, the value shown there, and its comment."""

    name: str
    value: str
    note: str


def keys() -> str:
    """Every section of the annotated scenario as a table, under its comment."""
    return "\n\n".join(_section(comment, lines) for comment, lines in sections())


def _section(comment: list[str], lines: list[str]) -> str:
    head = lines[0].partition(":")[0]
    title = "Top level" if head == "name" else head
    rows = [f"| `{key.name}` | {f'`{key.value}`' if key.value else ''} | {key.note} |" for key in named(lines)]
    return "\n".join([f"## {title}", *([""] if comment else []), *comment, "", *HEAD, *rows])


def sections() -> list[tuple[list[str], list[str]]]:
    """(comment, lines) of every paragraph of the file that has keys; the file's own introduction has none."""
    paragraphs = [block.splitlines() for block in ANNOTATED.read_text(encoding="utf-8").strip().split("\n\n")]
    blocks = []
    for lines in paragraphs:
        start = next((n for n, line in enumerate(lines) if not line.startswith("# ")), len(lines))
        if lines[start:]:
            blocks.append(([line[2:] for line in lines[:start]], lines[start:]))
    return blocks


def named(lines: list[str]) -> list[Key]:
    """The keys of one section, with dots for what encloses them; keys shown in comments count."""
    keys: list[Key] = []
    stack: list[tuple[int, str]] = []
    for line in lines:
        bare, note = _split(line)
        match = re.match(r"^([a-z]\w*):\s*(.*)$", bare.strip())
        if match is None:
            continue
        depth = len(bare) - len(bare.lstrip())
        while stack and stack[-1][0] >= depth:
            stack.pop()
        name = ".".join([*(key for _, key in stack), match[1]])
        stack.append((depth, match[1]))
        if match[2] or note:
            keys.append(Key(name, match[2], note))
    return keys


def _split(line: str) -> tuple[str, str]:
    """The YAML of ``line`` at its depth, without a list's dash or a leading comment sign, and its comment."""
    commented = re.match(r"^(\s*)#( +)(\S.*)$", line)
    text = f"{commented[1]}{commented[2][1:]}{commented[3]}" if commented else line
    text = re.sub(r"^(\s*)- (?!\{)", r"\1  ", text)
    text = re.sub(r"(\S)\s+#", r"\1 #", text)
    yaml, _, note = text.partition(" #")
    return yaml.rstrip(), note.strip()
