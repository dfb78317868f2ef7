"""A comparison over two hosts, which are network namespaces, while a worker on one of them is killed."""

import pytest

from testbed.cli.main import main
from testbed.cli.progress import ProgressDisplay
from tests.workers import namespaces
from tests.workers.dask_cluster import Cluster

FORTY_RUNS = ("compare", "region", "--slots", "30", "--policies", "lc,greedy-do", "--seeds", "20", "--json")


@pytest.mark.skipif(not namespaces.possible(), reason="network namespaces need root and `ip netns`")
def test_forty_runs_over_two_hosts_are_the_same_byte_for_byte_though_a_worker_is_killed(tmp_path, monkeypatch, capfd):
    assert main([*FORTY_RUNS, "--workers", "1"]) == 0
    here = capfd.readouterr().out
    told = ProgressDisplay.__call__
    with namespaces.hosts(2) as (address, hosts), Cluster(tmp_path, f"tcp://{address}") as cluster:
        for host in hosts:
            for core in "ab":
                cluster.add(f"{host}{core}", before=("ip", "netns", "exec", host))
        killed = f"{hosts[0]}a"

        def kill(display, text, *share, **more):
            if text == "workload 4 of 20: lc":
                cluster.kill(killed)
            told(display, text, *share, **more)

        monkeypatch.setattr(ProgressDisplay, "__call__", kill)
        assert main([*FORTY_RUNS, "--cluster", cluster.address]) == 0
        assert not cluster.is_there(killed)
    assert capfd.readouterr().out == here
