"""What a process reads to prove that it belongs to its run."""

import os

import pytest

from testbed.model.errors import StartError
from testbed.node.credentials import TOKEN_BYTES, Credentials, private_folder, read_key, read_token, write_private
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


def test_a_private_file_is_private_whatever_was_there_before(tmp_path):
    file, elsewhere = tmp_path / "key", tmp_path / "elsewhere"
    file.write_text("old and long")
    file.chmod(0o666)
    write_private(file, b"new")
    assert file.read_bytes() == b"new" and file.stat().st_mode & 0o777 == 0o600
    file.unlink()
    file.symlink_to(elsewhere)
    with pytest.raises(OSError):  # noqa: PT011 - which errno says that it is a link is the system's business
        write_private(file, b"secret")
    assert not elsewhere.exists()


def test_a_private_folder_is_private_whatever_was_there_before(tmp_path):
    folder, elsewhere = tmp_path / "sock", tmp_path / "elsewhere"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    private_folder(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    elsewhere.mkdir()
    folder.rmdir()
    folder.symlink_to(elsewhere)
    private_folder(folder)
    assert not folder.is_symlink() and folder.stat().st_mode & 0o777 == 0o700
