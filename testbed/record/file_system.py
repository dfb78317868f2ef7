"""Which kind of file system a file lies on."""

from pathlib import Path

import psutil

# Kinds that other hosts write too. SQLite's write-ahead log needs memory that all who have the file open share.
NETWORKED = (
    "nfs",
    "cifs",
    "smb",
    "9p",
    "afs",
    "ceph",
    "lustre",
    "gpfs",
    "beegfs",
    "glusterfs",
    "fuse.sshfs",
    "fuse.gluster",
)


def is_networked(path: Path) -> bool:
    """Whether ``path`` lies on a file system that comes over a network, such as a home on NFS."""
    mounts = {Path(one.mountpoint): one.fstype for one in psutil.disk_partitions(all=True)}
    here = path.resolve()
    kind = next((mounts[place] for place in (here, *here.parents) if place in mounts), "")
    return kind.startswith(NETWORKED)
