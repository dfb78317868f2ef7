"""What somebody reads who listens to a run on TCP: nothing of its payload, names, messages or token."""

import contextlib
import socket
import threading

import pytest

from testbed.live import process_group
from testbed.live.launch import launch
from testbed.live.local_supervisor import LocalSupervisor
from testbed.live.supervisor import Deployment
from testbed.protocol.rows import DROPPED_FRAME
from testbed.record.reader import read_record
from testbed.scenario.load import load_scenario
from testbed.trace import inputs
from tests.capture import Capture
from tests.mailboxes import TOKEN

pytestmark = pytest.mark.live
FILLER = bytes(256)
NAMES = (b"ue-1-1", b"ue-1-2", b"es-1", b"controller", b"launcher")
KINDS = (b"Hello", b"Heartbeat", b"Ask", b"Decision", b"Post", b"Rows")
WORDS = (TOKEN, FILLER, *NAMES, *KINDS)
CHANGES = ("emulation.transport=tcp", "emulation.burn=0.02", "emulation.speed=5")


@contextlib.contextmanager
def listening(words):
    """A capture of what goes to and from addresses of its ``among``."""
    try:
        capture = Capture(words, among=set())
    except PermissionError:
        pytest.skip("only root may listen")
    thread = threading.Thread(target=capture.run)
    thread.start()
    try:
        yield capture
    finally:
        capture.stop()
        thread.join()


def test_a_capture_finds_what_is_sent_in_plain():
    with listening(WORDS) as capture, socket.create_server(("127.211.5.7", 0)) as server:
        capture.among.update({"127.211.5.7"})
        with socket.create_connection(server.getsockname(), source_address=("127.211.5.8", 0)) as end:
            other, _ = server.accept()
            with other:
                end.sendall(b"it is ue-1-")
                assert other.recv(100)
                end.sendall(b"1 of" + FILLER + TOKEN)
                assert other.recv(1000)
    assert capture.found == {b"ue-1-1", FILLER, TOKEN} and capture.missed == 0


@pytest.mark.parametrize(("encryption", "readable"), [("curve", set()), ("none", {FILLER})])
def test_who_listens_to_a_run_reads_nothing_but_payload_that_is_to_be_plain(
    tmp_path, monkeypatch, encryption, readable
):
    monkeypatch.setattr(process_group, "new_token", lambda: TOKEN)
    with listening(WORDS) as capture:

        def endpoints(names):
            """Free ports on addresses that no other test has."""
            items = {}
            for number, name in enumerate(names):
                address = f"127.211.6.{number + 1}"
                capture.among.add(address)
                with socket.create_server((address, 0)) as free:
                    items[name] = (f"tcp://{address}:{free.getsockname()[1]}",) * 2
            return items

        resolved = inputs.resolve(load_scenario("smoke", [*CHANGES, f"emulation.payload_encryption={encryption}"]))
        tasks = inputs.generate(resolved.scenario, resolved.system)
        plan = resolved.plan(tasks, "offload", second_offload=False, live=True)
        end = launch(plan, tmp_path, deployment=Deployment(LocalSupervisor, endpoints))
    record = read_record(tmp_path / "run.db")
    assert [event for event in record.events if event.kind == DROPPED_FRAME] == []
    assert end.reason == "" and all(row.finished_ns >= 0 for row in record.tasks)
    sent = sum(row.input_bits for row in record.tasks if row.choice) // 8
    assert capture.found == readable and capture.missed == 0
    assert capture.bytes > sent > 500_000, "all that was sent has been seen"
