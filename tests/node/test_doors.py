"""Who is let in on TCP, and who is not: each row of the table in docs/explanation/security.md, tried for real."""

import contextlib
import os
import resource
import select
import signal
import socket
import stat
import threading
import time

import pytest
import zmq

from testbed.live.places import Places
from testbed.model.system import TCP
from testbed.node.credentials import KEY_FOLDER, PLACES, Credentials
from testbed.node.socket import Mailbox, envelope
from testbed.protocol import codec
from testbed.protocol.codec import Envelope
from testbed.protocol.messages import Decision, Heartbeat, Stop
from testbed.protocol.place import Place
from tests.mailboxes import TOKEN, mailbox, places_on_tcp

PATIENCE_S = 60
FLOOD, FEW, HEARD = 10_000, 1024, 10
NAMES = ("launcher", "controller", "es-1", "ue-1-1", "ue-1-2")


class Run:
    """The members of a run on TCP; `ue` is the one whose door is tried."""

    def __init__(self):
        self.places, self.keys = places_on_tcp(*NAMES)
        self.members = {}
        self.ue = self.member("ue-1-1")

    def member(self, name, **options):
        self.members[name] = mailbox(self.places, name, **{"key": self.keys[name], **options})
        return self.members[name]

    @property
    def door(self):
        address, _, port = self.ue.places["ue-1-1"].address.removeprefix("tcp://").rpartition(":")
        return address, int(port)

    def until(self, holds):
        """What `ue` takes until ``holds()``."""
        poll, limit = select.poll(), time.monotonic() + PATIENCE_S
        items: list[Envelope] = []
        poll.register(self.ue.fd, select.POLLIN)
        while not holds(items):
            assert time.monotonic() < limit, f"{self.ue.dropped} dropped: {self.ue.last_error}"
            items += self.ue.take()
            poll.poll(20)
        return items

    def close(self):
        for member in self.members.values():
            member.close()


@pytest.fixture
def run():
    result = Run()
    yield result
    result.close()


@pytest.fixture
def outsider(run):
    """A PUSH socket that knows where the UE is, with the options that a test gives it, and sends what members send."""
    context, result = zmq.Context(), []

    def connect(**options):
        pusher = context.socket(zmq.PUSH)
        for name, value in options.items():
            setattr(pusher, name, value.encode())
        pusher.connect(run.places["ue-1-1"].address)
        pusher.send(TOKEN + codec.encode(envelope("launcher", 0, "ue-1-1", Stop(0, "forged"))))
        result.append(pusher)
        return pusher

    yield connect
    for one in result:
        one.close(0)
    context.term()


def refused(run, reason):
    """Whether an attempt was refused, for that reason, and a member is still heard. ZeroMQ may try more than once."""
    assert run.until(lambda _: run.ue.dropped) == []
    assert reason in run.ue.last_error
    return still_heard(run)


def still_heard(run):
    run.member("controller").send(envelope("controller", 0, "ue-1-1", Heartbeat(7)))
    return run.until(len)[0].body == Heartbeat(7)


def test_a_member_is_let_in(run):
    assert still_heard(run) and run.ue.dropped == 0


def test_no_key(run, outsider):
    outsider()
    assert refused(run, "a connection was refused")


def test_an_unknown_key(run, outsider):
    public, secret = (key.decode() for key in zmq.curve_keypair())
    server = run.places["ue-1-1"].public_key
    outsider(curve_publickey=public, curve_secretkey=secret, curve_serverkey=server)
    assert refused(run, "unknown key")


def test_a_members_public_key_without_its_secret_one(run, outsider):
    _, secret = (key.decode() for key in zmq.curve_keypair())
    known, server = run.places["controller"].public_key, run.places["ue-1-1"].public_key
    outsider(curve_publickey=known, curve_secretkey=secret, curve_serverkey=server)
    assert run.until(lambda _: run.ue.dropped >= 1) == [] and still_heard(run)


@pytest.mark.parametrize("output", [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 9, b"\xff" + bytes(300), b""])
def test_plain_bytes_and_silence(run, output):
    with socket.create_connection(run.door) as stranger:
        stranger.settimeout(PATIENCE_S)
        with contextlib.suppress(ConnectionError):
            stranger.sendall(output)
            while stranger.recv(4096):
                pass  # until it is shown the door
        assert run.until(lambda _: run.ue.dropped >= 1) == []
    assert "a connection was refused" in run.ue.last_error
    assert still_heard(run) and run.ue.dropped == 1


def test_a_flood_of_connections(run):
    """Each holds a descriptor for two seconds at most; members are heard meanwhile."""
    with contextlib.ExitStack() as stack:
        strangers = [stack.enter_context(socket.create_connection(run.door)) for _ in range(200)]
        assert still_heard(run)
        for stranger in strangers:
            stranger.settimeout(PATIENCE_S)
            with contextlib.suppress(ConnectionError):
                while stranger.recv(4096):
                    pass
        assert run.until(lambda _: run.ue.dropped >= len(strangers)) == []
    assert run.ue.dropped == len(strangers)


@pytest.mark.slow
def test_ten_thousand_connections_to_a_process_that_may_open_far_fewer(run):
    """It is another process, with a limit of its own; so many more wait at its door than it can ever have open."""
    run.ue.close()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < FLOOD + 1000:
        pytest.skip(f"this process may open {hard} files, and {FLOOD} connections are to be made")
    reader, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (FEW, hard))
            run.ue = run.member("ue-1-1")
            os.write(tell, b"open")
            run.until(lambda result: len(result) == HEARD)
            run.until(lambda _: run.ue.dropped > 0)
            os.write(tell, b"refused")
            run.until(lambda result: len(result) == HEARD)
            os.write(tell, b"heard")
        finally:
            os._exit(0)
    strangers = []
    try:
        assert os.read(reader, 4) == b"open"
        member = run.member("es-1")
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        for number in range(FLOOD):
            strangers.append(socket.socket())
            strangers[-1].settimeout(0.0)
            strangers[-1].connect_ex(run.door)
            if number % (FLOOD // HEARD) == 0:
                member.send(envelope("es-1", 0, "ue-1-1", Heartbeat(number)))
        assert os.read(reader, 100) == b"refused"
        for number in range(HEARD):
            member.send(envelope("es-1", 0, "ue-1-1", Heartbeat(number)))
        assert os.read(reader, 100) == b"heard"
    finally:
        for stranger in strangers:
            stranger.close()
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_ue_speaks_for_itself(run):
    """Whether it may say that is for others to judge."""
    run.member("ue-1-2").send(envelope("ue-1-2", 0, "ue-1-1", Stop(0, "no launcher")))
    assert run.until(len)[0].source == "ue-1-2" and run.ue.dropped == 0


@pytest.mark.parametrize("name", ["controller", "launcher", "es-1", "nobody"])
def test_a_ues_key_used_as_somebody_else(run, name):
    ue = run.member("ue-1-2")
    forged = Decision(ue="ue-1-1", slot=0, choice=1) if name == "controller" else Stop(0, "forged")
    ue.send(envelope(name, 0, "ue-1-1", forged))
    assert run.until(lambda _: run.ue.dropped >= 1) == []
    assert "Impostor" in run.ue.last_error and still_heard(run)


def test_a_members_key_without_the_token(run):
    run.member("es-1", token=bytes(len(TOKEN))).send(envelope("es-1", 0, "ue-1-1", Heartbeat(1)))
    assert refused(run, "without the token")


def test_what_travels_cannot_be_read_or_recognised(run):
    """A relay between the address that is advertised and the one that is bound sees what a network would."""
    inside, names = run.door, ("launcher", "controller")
    with socket.create_server(("127.0.0.1", 0)) as relay:
        messages = Place("", f"tcp://127.0.0.1:{relay.getsockname()[1]}", run.places["ue-1-1"].public_key)
        captured, known = bytearray(), run.places | {"ue-1-1": messages}
        threading.Thread(target=relayed, args=(relay, inside, captured), daemon=True).start()
        sender = Mailbox(known["controller"], known, Credentials(TOKEN, run.keys["controller"]), real_payload=True)
        sender.send(envelope("controller", 0, "ue-1-1", Stop(0, "a reason that nobody else shall read")))
        assert [one.body.reason for one in run.until(len)] == ["a reason that nobody else shall read"]
        sender.close()
    assert len(captured) > 300
    for plain in (TOKEN, b"nobody else shall read", *(name.encode() for name in names)):
        assert plain not in captured


def relayed(relay, inside, captured):
    """Carry the first connection to where it was meant for, both ways, keeping what passes."""
    ends = [relay.accept()[0], socket.create_connection(inside)]
    with ends[0], ends[1], contextlib.suppress(OSError):
        while True:
            for end in select.select(ends, [], [])[0]:
                data = end.recv(65536)
                if not data:
                    return
                captured.extend(data)
                ends[ends[0] is end].sendall(data)


def test_keys_lie_in_files_that_only_this_user_can_read(tmp_path):
    (tmp_path / "node").mkdir(mode=0o700)
    Places({"launcher": ("launcher",), "ues-1": ("ue-1-1", "ue-1-2")}, TCP).write(tmp_path)
    assert [path.name for path in (tmp_path / KEY_FOLDER).iterdir()] == [
        "ues-1"
    ]  # the launcher keeps its own in memory
    assert stat.S_IMODE((tmp_path / KEY_FOLDER).stat().st_mode) == 0o700
    for path in (tmp_path / KEY_FOLDER / "ues-1", tmp_path / PLACES):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_address_that_is_taken_is_an_error_and_leaves_nothing(run):
    with pytest.raises(zmq.ZMQError, match="in use"):
        mailbox(run.places, "ue-1-1", key=run.keys["ue-1-1"])
    assert still_heard(run)
    threads = [one.name for one in threading.enumerate()]
    assert threads.count("doorkeeper") == len(run.members)
