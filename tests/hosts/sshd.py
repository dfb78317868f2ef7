"""An ssh server for tests, on this host's loopback, that lets in this user by a key made for it."""

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.command import PATIENCE_S, ROOT

SEPARATION = Path("/run/sshd")  # a folder that sshd of root wants
SSHD = shutil.which("sshd") or "/usr/sbin/sshd"


def missing() -> str:
    """Why no ssh server can be started here; "" if one can."""
    if shutil.which("ssh") is None or not Path(SSHD).exists():
        return "neither ssh nor sshd may be missing: apt-get install openssh-server"
    if os.getuid() == 0 and not SEPARATION.is_dir():
        try:
            SEPARATION.mkdir(mode=0o755)
        except OSError:
            return f"sshd of root needs {SEPARATION}"
    return ""


@contextlib.contextmanager
def served(folder: Path, before: Sequence[str] = (), address: str = "127.0.0.1") -> Iterator[Path]:
    """Serve at ``address``; yields a configuration for clients that knows the host as ``far``. The command of the
    server is put behind ``before``."""
    folder.mkdir()
    folder.chmod(0o700)
    for name in ("host", "user"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    shutil.copy(folder / "user.pub", folder / "authorized")
    port = _free_port()
    own = f"ListenAddress {address}\nPort {port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\n"
    own += "StrictModes no\nUsePAM no\nPasswordAuthentication no\nPidFile none\nPermitRootLogin prohibit-password\n"
    own += f"SetEnv PYTHONPATH={ROOT}\n"
    (folder / "sshd_config").write_text(own)
    key = (folder / "host.pub").read_text()
    (folder / "known").write_text(f"[{address}]:{port} {key}")
    client = f"Host far\n HostName {address}\n Port {port}\n User {getpass.getuser()}\n IdentityFile {folder}/user\n"
    client += f" UserKnownHostsFile {folder}/known\n IdentitiesOnly yes\n StrictHostKeyChecking yes\n"
    (folder / "config").write_text(client)
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([*before, SSHD, "-D", "-e", "-f", str(folder / "sshd_config")], stderr=log)
    try:
        until = time.monotonic() + PATIENCE_S
        while "listening" not in (folder / "log").read_text():
            assert server.poll() is None and time.monotonic() < until, (folder / "log").read_text()
            time.sleep(0.02)
        yield folder / "config"
    finally:
        (server.kill if before else server.terminate)()  # `unshare --fork` heeds no SIGTERM, and takes its child along
        server.wait()


def python() -> str:
    """The interpreter that whoever logs in has to name."""
    return sys.executable


def _free_port() -> int:
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return int(tried.getsockname()[1])
