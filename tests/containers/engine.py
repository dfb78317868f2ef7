"""A container engine for tests: the one that runs, or one of their own that leaves the machine as it was.

One of their own needs root and Debian's packages, which are fetched by apt-get and unpacked, not installed. It lives in
namespaces of its own: its bridges, rules of packet filters, mounts and processes end with them.
"""

import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

from tests.containers import base_image

PACKAGES = ("docker.io", "iptables", "docker-compose")
FETCH_S, START_S, END_S = 120, 60, 30
NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
WITH_US = ("setpriv", "--pdeathsig", "KILL")  # whatever ends the tests ends their engine
BASE = "testbed-test-base"
DEFAULT = "unix:///var/run/docker.sock"
FROM_DEBIAN = """#!/bin/sh
here=$(dirname "$(readlink -f "$0")")/../root
PYTHONPATH=$here/usr/lib/python3/dist-packages exec /usr/bin/python3 "$here/usr/bin/docker-compose" "$@"
"""


class UnavailableError(Exception):
    """No engine can be had here; says why."""


def runs():
    """Whether an engine runs that this user may use."""
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


@contextlib.contextmanager
def own(remaining, folder):
    """An engine below ``folder``, of programs that are kept in ``remaining``: sets what the environment needs."""
    if os.getuid() != 0:
        raise UnavailableError("no container engine runs, and only root can start one")
    fetch(remaining)
    with _programs_of(remaining):
        daemon = _start(remaining, folder, ["unshare", "--net"])
        try:
            yield
        finally:
            _stop(daemon)


@contextlib.contextmanager
def swarm(remaining, folder, hosts, apart_s):
    """A swarm of an engine on each of the ``hosts``, network namespaces whose addresses are given by name, each with a
    clock that is so far ahead of the one before; the first is the manager, and the one that the environment names.
    Yields their sockets by host."""
    fetch(remaining)
    daemons: list[subprocess.Popen[bytes]] = []
    sockets: dict[str, str] = {}
    with _programs_of(remaining):
        try:
            for host, address in hosts.items():
                (folder / host).mkdir()
                clock = ["--time", "--monotonic", str((len(sockets) + 1) * apart_s)]
                daemons.append(_start(remaining, folder / host, ["nsenter", f"--net=/run/netns/{host}"], clock))
                sockets[host] = os.environ["DOCKER_HOST"]
                if len(sockets) == 1:
                    docker("swarm", "init", "--advertise-addr", address)
                    token = docker("swarm", "join-token", "--quiet", "worker").strip()
                    manager = f"{address}:2377"
                else:
                    docker("swarm", "join", "--advertise-addr", address, "--token", token, manager)
            os.environ["DOCKER_HOST"] = next(iter(sockets.values()))
            yield sockets
        finally:
            for daemon in reversed(daemons):
                _stop(daemon)


@contextlib.contextmanager
def _programs_of(remaining):
    """An environment with the programs that are kept in ``remaining``; what they leave in control groups is removed."""
    before = {name: os.environ.get(name) for name in ("PATH", "DOCKER_HOST")}
    programs = f"{remaining}/bin:{remaining}/root/usr/sbin:{remaining}/root/usr/bin"
    os.environ["PATH"] = f"{programs}:{before['PATH']}"
    groups = _groups()
    try:
        yield
    finally:
        for group in sorted(_groups() - groups, key=lambda path: -len(path.parts)):
            with contextlib.suppress(OSError):
                group.rmdir()
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def within(*namespaces: str) -> list[str]:
    """The words before a command that shall run in these ``namespaces`` (``net``, ``mount``) of the engine."""
    with socket.socket(socket.AF_UNIX) as asked:
        asked.connect(os.environ.get("DOCKER_HOST", DEFAULT).removeprefix("unix://"))
        process, *_ = struct.unpack("3i", asked.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return ["nsenter", f"--target={process}", *(f"--{name}" for name in namespaces)]


def fetch(remaining: Path) -> None:
    """Debian's engine, unpacked; raises `UnavailableError`."""
    if (remaining / "bin").is_dir():
        return
    for program in ("apt-get", "dpkg-deb", "unshare", "setpriv", "ip"):
        if shutil.which(program) is None:
            raise UnavailableError(f"no container engine runs, and there is no {program} to bring one")
    debs = remaining / "debs"
    (debs / "partial").mkdir(parents=True, exist_ok=True)
    command = ["apt-get", "install", "--download-only", "--yes", "--no-install-recommends"]
    try:
        done = subprocess.run(
            [*command, "-o", f"Dir::Cache::archives={debs}", *PACKAGES], capture_output=True, text=True, timeout=FETCH_S
        )
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"no container engine runs, and none could be fetched in {FETCH_S} s") from None
    result = sorted(debs.glob("*.deb"))
    if done.returncode != 0 or not result:
        lines = done.stderr.strip().splitlines() or ["apt-get fetched nothing"]
        raise UnavailableError(f"no container engine runs, and none can be fetched: {lines[-1]}")
    for deb in result:
        subprocess.run(["dpkg-deb", "-x", deb, remaining / "root"], check=True)
    programs = remaining / "bin.part"
    programs.mkdir(exist_ok=True)
    for name in ("iptables", "ip6tables"):
        (programs / name).symlink_to("../root/usr/sbin/xtables-nft-multi")
    (programs / "docker-compose").write_text(FROM_DEBIAN)
    (programs / "docker-compose").chmod(0o755)
    programs.rename(remaining / "bin")


def _start(remaining, folder, network, clock=()):
    """A daemon below ``folder``, which the environment names then: on the ``network`` that these words before a command
    choose, with the ``clock`` of these options of `unshare`."""
    os.environ["DOCKER_HOST"] = f"unix://{folder}/engine.sock"
    libraries = remaining / "root" / "usr" / "lib" / "x86_64-linux-gnu"
    options = {
        "--data-root": folder / "data",
        "--exec-root": folder / "exec",
        "--pidfile": folder / "pid",
        "--host": os.environ["DOCKER_HOST"],
    }
    command = ["dockerd", *(str(word) for pair in options.items() for word in pair)]
    with open(folder / "log", "ab") as log:
        daemon = subprocess.Popen(
            [*WITH_US, *network, *NAMESPACES, *clock, "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *command],
            env=os.environ | {"LD_LIBRARY_PATH": str(libraries), "XTABLES_LIBDIR": str(libraries / "xtables")},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    until = time.monotonic() + START_S
    while not runs():
        if daemon.poll() is not None or time.monotonic() > until:
            _stop(daemon)
            lines = (folder / "log").read_text().strip().splitlines() or ["it said nothing"]
            raise UnavailableError(f"an engine cannot be started here: {lines[-1]}")
        time.sleep(0.1)
    return daemon


def _stop(daemon):
    """End the daemon in order, then whatever else is in its namespaces."""
    with contextlib.suppress(OSError):
        [child] = Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split()
        os.kill(int(child), signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        daemon.wait(END_S)
    daemon.kill()
    daemon.wait()


def _groups():
    """Folders of control groups, down to those of single containers."""
    root = Path("/sys/fs/cgroup")
    return {path for depth in ("*", "*/*", "*/*/*") for path in root.glob(depth) if path.is_dir()}


def machine():
    """What an engine could leave behind on this machine."""
    messages = {
        "links": _interfaces(),
        "mounts": sorted(line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()),
        "forwarding": _lines("/proc/sys/net/ipv4/ip_forward"),
        "groups": sorted(str(path) for path in _groups() if "docker" in path.parts),
        "filters": _lines("/proc/net/ip_tables_names"),
        "processes": sorted(_programs()),
    }
    return messages


def _interfaces():
    return [path.name for path in Path("/sys/class/net").iterdir()]


def _lines(path):
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def _programs():
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            name = (process / "comm").read_text().strip()
            if name.startswith(("dockerd", "containerd", "docker-", "runc")):
                yield f"{process.name} {name}"


def docker(*arguments: str, code: int = 0) -> str:
    """What ``docker`` prints, which must end with ``code``."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def build_base(folder: Path) -> str:
    """A base image without a registry of images; its name. `UnavailableError` if none of it can be run."""
    tar = folder / "base.tar"
    try:
        base_image.write(tar)
    except (OSError, subprocess.CalledProcessError) as error:
        raise UnavailableError(f"no base image can be made of this host's packages: {error}") from None
    docker("import", str(tar), BASE)
    tar.unlink()
    tried = subprocess.run(
        ["docker", "run", "--rm", "--network", "none", BASE, "python3", "--version"],
        capture_output=True,
        text=True,
        check=False,
    )
    if tried.returncode != 0:
        lines = tried.stderr.strip().splitlines() or ["it failed without a word"]
        raise UnavailableError(f"an engine runs, but no container of this host's Python: {lines[-1]}")
    return BASE


def build(root: Path, target: str, name: str, *more: str) -> None:
    """The image of ``target``, built without a network; of a build that fails no container stays."""
    options = ("--quiet", "--force-rm", "--network", "none", "--build-arg", f"BASE={BASE}", "--target", target, *more)
    docker("build", *options, "--tag", name, "--file", str(root / "compose" / "Dockerfile"), str(root))


def fill_wheelhouse(root: Path, *, torch: bool = False) -> None:
    """The packages that images are built from; raises `UnavailableError` where they cannot be had."""
    folder = root / "build" / "wheelhouse"
    if any(folder.glob("torch-*.whl" if torch else "pyzmq-*.whl")):
        return
    done = subprocess.run(
        ["make", "-o", "install", "wheelhouse", f"VENV={Path(sys.prefix)}", f"TORCH={'1' if torch else ''}"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["make wheelhouse failed"]
        raise UnavailableError(f"no wheelhouse: {lines[-1]}")
