"""A base image without a registry of images: a tar of this host's own Debian packages of Python 3.11.

``python -m tests.containers.base_image FILE`` writes it, to be had by ``docker import FILE NAME``.
"""

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

PACKAGES = (
    "base-files",
    "bash",
    "coreutils",
    "dash",
    "dpkg",
    "libc-bin",
    "libpython3.11-stdlib",
    "libstdc++6",
    "python3-minimal",
    "python3.11",
    "python3.11-minimal",
    "tzdata",
)
LINKS = ("bin", "lib", "lib64", "sbin")
LEFT_OUT = ("/usr/share/doc/", "/usr/share/man/", "/usr/share/locale/", "/usr/share/info/", "/usr/share/lintian/")
EMPTY = ("dev", "etc", "home", "mnt", "proc", "root", "run", "sys", "tmp", "var/lib", "var/tmp")
MADE = {*LINKS, *EMPTY, "etc/passwd", "etc/group"}
USERS = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
OPTIONS = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")


def closure():
    """`PACKAGES` and what they depend on, as far as it is installed."""
    command = ["apt-cache", "depends", "--recurse", "--installed", *(f"--no-{option}" for option in OPTIONS), *PACKAGES]
    messages = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return sorted({line for line in messages.splitlines() if line[:1].isalnum()} | set(PACKAGES))


def files():
    """The files of these packages, by where they really lie."""
    messages = subprocess.run(["dpkg", "-L", *closure()], capture_output=True, text=True, check=False).stdout
    names = set()
    for line in messages.splitlines():
        if line.startswith("/") and not line.startswith(LEFT_OUT):
            path = Path(os.path.realpath(os.path.dirname(line))) / os.path.basename(line)
            if str(path).strip("/") not in MADE and (path.is_symlink() or path.is_file()):
                names.add(path)
    return sorted(names)


def write(target):
    """Write the image's files to the tar ``target``."""
    with tarfile.open(target, "w", dereference=False) as tar:
        for name in LINKS:
            link = tarfile.TarInfo(name)
            link.type, link.linkname, link.mode = tarfile.SYMTYPE, f"usr/{name}", 0o777
            tar.addfile(link)
        for name in EMPTY:
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o1777 if name.endswith("tmp") else 0o755
            tar.addfile(folder)
        for path in files():
            info = tar.gettarinfo(path, str(path).lstrip("/"))
            if info.type == tarfile.LNKTYPE:  # a hard link to what may be left out
                info.type, info.size = tarfile.REGTYPE, path.stat().st_size
            if info.isreg():
                with open(path, "rb") as file:
                    tar.addfile(info, file)
            else:
                tar.addfile(info)
        for name, text in (("etc/passwd", USERS), ("etc/group", "root:x:0:\nnogroup:x:65534:\n")):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(text), 0o644
            tar.addfile(info, io.BytesIO(text.encode()))


if __name__ == "__main__":
    write(sys.argv[1])
