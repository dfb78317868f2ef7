"""Places of a run: paths too long for sockets, names that are no text, temporary folders that are not there."""

import os

import pytest

from testbed.live.process_group import prepared
from testbed.model.errors import StartError
from testbed.node.socket import envelope
from testbed.protocol.messages import Heartbeat
from testbed.record.files import scratch
from tests.command import call
from tests.mailboxes import mailbox, places


@pytest.mark.parametrize("name", [b"r", b"/".join([b"deep" * 50] * 4), b"no text \xff"])
def test_a_socket_can_be_opened_in_any_run_directory(tmp_path, name):
    run_dir = tmp_path / os.fsdecode(name)
    with prepared(run_dir) as here:
        own = mailbox(places(f"{here}/sock", "launcher"), "launcher")
        own.send(envelope("a", 0, "launcher", Heartbeat(1)))
        assert (run_dir / "sock" / "launcher").is_socket()
        own.close()
    assert not (run_dir / "sock").exists()


def test_no_temporary_folder_is_said_with_a_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(StartError, match="TMPDIR"), scratch():
        pass


def test_a_temporary_folder_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with scratch() as folder:
        (folder / "a").write_text("")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.live
def test_a_run_in_a_deep_folder_with_a_long_temporary_one(tmp_path, monkeypatch):
    deep = tmp_path.joinpath(*["deep" * 20] * 3)
    deep.mkdir(parents=True)
    monkeypatch.setenv("TMPDIR", str(deep))
    call("run", "smoke", "--slots", "2", "--speed", "8", "--out", str(deep / "r"), cwd=tmp_path)
    assert sorted(path.name for path in deep.iterdir()) == ["r"]
