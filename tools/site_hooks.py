"""Hooks of mkdocs: the site also holds what its pages link to elsewhere in the repository, under ``project/``."""

import os
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PROJECT = "project/"
PAGES = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")
LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s#:]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages at the repository's root and every file outside ``docs`` that a page links to."""
    outside = {ROOT / name for name in PAGES}
    for page in [*DOCS.rglob("*.md"), *outside]:
        targets = (_target(page, match[2]) for match in LINK.finditer(page.read_text(encoding="utf-8")))
        outside |= {target for target in targets if target.is_file() and not target.is_relative_to(DOCS)}
    for path in sorted(outside):
        files.append(File.generated(config, _uri(path), abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point the links of one page to where their targets are in the site; a link to a folder becomes its text."""
    uri = page.file.src_uri
    source = ROOT / uri.removeprefix(PROJECT) if uri.startswith(PROJECT) else DOCS / uri

    def moved(match: re.Match[str]) -> str:
        target = _target(source, match[2])
        if not target.is_file():
            return match[1] if target.is_dir() else match[0]
        return f"[{match[1]}]({os.path.relpath(_uri(target), Path(uri).parent)}{match[3] or ''})"

    return LINK.sub(moved, markdown)


def _target(page: Path, link: str) -> Path:
    return Path(os.path.normpath(page.parent / link))


def _uri(path: Path) -> str:
    """Where a file of the repository is in the site."""
    return str(path.relative_to(DOCS)) if path.is_relative_to(DOCS) else PROJECT + str(path.relative_to(ROOT))
