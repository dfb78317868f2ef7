"""Where a process of a run is reached (pure)."""

import msgspec


class Place(msgspec.Struct, frozen=True):
    """The endpoint that a process binds, the one at which others reach it, and the public key that it proves to have.

    Payload that travels in plain has endpoints of its own, "" where there is none.

    Endpoints are ZeroMQ's (``ipc://…``, ``tcp://…``). Keys are CURVE keys in Z85; "" where the operating system keeps
    strangers out instead, by the permissions of a socket's folder.
    """

    bind: str
    address: str
    public_key: str = ""
    payload_bind: str = ""
    payload_address: str = ""
