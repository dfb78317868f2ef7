"""The session's behaviour as one table: (state, input) → (next state, outputs). What is not listed changes nothing."""

from enum import Enum
from typing import NamedTuple


class State(Enum):
    """Where a session stands."""

    CLOSED = "closed", "nobody has asked for a session; messages wait"
    GREETING = "greeting", "Hello is repeated until the peer shows that it knows this incarnation; messages wait"
    OPEN = "open", "messages travel, and are repeated until acknowledged"
    SUSPECT = "suspect", "the peer has been silent; messages travel on, and Hello asks for an answer"
    LOST = "lost", "the peer gave no sign of life for the whole timeout; messages wait, Hello goes on asking"
    ENDED = "ended", "the peer's incarnation is over, or one side closed; late messages are still delivered once"

    def __init__(self, label: str, meaning: str) -> None:
        self.label, self.meaning = label, meaning


class Input(Enum):
    """What can happen to a session."""

    OPEN = "open", "the caller wants the session"
    CLOSE = "close", "the caller ends the session"
    HELLO = "hello", "the peer greets"
    WELCOME = "welcome", "the peer answers a greeting of this incarnation"
    MESSAGE = "message", "anything else from the peer to this incarnation, a Heartbeat too"
    BYE = "bye", "the peer ends the session"
    BEAT = "beat", "it is time for a sign of life"
    SILENCE = "silence", "nothing came for `suspect_ns`, and the inbox is drained"
    TIMEOUT = "timeout", "nothing came for `timeout_ns`, it was asked `asks` times, and the inbox is drained"
    DOWN = "down", "the launcher says that the peer's incarnation died"
    REBIRTH = "rebirth", "the peer was heard, or is known, to live in a newer incarnation"

    def __init__(self, label: str, meaning: str) -> None:
        self.label, self.meaning = label, meaning


class Output(Enum):
    """What a session does about it."""

    HELLO = "say Hello", "names this incarnation; always answered by Welcome, or by Bye when the session has ended"
    WELCOME = "say Welcome", "accepts the peer's incarnation and names this one"
    BEAT = "say Heartbeat", "a sign of life, and an acknowledgement"
    BYE = "say Bye", "the session is over"
    FLUSH = "flush", "send what waits, and once more what is not acknowledged"
    ABANDON = "abandon", "give up what waits and what is not acknowledged, and count it"
    RESET = (
        "reset",
        "give up what was sent to the earlier incarnation, count it, and number from 1 again; what waits stays",
    )

    def __init__(self, label: str, meaning: str) -> None:
        self.label, self.meaning = label, meaning


class Transition(NamedTuple):
    """The state that follows, and what is done on the way, in order."""

    state: State
    outputs: tuple[Output, ...] = ()


TRANSITIONS: dict[tuple[State, Input], Transition] = {
    (State.CLOSED, Input.OPEN): Transition(State.GREETING, (Output.HELLO,)),
    (State.CLOSED, Input.HELLO): Transition(State.GREETING, (Output.WELCOME, Output.HELLO)),
    (State.CLOSED, Input.CLOSE): Transition(State.ENDED, (Output.ABANDON,)),
    (State.CLOSED, Input.DOWN): Transition(State.ENDED, (Output.ABANDON,)),
    #
    (State.GREETING, Input.HELLO): Transition(State.GREETING, (Output.WELCOME,)),
    (State.GREETING, Input.WELCOME): Transition(State.OPEN, (Output.FLUSH,)),
    (State.GREETING, Input.MESSAGE): Transition(State.OPEN, (Output.FLUSH,)),
    (State.GREETING, Input.BEAT): Transition(State.GREETING, (Output.HELLO,)),
    (State.GREETING, Input.TIMEOUT): Transition(State.LOST),
    (State.GREETING, Input.BYE): Transition(State.ENDED, (Output.ABANDON,)),
    (State.GREETING, Input.CLOSE): Transition(State.ENDED, (Output.BYE, Output.ABANDON)),
    (State.GREETING, Input.DOWN): Transition(State.ENDED, (Output.ABANDON,)),
    (State.GREETING, Input.REBIRTH): Transition(State.GREETING, (Output.RESET,)),
    #
    (State.OPEN, Input.HELLO): Transition(State.OPEN, (Output.WELCOME,)),
    (State.OPEN, Input.BEAT): Transition(State.OPEN, (Output.BEAT,)),
    (State.OPEN, Input.SILENCE): Transition(State.SUSPECT, (Output.HELLO,)),
    (State.OPEN, Input.BYE): Transition(State.ENDED, (Output.ABANDON,)),
    (State.OPEN, Input.CLOSE): Transition(State.ENDED, (Output.BYE, Output.ABANDON)),
    (State.OPEN, Input.DOWN): Transition(State.ENDED, (Output.ABANDON,)),
    (State.OPEN, Input.REBIRTH): Transition(State.GREETING, (Output.RESET,)),
    #
    (State.SUSPECT, Input.HELLO): Transition(State.OPEN, (Output.WELCOME,)),
    (State.SUSPECT, Input.WELCOME): Transition(State.OPEN),
    (State.SUSPECT, Input.MESSAGE): Transition(State.OPEN),
    (State.SUSPECT, Input.BEAT): Transition(State.SUSPECT, (Output.HELLO,)),
    (State.SUSPECT, Input.TIMEOUT): Transition(State.LOST),
    (State.SUSPECT, Input.BYE): Transition(State.ENDED, (Output.ABANDON,)),
    (State.SUSPECT, Input.CLOSE): Transition(State.ENDED, (Output.BYE, Output.ABANDON)),
    (State.SUSPECT, Input.DOWN): Transition(State.ENDED, (Output.ABANDON,)),
    (State.SUSPECT, Input.REBIRTH): Transition(State.GREETING, (Output.RESET,)),
    #
    (State.LOST, Input.HELLO): Transition(State.GREETING, (Output.WELCOME, Output.HELLO)),
    (State.LOST, Input.WELCOME): Transition(State.OPEN, (Output.FLUSH,)),
    (State.LOST, Input.MESSAGE): Transition(State.OPEN, (Output.FLUSH,)),
    (State.LOST, Input.BEAT): Transition(State.LOST, (Output.HELLO,)),
    (State.LOST, Input.BYE): Transition(State.ENDED, (Output.ABANDON,)),
    (State.LOST, Input.CLOSE): Transition(State.ENDED, (Output.BYE, Output.ABANDON)),
    (State.LOST, Input.DOWN): Transition(State.ENDED, (Output.ABANDON,)),
    (State.LOST, Input.REBIRTH): Transition(State.GREETING, (Output.RESET,)),
    #
    (State.ENDED, Input.HELLO): Transition(State.ENDED, (Output.BYE,)),
    (State.ENDED, Input.MESSAGE): Transition(State.ENDED, (Output.BYE,)),
    (State.ENDED, Input.REBIRTH): Transition(State.CLOSED, (Output.RESET,)),
}
