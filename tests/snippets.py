"""What the documentation shows, taken apart: fenced blocks by language, and the commands in them and in the text."""

import re
import shlex
from collections.abc import Iterable
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parents[1]
NAMED = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")
PAGES = [*(ROOT / name for name in NAMED), *sorted((ROOT / "docs").rglob("*.md"))]  # not what users add beside them
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:testbed|python|make|nice|pip) [^`]+)`")
PREFIXES = ("nice",)


class Block(msgspec.Struct, frozen=True):
    """A fenced block of a page; ``language`` is "" if none is given."""

    page: str
    number: int
    language: str
    text: str

    @property
    def id(self) -> str:
        """A test's name for it."""
        return f"{self.page}-{self.number}"


def blocks(*languages: str) -> list[Block]:
    """Every block of all pages, or those in ``languages``."""
    result = [
        Block(str(page.relative_to(ROOT)), number, *block)
        for page in PAGES
        for number, block in enumerate(BLOCK.findall(page.read_text()))
    ]
    return [block for block in result if not languages or block.language in languages]


def shell() -> list[tuple[str, list[str]]]:
    """(page, words) of every command line in a shell block, each once a page."""
    lines = [(block.page, line) for block in blocks("sh") for line in statements(block.text.replace("\\\n", " "))]
    return _unique((page, _words(line)) for page, line in lines)


def inline() -> list[tuple[str, list[str]]]:
    """(page, words) of every command in running text or a table, each once a page; history may name what is no more."""
    pages = [page for page in PAGES if page.name != "CHANGELOG.md"]
    result = (
        (str(page.relative_to(ROOT)), line)
        for page in pages
        for line in INLINE.findall(BLOCK.sub("", page.read_text()))
    )
    return _unique((page, _words(re.sub(r"[][…]", "", line))) for page, line in result)


def _words(line: str) -> list[str]:
    words = shlex.split(line, comments=True)
    while words and words[0] in PREFIXES:
        words.pop(0)
    return words


def _unique(result: Iterable[tuple[str, list[str]]]) -> list[tuple[str, list[str]]]:
    return [
        (page, list(words)) for page, words in dict.fromkeys((page, tuple(words)) for page, words in result if words)
    ]


def statements(text: str) -> list[str]:
    """The command lines in ``text``; one whose quotes go on goes on in the next line."""
    items: list[str] = []
    open_line = ""
    for line in text.splitlines():
        open_line = f"{open_line}\n{line}" if open_line else line
        try:
            shlex.split(open_line, comments=True)
        except ValueError:
            continue
        items.append(open_line)
        open_line = ""
    return [*items, open_line] if open_line else items
