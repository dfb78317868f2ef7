"""The container engine, driven by its own commands; what they complain of is told with a remedy."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from testbed.hosts.containers import RECORDER
from testbed.model.errors import StartError, TestbedError

PROJECT = "testbed"
OLDEST_COMPOSE = (1, 29)
INSTALL = "install a container engine with Compose, see docs/how-to/run-in-containers.md"
WAITED_IN_VAIN = r"dependency failed to start|exited|unhealthy"
SAYS_NOTHING = "Encountered errors while bringing up the project"
COMPLAINTS: tuple[tuple[str, str, str], ...] = (
    (
        r"permission denied while trying to connect|Got permission denied|connect: permission denied",
        "this user may not use the container engine",
        "join its group (`sudo usermod -aG docker $USER`, then log in again), or use a rootless engine",
    ),
    (
        r"(?:Cannot|Couldn't) connect to (?:the )?Docker daemon|Connection refused|error during connect",
        "the container engine does not run",
        "start it (`sudo systemctl start docker`), or let DOCKER_HOST say where it is",
    ),
    (
        r"no space left on device|disk quota exceeded",
        "no space is left for images or containers",
        "free some: `docker system prune`",
    ),
    (
        r"(?:Bind for )?(\S*:\d+)? ?(?:failed: )?port is already allocated|address already in use",
        "a port that the run publishes is in use",
        "end what uses it, or leave out the profile that publishes it",
    ),
    (
        r"invalid (?:CIDR|IPv4|IP|subnet|address)",
        "TESTBED_NETWORK is not the beginning of a network's address",
        "give its first three numbers: TESTBED_NETWORK=10.213.8",
    ),
    (
        r"Pool overlaps with other one|invalid pool request|networks have overlapping",
        "the network of the run is one that is there already",
        "name another: TESTBED_NETWORK=10.213.8",
    ),
    (
        r"(?:creating|bind) (?:mount )?source path|mounts denied",
        "the engine cannot see a folder of the run",
        "work in a folder that it shares, such as one below your home",
    ),
    (
        r'container name "/?([\w.-]+)" is already in use',
        "a container of that name is there already: another run goes on, or was not removed",
        "`testbed down` removes it",
    ),
    (
        r"pull access denied|No such image|manifest (?:for \S+ )?(?:not found|unknown)|failed to resolve|dial tcp"
        r"|TLS handshake",
        "an image is not there and cannot be pulled",
        "build it from a clone (`docker compose build`), or name a base image that is there: TESTBED_BASE=IMAGE",
    ),
    (
        r"failed to build|returned a non-zero code|failed to solve",
        "an image could not be built",
        "what went wrong stands above; without a package index run `make wheelhouse` first",
    ),
)


def explained(output: str) -> StartError:
    """The error for what an engine ``output`` on standard error: its last line, if it is nothing known."""
    for pattern, message, remedy in COMPLAINTS:
        match = re.search(pattern, output, re.IGNORECASE | re.DOTALL)
        if match is not None:
            return StartError(message, remedy)
    lines = [line.strip() for line in output.splitlines() if line.strip() and SAYS_NOTHING not in line]
    return StartError(f"the container engine: {lines[-1] if lines else 'it failed without a word'}")


def version_of(output: str) -> tuple[int, ...]:
    """The version in what a command says of itself; (0,) if there is none."""
    match = re.search(r"v?(\d+)\.(\d+)", output)
    return (int(match[1]), int(match[2])) if match is not None else (0,)


def last_message(output: str) -> str:
    """The last message, with its remedy, in the ``output`` of a command on standard error; "" if it is empty."""
    lines = [line for line in output.splitlines() if line.strip()]
    begin = max((number for number, line in enumerate(lines) if not line[0].isspace()), default=0)
    return "\n".join(lines[begin:])


class Engine:
    """Compose, by the plugin of Docker or by its older program; raises `StartError` where there is neither."""

    def __init__(self) -> None:
        if shutil.which("docker") is None:
            raise StartError("there is no container engine: no command `docker`", INSTALL)
        self._compose = self._found()
        _run(["docker", "version", "--format", "{{.Server.Version}}"])

    def _found(self) -> list[str]:
        """The command of a Compose that is new enough."""
        newest: tuple[int, ...] = (0,)
        for command in (["docker", "compose"], ["docker-compose"]):
            if shutil.which(command[0]) is None:
                continue
            done = subprocess.run([*command, "version", "--short"], capture_output=True, text=True, check=False)
            version = version_of(done.stdout) if done.returncode == 0 else (0,)
            if version >= OLDEST_COMPOSE:
                return command
            newest = max(newest, version)
        if newest == (0,):
            raise StartError("there is no Compose: neither `docker compose` nor `docker-compose`", INSTALL)
        there, needed = (".".join(map(str, version)) for version in (newest, OLDEST_COMPOSE))
        raise StartError(f"Compose {there} is too old", f"{needed} or newer is needed: {INSTALL}")

    def compose(self, file: Path, *arguments: str, shown: bool = False) -> str:
        """Run Compose on ``file``; returns what it printed, unless that is ``shown``. Raises `StartError`."""
        return _run([*self._compose, "--project-name", PROJECT, "--file", str(file), *arguments], shown=shown)

    def must_be_free(self) -> None:
        """Raise `StartError` if a run goes on in containers: it would be replaced."""
        if _run(["docker", "ps", "--quiet", "--filter", f"label=com.docker.compose.project={PROJECT}"]).strip():
            raise StartError("a run goes on in containers already", "wait for its end, or end it: `testbed down`")

    def build(self, file: Path, containers: Sequence[str]) -> None:
        """Build the images of ``containers``."""
        self.compose(file, "build", *containers, shown=True)

    def has_image(self, name: str) -> bool:
        """Whether an image is there."""
        return bool(_run(["docker", "images", "--quiet", name]).strip())

    def up(self, file: Path) -> None:
        """Create and start the containers; raises the recorder's own error if it has ended before the others began."""
        try:
            self.compose(file, "up", "--detach", "--no-build")
        except StartError as error:
            if re.search(WAITED_IN_VAIN, error.message, re.IGNORECASE) is None:
                raise
            raise _last_error() or error from None

    def down(self, file: Path) -> None:
        """Stop and remove what belongs to the run: containers, networks, volumes."""
        self.compose(file, "down", "--volumes", "--remove-orphans", "--timeout", "20")

    def interrupt(self) -> None:
        """Ask the run to end; its summary still comes."""
        subprocess.run(["docker", "kill", "--signal", "INT", RECORDER], capture_output=True, check=False)

    def follow(self) -> "subprocess.Popen[bytes]":
        """A process that shows what the recorder prints, until it ends; interrupts do not reach it."""
        return subprocess.Popen(["docker", "logs", "--follow", RECORDER], start_new_session=True)

    def exit_code(self) -> int:
        """The recorder's exit code, once it has ended."""
        return int(_run(["docker", "wait", RECORDER]))


def _last_error() -> TestbedError | None:
    """The error with which the run's recorder has ended; None if it goes on, or said nothing."""
    own = ["--filter", f"label=com.docker.compose.project={PROJECT}", "--filter", f"name=^/?{RECORDER}$"]
    ended = re.match(r"Exited \((\d+)\)", _run(["docker", "ps", "--all", *own, "--format", "{{.Status}}"]))
    output = subprocess.run(["docker", "logs", RECORDER], capture_output=True, text=True, check=False).stderr
    message, _, remedy = last_message(output).partition("\n")
    if ended is None or not message:
        return None
    error = TestbedError(message, remedy.strip())
    error.exit_code = int(ended[1])
    return error


def _run(command: Sequence[str], *, shown: bool = False) -> str:
    """What ``command`` prints; raises `StartError` if it fails."""
    with_output = None if shown else subprocess.PIPE
    done = subprocess.run(command, stdout=with_output, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise explained(done.stderr)
    return done.stdout or ""
