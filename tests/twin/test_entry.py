"""Compiled code is kept where it can be, compiled in memory where it cannot, and never without a word."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba.core import caching, config
from numba.core.errors import NumbaError

from testbed.twin import build, kernels, notices
from testbed.twin.entry import Entry
from testbed.twin.twin import Twin
from tests import support

ROOT = Path(__file__).parents[2]
SOURCE = "def double(x):\n    return 2 * x\n"
ANNOUNCED = "compiling doubling: once after an installation, up to half a minute"


@pytest.fixture
def doubling(tmp_path, monkeypatch):
    """Makes entries of one function, as new processes would, whose compiled code is kept in a folder of its own."""
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(notices, "_said", set())
    path = tmp_path / "doubling.py"
    path.write_text(SOURCE)

    def built():
        spec = importlib.util.spec_from_file_location("doubling", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return Entry(module.double, "doubling", {})

    return built


def output_of(capsys):
    """The lines on standard error since the last call; nothing may be on standard output."""
    out, err = capsys.readouterr()
    assert out == ""
    return err.splitlines()


def test_compilation_is_announced_and_happens_once(doubling, capsys):
    first = doubling()
    assert [first(3), first(4)] == [6, 8] and output_of(capsys) == [ANNOUNCED]
    assert doubling()(3) == 6 and output_of(capsys) == []


def test_without_a_folder_that_can_be_written_it_is_compiled_in_memory(capsys, monkeypatch):
    monkeypatch.setattr(notices, "_said", set())
    scope: dict[str, Any] = {}
    exec(SOURCE, scope)  # numba knows no folder for what has no file
    one = Entry(scope["double"], "doubling", {})
    assert output_of(capsys) == [], "who never calls it need not know"
    assert one(3) == 6
    first, second = output_of(capsys)
    assert first.startswith("no folder for compiled code can be written: it is compiled in memory")
    assert "NUMBA_CACHE_DIR=DIR" in first and second == ANNOUNCED
    assert Entry(scope["double"], "doubling", {})(3) == 6 and output_of(capsys) == [ANNOUNCED], "why is said once"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("no compiled object yet")])
def test_what_cannot_be_kept_is_used_and_not_compiled_again(doubling, capsys, monkeypatch, error):
    def save(*_):
        raise error

    monkeypatch.setattr(caching.IndexDataCacheFile, "save", save)
    one = doubling()
    assert [one(3), one(4)] == [6, 8]
    first, second = output_of(capsys)
    assert first == ANNOUNCED and second.startswith(f"compiled code cannot be kept ({error}): it is compiled in memory")


@pytest.mark.parametrize("damaged", [b"", b"\x80\x05nonsense"])
@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
def test_what_is_kept_and_damaged_is_compiled_anew(doubling, capsys, tmp_path, suffix, damaged):
    assert doubling()(3) == 6
    (remaining,) = (tmp_path / "cache").rglob(f"*.{suffix}")
    remaining.write_bytes(damaged)
    output_of(capsys)
    one = doubling()
    assert [one(3), one(4)] == [6, 8]
    first, second = output_of(capsys)
    assert first.startswith("compiled code cannot be kept (") and second == ANNOUNCED
    assert doubling()(3) == 6 and output_of(capsys) == [ANNOUNCED], "the next process keeps its own"
    assert doubling()(3) == 6 and output_of(capsys) == []


def test_what_is_no_fault_of_the_cache_is_raised(doubling, capsys):
    with pytest.raises(NumbaError):
        doubling()(object())
    assert all("cannot be kept" not in line for line in output_of(capsys))


def test_a_terminal_is_shown_how_far_it_is(capsys, monkeypatch):
    class Terminal:
        text = ""

        def isatty(self):
            return True

        def write(self, text):
            self.text += text

        def flush(self):
            pass

    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr("sys.__stderr__", screen)
    notices.say("compiling")
    notices.show("3 functions")
    notices.show("")
    assert screen.text == "\r\x1b[Kcompiling\n\r\x1b[K3 functions\r\x1b[K"
    monkeypatch.setattr("sys.__stderr__", Terminal())
    notices.show("a bar is drawn")
    monkeypatch.setattr("sys.stderr", None)
    notices.say("nobody hears")
    assert "a bar" not in screen.text


def test_arrays_that_cannot_be_written_need_no_code_of_their_own():
    system, workload = support.region(slots=5)
    twin = Twin(system, build.table(system, workload))
    twin.reset(np.broadcast_to(7, (1,)))
    twin.step(np.zeros((1, len(twin.system.ues)), np.int8))
    before = len(kernels.reset._dispatcher.signatures), len(kernels.step._dispatcher.signatures)
    actions, chosen = np.zeros((1, len(twin.system.ues)), np.int8), np.ones(1, np.bool_)
    for array in (actions, chosen):
        array.flags.writeable = False
    twin.reset(7, chosen)
    twin.step(actions)
    twin.reset(np.array([7], np.uint64))
    after = len(kernels.reset._dispatcher.signatures), len(kernels.step._dispatcher.signatures)
    assert before == after


def test_nothing_is_kept_but_by_entries():
    sources = [path for folder in ("testbed", "controller") for path in (ROOT / folder).rglob("*.py")]
    assert len(sources) > 100
    assert [str(path) for path in sources if re.search(r"cache\s*=\s*True", path.read_text())] == []
