"""Sessions: every message exactly once whatever the network does, and no peer declared lost that is only busy."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.model.delay import NEVER
from testbed.protocol.codec import Envelope
from testbed.protocol.messages import Bye, Heartbeat, Hello, Welcome
from testbed.protocol.session import Session
from testbed.protocol.session_types import SessionEndedError, SessionTiming, WindowFullError
from testbed.protocol.transitions import State
from tests.properties import examples
from tests.protocol.sessions import CALM, MS, exchange, message, pair


def opened(settings_=CALM):
    a, b = pair(settings_)
    exchange(a, b, 0, a.open(0))
    assert (a.state, b.state) == (State.OPEN, State.OPEN)
    return a, b


def test_messages_wait_for_the_handshake_and_are_then_sent():
    a, b = pair()
    assert a.send(0, message(1)) == [] and a.send(0, message(2)) == [] and a.pending == 2
    got = exchange(a, b, 0, a.open(0))
    assert [envelope.body.slot for envelope in got] == [1, 2]
    assert (a.state, b.state) == (State.OPEN, State.OPEN)


def test_both_may_greet_at_once():
    a, b = pair()
    exchange(a, b, 0, [*a.open(0), *b.open(0)])
    assert (a.state, b.state) == (State.OPEN, State.OPEN)


def test_a_lost_message_is_repeated_at_growing_intervals_until_it_is_acknowledged():
    a, b = opened()
    (lost,) = a.send(0, message(1))
    times: list[int] = []
    while len(times) < 4:
        now = a.deadline_ns
        again = [frame for frame in a.tick(now, drained=False) if frame.sequence]
        times += [now // MS] * len(again)
    assert times == [10, 30, 70, 150]
    assert again[0].sequence == lost.sequence
    assert [envelope.body.slot for envelope in exchange(a, b, now, again)] == [1]
    exchange(a, b, now + 20 * MS, b.tick(now + 20 * MS))
    assert a.pending == 0 and a.counts.repeated == 4


def test_what_comes_twice_is_delivered_once():
    a, b = opened()
    frames = a.send(0, message(1))
    assert len(b.receive(0, frames[0])[0]) == 1
    assert b.receive(0, frames[0])[0] == []
    assert (b.counts.delivered, b.counts.duplicates) == (1, 1)


def test_the_window_refuses_and_opens_again():
    a, b = opened(SessionTiming(window=2))
    frames = [*a.send(0, message(1)), *a.send(0, message(2))]
    with pytest.raises(WindowFullError, match="2 messages from a to b"):
        a.send(0, message(3))
    exchange(a, b, 0, frames)
    exchange(a, b, 20 * MS, b.tick(20 * MS))
    assert a.pending == 0 and len(a.send(21 * MS, message(3))) == 1


def silent_until(a, limit, drained):
    """Let ``a`` alone with nobody answering; returns its states in order."""
    states = [a.state]
    while (now := a.deadline_ns) <= limit:
        before = a.counts.sent
        a.tick(now, drained=drained)
        if a.state is not states[-1]:
            states.append(a.state)
        if not drained and a.deadline_ns <= now:
            break
        assert a.counts.sent == before
    return states


def test_silence_becomes_suspicion_and_then_loss():
    a, _ = opened()
    assert silent_until(a, 3000 * MS, drained=True) == [State.OPEN, State.SUSPECT, State.LOST]


def test_busy_is_not_dead():
    """As long as the own inbox is not drained, silence proves nothing; the first word of a suspect clears it."""
    a, b = opened()
    states = []
    for now in range(0, 5000, 50):
        a.tick(now * MS, drained=False)
        states.append(a.state)
    assert set(states) == {State.OPEN}
    a.tick(5000 * MS, drained=True)
    states = [a.state]
    exchange(a, b, 5001 * MS, b.tick(5001 * MS))
    assert [*states, a.state] == [State.SUSPECT, State.OPEN]


def test_a_lost_peer_is_found_again_and_gets_what_waited():
    a, b = opened()
    silent_until(a, 3000 * MS, drained=True)
    assert a.send(3000 * MS, message(9)) == []
    got = exchange(a, b, 3100 * MS, b.tick(3100 * MS))
    assert a.state is State.OPEN and [envelope.body.slot for envelope in got] == [9]


def test_a_new_incarnation_starts_afresh_and_the_unacknowledged_is_counted():
    a, b = opened()
    exchange(a, b, 0, a.send(0, message(1)))
    a.send(1, message(2))
    reborn = Session("b", "a", 1, CALM)
    got = exchange(a, reborn, 2, [*a.reborn(2, 1), *reborn.open(2), *a.tick(2)])
    got = exchange(a, reborn, 3, a.send(3, message(3)), got)
    assert [envelope.body.slot for envelope in got] == [3]
    assert a.counts.abandoned == 2
    stale = b.send(3, message(4, to="a"))
    assert a.receive(3, stale[0]) == ([], []) and a.counts.stale == 1


def test_the_dead_get_nothing_and_an_ended_session_says_why():
    a, b = opened()
    a.send(0, message(1))
    a.down(1, 0)
    with pytest.raises(SessionEndedError, match="b died"):
        a.send(2, message(2))
    assert a.counts.abandoned == 1
    exchange(a, b, 3, b.close(3, "finished"))
    assert b.state is State.ENDED and b.reason == "finished"


def test_frames_of_strangers_are_dropped():
    a, _ = opened()
    stranger = Session("c", "a", 0, CALM)
    assert a.receive(0, stranger.open(0)[0]) == ([], [])
    assert a.counts.stale == 1


@pytest.mark.parametrize("wrong", [{"retry_ns": 0}, {"window": 0}, {"suspect_ns": 1}, {"asks": 0}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match="must"):
        SessionTiming(**wrong)


class Net:
    """Carries frames between a and b with what befalls them drawn by hypothesis, on a virtual clock."""

    def __init__(self, data):
        self.data, self.now = data, 0
        self.a, self.b = pair(SessionTiming(window=8, heartbeat_ns=0, retry_ns=10 * MS, retry_max_ns=40 * MS))
        self.way, self.got = [], []

    def carry(self, frames):
        for frame in frames:
            for delay in self.data.draw(st.lists(st.integers(0, 60), max_size=3)):
                self.way.append((self.now + delay * MS, len(self.way), frame))

    def step(self):
        self.way.sort(key=lambda one: one[:2])
        due = min(self.a.deadline_ns, self.b.deadline_ns, self.way[0][0] if self.way else NEVER)
        self.now = max(self.now, due)
        if self.way and self.way[0][0] <= self.now:
            frame = self.way.pop(0)[2]
            delivered, answers = (self.b if frame.to == "b" else self.a).receive(self.now, frame)
            self.got += [envelope.body.slot for envelope in delivered]
            self.carry(answers)
        self.carry([*self.a.tick(self.now), *self.b.tick(self.now)])


@settings(max_examples=examples(60))
@given(st.data(), st.integers(1, 20))
def test_every_message_arrives_exactly_once_over_any_network(data, count):
    net, waiting = Net(data), list(range(count))
    net.carry(net.a.open(0))
    for _ in range(600):
        while waiting and net.a.pending < 8:
            net.carry(net.a.send(net.now, message(waiting.pop(0))))
        if not waiting and len(net.got) == count and net.a.pending == 0:
            break
        net.step()
    assert len(net.got) == len(set(net.got))
    finish(net, waiting)
    assert sorted(net.got) == list(range(count))


def finish(net, waiting):
    """From now on the network is perfect; everything must get through."""
    frames: list[Envelope] = []
    for _ in range(200):
        while frames:
            frame = frames.pop(0)
            delivered, answers = (net.b if frame.to == "b" else net.a).receive(net.now, frame)
            net.got += [envelope.body.slot for envelope in delivered]
            frames += answers
        while waiting and net.a.pending < 8:
            frames += net.a.send(net.now, message(waiting.pop(0)))
        net.now += 50 * MS
        frames += [*net.a.tick(net.now), *net.b.tick(net.now)]


def test_words_of_a_session_are_named_in_the_table():
    assert {Hello, Welcome, Bye, Heartbeat} <= {type(frame.body) for frame in words()}


def words():
    a, b = pair()
    frames = a.open(0)
    frames += b.receive(0, frames[0])[1]
    exchange(a, b, 0, frames)
    return [*frames, *a.tick(100 * MS), *a.close(200 * MS, "over")]
