"""Mailboxes of a test: on sockets in a folder, with a token that the test knows."""

from testbed.node.credentials import TOKEN_BYTES, Credentials
from testbed.node.socket import Mailbox
from testbed.protocol.place import Place

TOKEN = b"t" * TOKEN_BYTES


def places(folder, *names):
    """A socket in ``folder`` for each of ``names``."""
    return {name: Place(f"ipc://{folder}/{name}", f"ipc://{folder}/{name}") for name in names}


def mailbox(found, name, *, real_payload=False, token=TOKEN):
    """The mailbox of ``name`` among the places ``found``."""
    return Mailbox(found[name], found, Credentials(token), real_payload=real_payload)
