"""Mailboxes of a test: on sockets in a folder, with a token that the test knows."""

from testbed.live.places import Places
from testbed.model.system import TCP
from testbed.node.credentials import TOKEN_BYTES, Credentials
from testbed.node.socket import Mailbox
from testbed.protocol.place import Place

TOKEN = b"t" * TOKEN_BYTES


def places(folder, *names):
    """A socket in ``folder`` for each of ``names``."""
    return {name: Place(f"ipc://{folder}/{name}", f"ipc://{folder}/{name}") for name in names}


def places_on_tcp(*names):
    """An address on this host's loopback and a key for each of ``names``: their places, and their secret keys."""
    result = Places({name: (name,) for name in names}, TCP)
    return result.by_name(), {name: result.key_of(name) for name in names}


def mailbox(result, name, *, real_payload=False, token=TOKEN, key=""):
    """The mailbox of ``name`` among the places ``result``."""
    return Mailbox(result[name], result, Credentials(token, key), real_payload=real_payload)
