"""Compose v2 for an engine of the tests' own: plugins of Debian's next release, fetched and unpacked, not installed."""

import os
import shutil
import subprocess

from tests.containers.engine import FETCH_S, UnavailableError

PACKAGES, PLUGINS = ("docker-compose", "docker-buildx"), ("docker-compose", "docker-buildx")
SOURCE = "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main\n"


def is_there():
    """Whether `docker compose` works."""
    process = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    return process.returncode == 0


def provide(cache, folder):
    """Plugins for ``docker`` from what is kept in ``cache``, in the configuration ``folder``; `UnavailableError`."""
    plugins = cache / "plugins"
    if not plugins.is_dir():
        _fetch(cache / "v2", plugins)
    shutil.copytree(plugins, folder / "cli-plugins")
    os.environ["DOCKER_CONFIG"] = str(folder)


def _fetch(folder, plugins):
    """Unpack the packages below ``folder``, and leave those in ``plugins``."""
    for name in ("lists/partial", "archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "sources.list").write_text(SOURCE)
    options = {
        "Dir::State::lists": folder / "lists",
        "Dir::Cache": folder,
        "Dir::Cache::archives": folder / "archives",
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "-",
    }
    apt = ["apt-get", *(word for key, value in options.items() for word in ("-o", f"{key}={value}"))]
    for command in (["update"], ["download", *PACKAGES]):
        try:
            done = subprocess.run([*apt, *command], cwd=folder, capture_output=True, text=True, timeout=FETCH_S)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UnavailableError(f"Compose v2 cannot be fetched: {error}") from None
        if done.returncode != 0:
            raise UnavailableError(f"Compose v2 cannot be fetched: {done.stderr.strip().splitlines()[-1]}")
    for deb in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", deb, folder / "root"], check=True)
    part = plugins.with_suffix(".part")
    part.mkdir(exist_ok=True)
    for name in PLUGINS:
        shutil.copy(folder / "root/usr/libexec/docker/cli-plugins" / name, part)
    part.rename(plugins)
    shutil.rmtree(folder)
