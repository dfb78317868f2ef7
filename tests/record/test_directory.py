"""A run that cannot even begin leaves nothing that would stand in the way of the next."""

import resource

import pytest

from testbed.model.exit_codes import EXIT_START
from tests.command import call


@pytest.mark.parametrize("bytes_a_file", [1000, 3000, 8192])
@pytest.mark.parametrize("backend", ["sim", "testbed"])
def test_what_cannot_be_written_whole_is_gone_and_its_name_is_free(tmp_path, backend, bytes_a_file):
    words = ("run", "smoke", "--slots", "60", "--out", "runs/r", "--backend", backend)
    done = call(
        *words,
        cwd=tmp_path,
        code=EXIT_START,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_a_file, bytes_a_file)),
    )
    assert "free space" in done.stderr and not (tmp_path / "runs" / "r").exists()
    call(*words[:-1], "sim", cwd=tmp_path)
