"""Memory that learners share: all of it is there before anybody writes it."""

import errno
import os

import pytest

from controller.learn.shared import SHARED_MEMORY, Shared
from testbed.model.errors import StartError


def blocks():
    return {name for name in os.listdir(SHARED_MEMORY) if name.startswith("psm_")}


def test_a_full_shared_memory_is_said_before_it_is_written_to(monkeypatch):
    def full(descriptor, offset, length):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = blocks()
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(StartError, match=r"8\.0 MB are needed") as caught:
        Shared(10**6, 1)
    assert SHARED_MEMORY in caught.value.remedy
    assert blocks() <= before


def test_every_page_of_a_new_block_is_there():
    shared = Shared(10**6, 1)
    assert os.stat(f"{SHARED_MEMORY}/{shared.name}").st_blocks * 512 >= 8 * 10**6
    shared.close()
