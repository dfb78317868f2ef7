"""Files and directories that verbs write: whole or not at all, and nobody else's."""

import contextlib
import os
import resource
import signal

import pytest

from testbed.experiments import tune
from testbed.model.errors import StartError, UsageError
from testbed.record import directory, export, reader
from testbed.record.files import make_once, replacing
from tests.command import call
from tests.trace.converting import convert


@contextlib.contextmanager
def full_disk():
    """A disk that takes 100 B a file; nothing else may be written meanwhile, by the test's own runner least of all."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def names(folder):
    """What ``folder`` holds."""
    return sorted(path.name for path in folder.iterdir())


def write_half(path):
    with replacing(path) as file:
        file.write_text("half")
        raise RuntimeError


def test_a_file_is_replaced_only_when_its_successor_is_whole(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    with pytest.raises(RuntimeError):
        write_half(path)
    assert path.read_text() == "old" and names(tmp_path) == ["a"]
    with replacing(path) as file:
        file.write_text("new")
    assert path.read_text() == "new" and names(tmp_path) == ["a"]


def test_a_durable_file_is_on_disk_before_it_is_seen(tmp_path, monkeypatch):
    synced = list[bytes]()
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.pread(descriptor, 9, 0)))
    with replacing(tmp_path / "a") as file:
        file.write_text("replaced")
    make_once(tmp_path / "b", lambda: b"made")
    assert synced == [b"replaced", b"made"]
    with replacing(tmp_path / "a", durable=False) as file:
        file.write_text("of a process")
    assert len(synced) == 2 and (tmp_path / "a").read_text() == "of a process" and names(tmp_path) == ["a", "b"]


def test_an_import_that_finds_no_space_leaves_nothing(tmp_path):
    (tmp_path / "in").write_text("".join(f"{n * n}\n" for n in range(1, 100)))
    with pytest.raises(StartError, match="out cannot be written: File too large"), full_disk():
        convert("mahimahi", [tmp_path / "in"], tmp_path / "out")
    assert names(tmp_path) == ["in"]


def test_an_export_that_finds_no_space_leaves_the_one_before(tmp_path):
    call("run", "smoke", "--backend", "sim", "--out", "r", cwd=tmp_path)
    run, folder = reader.read_run(tmp_path / "r"), tmp_path / "x"
    folder.mkdir()
    (folder / "tasks.csv").write_text("old")
    with pytest.raises(StartError), full_disk():
        export.export(run, "csv", folder)
    assert names(folder) == ["tasks.csv"] and (folder / "tasks.csv").read_text() == "old"


def test_tuned_values_that_find_no_space_leave_those_before(tmp_path):
    (tmp_path / "priced.json").write_text("old")
    tuned = tune.Tuned(
        policy="priced",
        second_offload=False,
        values={"beta": 0.5, "beta0": 0.1},
        overhead=0.7,
        tried=3,
        scenario="region",
        density=0.7,
        training_seeds=(1,),
    )
    with pytest.raises(StartError, match="cannot be written: File too large"), full_disk():
        tune.write(tuned, tmp_path)
    assert names(tmp_path) == ["priced.json"] and (tmp_path / "priced.json").read_text() == "old"


def test_import_replaces_a_file_only_when_forced(tmp_path):
    (tmp_path / "in").write_text("5\n10\n")
    (tmp_path / "out").write_text("precious")
    args = ("import", "mahimahi", "in", "-o", "out")
    result = call(*args, cwd=tmp_path, code=2)
    assert "out exists" in result.stderr and "--force" in result.stderr
    assert (tmp_path / "out").read_text() == "precious"
    call(*args, "--force", cwd=tmp_path)
    assert (tmp_path / "out").read_text().startswith("duration_s,rate_bps")


def test_a_directory_is_given_to_one_run_only_even_when_two_ask_at_once(tmp_path, monkeypatch):
    path = tmp_path / "r"
    seen_empty = iter(())
    directory.create("base", str(path))
    monkeypatch.setattr(type(path), "iterdir", lambda self: seen_empty)
    with pytest.raises(UsageError, match="not empty"):
        directory.create("base", str(path))
