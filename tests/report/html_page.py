"""A page taken apart, and what a browser makes of it."""

import json
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

from tests.command import PATIENCE_S

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
VOID = {"meta", "link", "br", "img"}
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
)


class Page(HTMLParser):
    """A page's tags, everything that it would fetch, its text, and whether every tag is closed."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.fetched, self.words, self.anchors = set(), [], [], set()
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        for name, value in attrs:
            if name in ("src", "href", "srcset", "xlink:href", "data", "action") and not value.startswith(
                ("data:", "#")
            ):
                self.fetched.append(value)
            if name == "id":
                self.anchors.add(value)
            assert not name.startswith("on"), f"{tag} has {name}"
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open[-1:] not in (["script"], ["style"]):
            self.words += data.split()

    @property
    def text(self):
        return " ".join(self.words)


def browser():
    """The path of Chromium; the test that asks is skipped where there is none."""
    match = next(filter(None, map(shutil.which, BROWSERS)), None)
    if match is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    return match


def opened(file, profile):
    """The document of ``file`` as a browser has it in the end, and what its console says, without any network."""
    command = [browser(), *OPTIONS, f"--user-data-dir={profile}", "--host-resolver-rules=MAP * ~NOTFOUND"]
    done = subprocess.run(
        [*command, "--dump-dom", file.as_uri()], capture_output=True, text=True, timeout=PATIENCE_S, check=True
    )
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def measured(page, folder, width, script):
    """The value of JavaScript ``script``, which sees ``page`` as ``root`` in a window of ``width``, and the console."""
    frame = folder / "frame.html"
    text = json.dumps(page).replace("</", "<\\/")
    frame.write_text(
        f'<!doctype html><iframe style="width:{width}px;height:900px;border:0"></iframe><pre></pre><script>'
        'const frame = document.querySelector("iframe");'
        "frame.onload = () => { const root = frame.contentDocument.documentElement;"
        f'document.querySelector("pre").textContent = "<<" + JSON.stringify((() => {{ {script} }})()) + ">>"; }};'
        f"frame.srcdoc = {text};</script>",
        encoding="utf-8",
    )
    dumped, console = opened(frame, folder / "profile")
    result = dumped.rpartition("&lt;&lt;")[2].partition("&gt;&gt;")[0]
    return json.loads(result.replace("&quot;", '"').replace("&amp;", "&")), console
