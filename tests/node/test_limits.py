"""What a process may use: affinity, control groups of both versions, descriptors."""

import os
import resource
import subprocess
import sys
from collections import namedtuple

import psutil
import pytest

from testbed.node import limits
from tests.command import PATIENCE_S, ROOT

V2 = "30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
V1 = """31 30 0:29 {inside} /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct
32 30 0:30 {inside} /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
33 30 0:31 {inside} /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
"""
V1_OWN = "5:cpu,cpuacct:{own}\n4:memory:{own}\n3:pids:{own}\n0::/\n"


@pytest.fixture(name="host")
def _host(tmp_path, monkeypatch):
    """A made-up root folder, on a host of 8 CPUs and 16 GB; a function that fills it."""
    memory = namedtuple("memory", ("total", "available"))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory(16e9, 12e9))
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def fill(mounts, own, files):
        for name, text in {"proc/self/mountinfo": mounts, "proc/self/cgroup": own, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return fill


def test_without_control_groups_only_the_host_counts(host):
    root = host("", "", {})
    result = limits.cores(root), limits.total_memory(root), limits.free_memory(root), limits.free_tasks(root)
    assert result == (8, 16e9, 12e9, float("inf"))


def test_limits_of_version_2_count_from_the_own_group_up(host):
    group = "sys/fs/cgroup/a/b"
    files = {
        "sys/fs/cgroup/a/cpu.max": "150000 100000\n",
        f"{group}/cpu.max": "max 100000\n",
        f"{group}/memory.max": "4000000000\n",
        f"{group}/memory.current": "3000000000\n",
        f"{group}/memory.stat": "anon 5\ninactive_file 1000000000\n",
        f"{group}/pids.max": "100\n",
        f"{group}/pids.current": "30\n",
        "sys/fs/cgroup/a/pids.max": "max\n",
    }
    root = host(V2, "0::/a/b\n", files)
    assert limits.cores(root) == 1.5
    assert (limits.total_memory(root), limits.free_memory(root)) == (4e9, 2e9)
    assert limits.free_tasks(root) == 70


@pytest.mark.parametrize(("inside", "own", "folder"), [("/", "/c", "/c"), ("/c", "/c", ""), ("/x", "/c", "")])
def test_limits_of_version_1_count_whatever_group_a_mount_shows(host, inside, own, folder):
    files = {
        f"sys/fs/cgroup/cpu{folder}/cpu.cfs_quota_us": "50000\n",
        f"sys/fs/cgroup/cpu{folder}/cpu.cfs_period_us": "100000\n",
        f"sys/fs/cgroup/memory{folder}/memory.limit_in_bytes": "2000000000\n",
        f"sys/fs/cgroup/memory{folder}/memory.usage_in_bytes": "500000000\n",
        f"sys/fs/cgroup/pids{folder}/pids.max": "64\n",
        f"sys/fs/cgroup/pids{folder}/pids.current": "4\n",
    }
    root = host(V1.format(inside=inside), V1_OWN.format(own=own), files)
    assert limits.cores(root) == 0.5
    assert limits.free_memory(root) == 1.5e9
    assert limits.free_tasks(root) == 60


def test_no_quota_is_no_limit(host):
    files = {"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"}
    assert limits.cores(host(V1.format(inside="/"), V1_OWN.format(own="/"), files)) == 8
    assert limits.cores(host(V2, "0::/\n", {"sys/fs/cgroup/cpu.max": "nonsense"})) == 8


def in_a_process(code, before):
    """What ``code`` prints in a process that did ``before`` first, so that this one keeps its limits."""
    text = f"import os, resource\n{before}\nfrom testbed.node import limits\n{code}"
    done = subprocess.run([sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_cores_are_those_of_the_affinity():
    one = "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})"
    assert in_a_process("print(limits.cores())", one) == "1"


def test_a_soft_limit_of_descriptors_is_raised_as_far_as_needed():
    low = "resource.setrlimit(resource.RLIMIT_NOFILE, (32, 64))"
    code = "print(limits.may_open(60), limits.may_open(65), resource.getrlimit(resource.RLIMIT_NOFILE))"
    assert in_a_process(code, low) == "True False (60, 64)"


@pytest.mark.parametrize("version", [1, 2])
def test_how_often_a_quota_held_the_process_back_is_read_where_the_tightest_is(host, version):
    stat = "nr_periods 40\nnr_throttled 10\nthrottled_time 5\n"
    if version == 2:
        root = host(
            V2,
            "0::/a/b\n",
            {
                "sys/fs/cgroup/a/cpu.max": "10000 100000\n",
                "sys/fs/cgroup/a/cpu.stat": stat,
                "sys/fs/cgroup/a/b/cpu.max": "50000 100000\n",
                "sys/fs/cgroup/a/b/cpu.stat": "nr_periods 1\nnr_throttled 1\n",
                "sys/fs/cgroup/a/b/memory.max": "64000000\n",
                "sys/fs/cgroup/a/b/memory.peak": "5000000\n",
            },
        )
    else:
        files = {
            "cpu/cpu.cfs_quota_us": "1000\n",
            "cpu/cpu.cfs_period_us": "10000\n",
            "cpu/cpu.stat": stat,
            "memory/memory.limit_in_bytes": "64000000\n",
            "memory/memory.max_usage_in_bytes": "5000000\n",
        }
        files = {f"sys/fs/cgroup/{name}": text for name, text in files.items()}
        root = host(V1.format(inside="/c"), V1_OWN.format(own="/c"), files)
    before = limits.CpuPeriods(0.1, 30, 8)
    assert limits.cpu_periods(root) == limits.CpuPeriods(0.1, 40, 10)
    assert limits.cpu_periods(root).since(before) == limits.CpuPeriods(0.1, 10, 2)
    assert (limits.memory_limit(root), limits.peak_memory(root)) == (64e6, 5e6)


def test_without_limits_there_is_nothing_to_read(host):
    root = host("", "", {})
    assert limits.cpu_periods(root) == limits.CpuPeriods()
    assert (limits.memory_limit(root), limits.peak_memory(root)) == (float("inf"), 0.0)
