"""A session does what the table of transitions says, and nothing else."""

import pytest

from testbed.model.delay import NEVER
from testbed.protocol.codec import PROTOCOL_VERSION, Envelope
from testbed.protocol.messages import Bye, Heartbeat, Hello, Welcome
from testbed.protocol.transitions import TRANSITIONS, Input, Output, State
from tests.protocol.sessions import exchange, pair


def test_every_state_answers_every_word_of_a_peer_without_getting_stuck():
    reachable, seen = [State.CLOSED], set()
    while reachable:
        state = reachable.pop()
        seen.add(state)
        reachable += [then.state for (at, _), then in TRANSITIONS.items() if at is state and then.state not in seen]
    assert seen == set(State)
    for state in set(State) - {State.CLOSED}:
        assert (state, Input.HELLO) in TRANSITIONS and (state, Input.REBIRTH) in TRANSITIONS


def peer_says(body):
    return Envelope(
        version=PROTOCOL_VERSION,
        source="b",
        incarnation=0,
        sequence=0,
        to="a",
        at_ns=0,
        phase=0,
        ue=0,
        number=0,
        payload_bits=0,
        body=body,
        ack=0,
        to_incarnation=0,
    )


def in_state(state):
    """A session of a in ``state`` that knows its peer's incarnation, and the instant."""
    a, b = pair()
    if state is State.GREETING:
        a.receive(0, b.open(0)[0])
    elif state is not State.CLOSED:
        exchange(a, b, 0, a.open(0))
    while a.state is not state and state in (State.SUSPECT, State.LOST):
        a.tick(a.deadline_ns)
    if state is State.ENDED:
        a.close(0)
    return a, max(a.deadline_ns - 1, 0) if a.deadline_ns < NEVER else 0


def after_silence(session):
    """Time passes, and nobody speaks, until the state changes."""
    frames, before = [], session.state
    while session.state is before:
        frames = session.tick(session.deadline_ns)
    return frames


HAPPEN = {
    Input.OPEN: lambda a, now: a.open(now),
    Input.CLOSE: lambda a, now: a.close(now),
    Input.HELLO: lambda a, now: a.receive(now, peer_says(Hello("b", 0, "")))[1],
    Input.WELCOME: lambda a, now: a.receive(now, peer_says(Welcome("b", 0)))[1],
    Input.MESSAGE: lambda a, now: a.receive(now, peer_says(Heartbeat(0)))[1],
    Input.BYE: lambda a, now: a.receive(now, peer_says(Bye("")))[1],
    Input.BEAT: lambda a, now: a.tick(a.deadline_ns, drained=False),
    Input.SILENCE: lambda a, now: after_silence(a),
    Input.TIMEOUT: lambda a, now: after_silence(a),
    Input.DOWN: lambda a, now: a.down(now, 0),
    Input.REBIRTH: lambda a, now: a.reborn(now, 1),
}
SAID = {Output.HELLO: Hello, Output.WELCOME: Welcome, Output.BEAT: Heartbeat, Output.BYE: Bye}


@pytest.mark.parametrize(("state", "happened"), TRANSITIONS, ids=lambda one: one.label)
def test_every_transition_happens_as_the_table_says(state, happened):
    a, now = in_state(state)
    assert a.state is state
    frames = HAPPEN[happened](a, now)
    then = TRANSITIONS[state, happened]
    assert a.state is then.state
    assert [type(frame.body) for frame in frames] == [SAID[output] for output in then.outputs if output in SAID]


TIMED = (Input.BEAT, Input.SILENCE, Input.TIMEOUT)


@pytest.mark.parametrize("state", State, ids=lambda one: one.label)
@pytest.mark.parametrize("happened", [one for one in Input if one not in TIMED], ids=lambda one: one.label)
def test_what_the_table_does_not_list_changes_nothing(state, happened):
    if (state, happened) not in TRANSITIONS and (state, happened) != (State.CLOSED, Input.REBIRTH):
        a, now = in_state(state)
        assert HAPPEN[happened](a, now) == [] and a.state is state
