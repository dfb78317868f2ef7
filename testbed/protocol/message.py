"""The base of everything that travels between roles."""

import msgspec


class Message(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=True):
    """Base of everything that travels between roles."""
