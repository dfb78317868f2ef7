"""What a process is to play, in pieces, and the policy that comes along."""

import msgspec
import pytest

from testbed.model.errors import StartError
from testbed.node import assignment as module
from testbed.node.assignment import Assignment, Pieces, pieces, policy_bytes, with_policy
from testbed.node.socket import envelope
from testbed.protocol import codec
from testbed.protocol.messages import Orders
from tests.support import plan, region


@pytest.fixture
def made():
    system, tasks = region(slots=30)
    given = msgspec.structs.replace(plan(system, tasks), workload=list(tasks))  # as it comes out of a message
    return Assignment(plan=given, processes={"es-1": ("es-1",)}, episode=3)


@pytest.mark.parametrize("size", [100, 1024 * 1024])
def test_an_assignment_comes_together_from_pieces_of_any_size(made, monkeypatch, size):
    monkeypatch.setattr(module, "PIECE_BYTES", size)
    told = list(pieces(msgspec.msgpack.encode(made), Orders))
    assert (len(told) > 1) == (size == 100)
    taking = Pieces(Assignment)
    for _ in range(2):
        assert [taking.take(one) for one in told] == [None] * (len(told) - 1) + [made]


def test_pieces_of_an_assignment_that_was_given_up_are_forgotten(made, monkeypatch):
    monkeypatch.setattr(module, "PIECE_BYTES", 1000)
    told, taking = list(pieces(msgspec.msgpack.encode(made), Orders)), Pieces(Assignment)
    assert [taking.take(one) for one in (*told[:2], *told)][-1] == made
    assert taking.take(told[-1]) is None  # its beginning is missing


def test_what_is_no_assignment_is_an_error():
    with pytest.raises(msgspec.DecodeError):
        Pieces(Assignment).take(Orders(0, 1, b"\xc1"))


@pytest.mark.parametrize("data", [b"\xcf" + b"\xff" * 8, bytes(module.PIECE_BYTES)])
def test_a_piece_of_any_bytes_travels(data):
    sent = envelope("launcher", 0, "es-1", Orders(0, 1, data))
    assert codec.decode(codec.encode(sent)) == sent


def test_a_policy_travels_as_bytes_and_is_loaded_from_a_file_of_the_process(made, tmp_path):
    (tmp_path / "policy.json").write_bytes(b"values")
    tuned = msgspec.structs.replace(made.plan, policy="coin-do:policy.json")
    other = msgspec.structs.replace(made.plan, policy="random-do")
    orders = msgspec.structs.replace(made, plan=tuned, warm_up=tuned, policy=policy_bytes(tuned, tmp_path))
    found = with_policy(orders, "controller", tmp_path)
    assert found.warm_up is not None and found.warm_up.policy == found.plan.policy
    assert with_policy(msgspec.structs.replace(orders, warm_up=other), "controller", tmp_path).warm_up is other
    assert found.plan.policy == f"coin-do:{tmp_path / 'policy-controller.json'}" and found.policy == b""
    assert (tmp_path / "policy-controller.json").read_bytes() == b"values"
    assert with_policy(made, "controller", tmp_path) is made


def test_a_policy_without_a_checkpoint_has_no_bytes_and_one_that_is_gone_is_said(made, tmp_path):
    for policy in ("greedy-do", "a3c-do", "mine:decide"):
        assert policy_bytes(msgspec.structs.replace(made.plan, policy=policy), tmp_path) == b""
    with pytest.raises(StartError, match=r"gone.json cannot be read: No such file"):
        policy_bytes(msgspec.structs.replace(made.plan, policy="coin:gone.json"), tmp_path)
