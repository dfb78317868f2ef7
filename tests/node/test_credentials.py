"""What a process reads to prove that it belongs to its run."""

import os

import pytest

from testbed.model.errors import StartError
from testbed.node.credentials import TOKEN_BYTES, Credentials, read_key, read_token
from testbed.node.zygote import _give


def given(data):
    reader, writer = os.pipe()
    os.write(writer, data)
    os.close(writer)
    return reader


@pytest.mark.parametrize("size", [0, 1, TOKEN_BYTES - 1, TOKEN_BYTES + 1])
def test_what_is_no_token_is_refused(size):
    reader = given(bytes(size))
    with pytest.raises(StartError, match="no token on standard input"):
        read_token(reader)
    os.close(reader)


def test_a_token_is_read_whole():
    token = bytes(range(TOKEN_BYTES))
    reader = given(token)
    assert read_token(reader) == token
    os.close(reader)


def test_a_zygote_gives_a_token_on_standard_input():
    token, kept = bytes(range(TOKEN_BYTES)), os.dup(0)
    try:
        _give(token)
        assert read_token() == token
    finally:
        os.dup2(kept, 0)
        os.close(kept)


def test_credentials_are_not_shown():
    assert "secret" not in f"{Credentials(b'secret', 'secret')!r} {Credentials(b'secret', 'secret')}"


def test_a_key_is_read_from_its_file_or_its_absence_is_said(tmp_path):
    (tmp_path / "es-1").write_text("k" * 40 + "\n")
    assert read_key("es-1", tmp_path) == "k" * 40
    with pytest.raises(StartError, match="no key for es-2"):
        read_key("es-2", tmp_path)
