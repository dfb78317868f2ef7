"""What goes wrong with an engine is told in a line, with a remedy; played by programs of the engine's names."""

from pathlib import Path

import pytest

from testbed.compose.engine import Engine, explained, version_of
from testbed.model import errors
from testbed.model.errors import StartError
from tests.command import call

DENIED = (
    "Got permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: "
    'Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.24/containers/json": dial unix /var/run/docker.sock: connect: '
    "permission denied"
)
SAID = {
    DENIED: ("may not use", "usermod -aG docker"),
    "Cannot connect to the Docker daemon at unix:///x.sock. Is the docker daemon running?": (
        "does not run",
        "start it",
    ),
    "permission denied while trying to connect to the docker API at unix:///var/run/docker.sock": (
        "may not use",
        "usermod",
    ),
    "error while creating mount source path '/x/runs': mkdir /x: permission denied\nsee the docker daemon's log": (
        "cannot see a folder",
        "below your home",
    ),
    "error while creating mount source path '/x/runs': mkdir /x: read-only file system": (
        "cannot see a folder",
        "home",
    ),
    'invalid mount config for type "bind": bind source path does not exist: /x': ("cannot see a folder", "home"),
    "Error response from daemon: invalid subnet: invalid CIDR address: 10.213.0/24": (
        "TESTBED_NETWORK is not",
        "TESTBED_NETWORK=10.213.8",
    ),
    "write /var/lib/docker/tmp/y: disk quota exceeded": ("no space", "docker system prune"),
    "write /var/lib/docker/tmp/x: no space left on device": ("no space", "docker system prune"),
    "driver failed programming external connectivity on endpoint grafana: Bind for 127.0.0.1:3000 failed: port is "
    "already allocated": ("a port", "leave out the profile"),
    'Conflict. The container name "/es-1" is already in use by container "abc".': ("another run", "testbed down"),
    "invalid pool request: Pool overlaps with other one on this address space": ("network", "TESTBED_NETWORK"),
    "cannot create network e7 (br-e7): conflicts with network 4b (br-4b): networks have overlapping IPv4": (
        "network",
        "TESTBED_NETWORK",
    ),
    "pull access denied for testbed-agent, repository does not exist": ("cannot be pulled", "docker compose build"),
    "Error response from daemon: No such image: testbed-agent:0.1.0": ("cannot be pulled", "docker compose build"),
    "ERROR: Service 'recorder' failed to build: The command '/bin/sh -c sh install.sh' returned a non-zero code: 1": (
        "could not be built",
        "make wheelhouse",
    ),
    'failed to solve: process "/bin/sh -c sh install.sh" did not complete successfully: exit code: 1': (
        "could not be built",
        "make wheelhouse",
    ),
    'Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io: no such host': (
        "cannot be pulled",
        "TESTBED_BASE",
    ),
}


@pytest.mark.parametrize(("output", "messages"), SAID.items())
def test_what_an_engine_complains_of_has_a_remedy(output, messages):
    error = explained(f"a first line\n{output}\n")
    assert messages[0] in error.message and messages[1] in error.remedy


def test_what_nobody_foresaw_is_its_last_line():
    assert explained("one\n  two  \n\n").message == "the container engine: two"
    output = "ERROR: for es-1  No command specified\nEncountered errors while bringing up the project.\n"
    assert explained(output).message.endswith("No command specified")
    assert explained("").message.endswith("without a word")


@pytest.mark.parametrize(
    ("output", "version"),
    [("2.26.1\n", (2, 26)), ("v2.5.0", (2, 5)), ("1.29.2", (1, 29)), ("Compose 1.25.0", (1, 25)), ("?", (0,))],
)
def test_versions_are_read_however_they_are_written(output, version):
    assert version_of(output) == version


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Makes programs that print and fail as they are told; nothing else of those names is found."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def make(name, body):
        path = Path(folder / name)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    return make


def test_no_engine(programs):
    with pytest.raises(StartError, match="no command `docker`"):
        Engine()


def test_no_compose(programs):
    programs("docker", "exit 1")
    with pytest.raises(StartError, match="there is no Compose"):
        Engine()


def test_an_old_compose(programs):
    programs("docker", "exit 1")
    programs("docker-compose", "echo 1.25.0")
    with pytest.raises(StartError, match=r"Compose 1\.25 is too old") as error:
        Engine()
    assert "1.29" in error.value.remedy


def test_an_engine_that_does_not_run(programs):
    complains = 'echo "Cannot connect to the Docker daemon" >&2; exit 1'
    programs("docker", f'test "$1" = compose && echo 2.26.1 && exit 0; {complains}')
    with pytest.raises(StartError, match="does not run"):
        Engine()


def test_the_older_program_serves_where_there_is_no_plugin(programs, tmp_path):
    programs("docker", 'test "$1" = compose && exit 1; echo 20.10')
    programs("docker-compose", f'test "$1" = version && echo 1.29.2 && exit 0; echo "$@" > {tmp_path}/said')
    Engine().down(tmp_path / "f.yaml")
    assert (tmp_path / "said").read_text().split()[:4] == ["--project-name", "testbed", "--file", f"{tmp_path}/f.yaml"]


def test_a_run_that_goes_on_is_not_replaced_by_another(programs, tmp_path):
    programs("docker", 'case "$1" in compose) echo 2.26.1;; version) echo 28;; ps) echo abc;; *) exit 9;; esac')
    with pytest.raises(StartError, match="a run goes on in containers already") as error:
        Engine().must_be_free()
    assert "testbed down" in error.value.remedy


@pytest.mark.parametrize("verb", [("run", "smoke", "--backend", "compose"), ("up", "smoke")])
def test_without_an_engine_a_verb_says_so_and_starts_nothing(tmp_path, monkeypatch, verb):
    monkeypatch.setenv("PATH", str(tmp_path))
    result = call(*verb, cwd=tmp_path, code=3)
    assert "no container engine" in result.stderr and "run-in-containers" in result.stderr


def test_down_without_up_says_so(tmp_path):
    result = call("down", cwd=tmp_path, code=2)
    assert "nothing was brought up here" in result.stderr and "testbed up" in result.stderr


COMPOSE = """case "$1" in
compose) case "$*" in
    *version*) echo 2.26.1;;
    *up*) echo "dependency failed to start: container recorder exited (3)" >&2; exit 1;;
    esac;;
version) echo 28;;
"""


def test_a_recorder_that_ends_before_all_others_speaks_for_itself(programs, tmp_path):
    logs = 'echo "before" >&2; echo "runs/r cannot be written" >&2; echo "  free some space" >&2'
    programs("docker", f'{COMPOSE}ps) echo "Exited (5) 2 seconds ago";; logs) {logs};; esac')
    with pytest.raises(errors.TestbedError) as caught:
        Engine().up(tmp_path / "f.yaml")
    assert str(caught.value) == "runs/r cannot be written\n  free some space" and caught.value.exit_code == 5


def test_a_recorder_that_says_nothing_leaves_it_to_compose(programs, tmp_path):
    programs("docker", f'{COMPOSE}ps) echo "Exited (137) 2 seconds ago";; esac')
    with pytest.raises(StartError, match="container recorder exited"):
        Engine().up(tmp_path / "f.yaml")
