"""Work at a Dask cluster: a real scheduler and workers on this host, which die, differ, or are not there."""

import os
import shutil
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from testbed.analysis import comparison
from testbed.analysis.document import to_json
from testbed.cli.main import main
from testbed.experiments.rounds import Rounds, play_all
from testbed.model.errors import LostError, ScenarioError, StartError, UsageError
from testbed.policy import loading
from testbed.scenario.load import load_scenario
from testbed.workers import cluster as dask
from testbed.workers.build import INSTALLED
from testbed.workers.cluster import connected
from testbed.workers.item import Item
from testbed.workers.materials import Materials, gathered
from testbed.workers.opened import NOTHING
from testbed.workers.seam import in_order
from tests.command import PATIENCE_S, ROOT, call, start
from tests.workers.dask_cluster import Cluster, cluster_of, waits_for

SMALL = ("compare", "region", "--slots", "20", "--seeds", "6", "--policies", "lc,greedy-do")
OWN = """from beside import CHOICE


def decide(cell, rng):
    return {ue.name: CHOICE for ue in cell.ues}
"""


@pytest.fixture(scope="module", name="two")
def _two(tmp_path_factory):
    with cluster_of(tmp_path_factory.mktemp("cluster"), "a", "b") as cluster:
        yield cluster


def test_a_comparison_is_the_same_byte_for_byte(two, tmp_path):
    shapes = (("--json",), ("--sweep", "density=0.4..0.8:2", "--json"), ("--on", "twin", "--plain", "--csv", "out.csv"))
    for shape in shapes:
        found = []
        for where in (("--workers", "1"), ("--cluster", two.address)):
            said = call(*SMALL, *shape, *where, cwd=tmp_path).stdout
            table = tmp_path / "out.csv"
            kept = [line for line in said.splitlines(keepends=True) if not line.startswith("workload ")]
            found.append((kept, table.read_bytes() if table.exists() else b""))
        assert found[0] == found[1]


def test_a_worker_killed_in_mid_run_costs_only_its_piece_of_work(tmp_path):
    scenario, names, seeds = load_scenario("region", ["slots=20"]), ("lc", "greedy-do"), range(7, 27)

    def compared(executor, told):
        rounds = Rounds(names, "sim", told)
        play_all([rounds], [scenario], [seeds], [""], executor)
        return to_json(comparison.compare(rounds.samples))

    with cluster_of(tmp_path / "c", "a", "b") as cluster:

        def kill(text):
            if text.startswith("workload 3 of 20: lc"):
                cluster.kill("a")

        with connected(cluster.address, gathered([scenario], names)) as executor:
            there = compared(executor, kill)
    assert there == compared(None, lambda text: None)


def test_the_work_of_a_worker_killed_by_its_pid_is_done_by_another(two, tmp_path):
    two.add("doomed")
    try:
        todo = [partial(waits_for, tmp_path, number) for number in range(3)]
        with connected(two.address, NOTHING) as executor:
            futures = [executor.submit(work) for work in todo]
            while not (tmp_path / f"at-{two.pid('doomed')}").exists():
                time.sleep(0.01)
            os.kill(two.pid("doomed"), signal.SIGKILL)
            (tmp_path / "go").touch()
            found = [future.result(PATIENCE_S) for future in futures]
    finally:
        (tmp_path / "go").touch()
        two.kill("doomed")
    assert [number for number, _ in found] == [0, 1, 2]
    assert {process for _, process in found} == {two.pid("a"), two.pid("b")}


def test_errors_of_workers_arrive_with_message_and_exit_code(two):
    error = ScenarioError("wrong", "a.yaml", 3, 2, "a: b", 1, "mend it")
    with connected(two.address, NOTHING) as executor, pytest.raises(ScenarioError) as caught:
        list(in_order(executor, [partial(raises, error)]))
    assert (str(caught.value), caught.value.exit_code) == (str(error), 2)


def test_files_are_sent_as_bytes_and_named_in_errors_as_here(two, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "mine.py").write_text(OWN)
    (tmp_path / "own" / "beside.py").write_text("CHOICE = 1\n")
    (tmp_path / "coin.json").write_text('{"policy": "coin", "q": 0.25}')
    table = tmp_path / "tasks.csv"
    table.write_text("time_s,ue,input_bits,cycles,deadline_s\n0.0,ue-1-1,3000000,1000000000,2.0\n")
    scenario = load_scenario("region", ["slots=5", f"workload.trace={table}"])
    names = (f"{tmp_path}/own/mine:decide", f"coin:{tmp_path}/coin.json")
    for name in names:
        loading.load(name)
    materials = gathered([scenario], names)
    with connected(two.address, materials) as executor:
        for path in (table, tmp_path / "coin.json", tmp_path / "own" / "mine.py", tmp_path / "own" / "beside.py"):
            path.unlink()
        (found,) = in_order(executor, [Item(reads, scenario, names)])
        assert all(str(two.folder) in place for place in found[0]) and found[1] == (1, 0.25)
        with pytest.raises(UsageError) as caught:
            list(in_order(executor, [Item(misreads, scenario, names)]))
    assert caught.value.message == f"{table}: not a table" and str(two.folder) not in str(caught.value)


def test_another_source_a_version_or_several_threads_are_refused_by_name(tmp_path):
    changed, older = tmp_path / "changed", tmp_path / "older"
    for name in INSTALLED:
        shutil.copytree(ROOT / name, changed / name, ignore=shutil.ignore_patterns("__pycache__"))
    with (changed / "testbed" / "model" / "delay.py").open("a") as source:
        source.write("# changed\n")
    information = older / "edge_testbed-0.0.9.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: edge-testbed\nVersion: 0.0.9\n")
    (tmp_path / "c").mkdir()
    with Cluster(tmp_path / "c") as cluster:
        cluster.add("changed", paths=[changed])
        assert "source " in refused(cluster)
        cluster.kill("changed")
        cluster.add("older", paths=[older])
        assert "edge-testbed 0.0.9, here 0.1.0" in refused(cluster)
        cluster.kill("older")
        cluster.add("threads", threads=2)
        assert "has 2 threads" in refused(cluster)
        cluster.kill("threads")
        assert "no worker has come" in refused(cluster)
        cluster.add("late")
        with connected(cluster.address, NOTHING) as executor:
            cluster.add("changed", paths=[changed])
            cluster.kill("late")
            with pytest.raises(StartError, match="has another build than this client: source"):
                list(in_order(executor, [os.getpid]))


def refused(cluster: Cluster) -> str:
    with pytest.raises(StartError) as caught, connected(cluster.address, NOTHING):
        pass
    return str(caught.value)


def test_an_interrupt_takes_back_what_was_not_begun(two, tmp_path):
    given = ("compare", "region", "--slots", "60", "--seeds", "400", "--policies", "greedy-do", "--plain")
    process = start(*given, "--cluster", two.address, cwd=tmp_path)
    assert process.stdout is not None
    for _ in range(2):  # the first is told just before its workload counts
        assert process.stdout.readline().startswith("workload ")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130 and "interrupted; compared is what was complete" in err
    assert "Traceback" not in out + err
    with connected(two.address, NOTHING) as executor:  # nobody is at the others
        assert list(in_order(executor, [os.getpid])) in ([two.pid("a")], [two.pid("b")])


def test_a_scheduler_that_ends_is_no_traceback_and_nobody_waits_for_it(tmp_path):
    with cluster_of(tmp_path / "c", "a") as cluster, connected(cluster.address, NOTHING) as executor:
        future = executor.submit(partial(waits_for, tmp_path, 0))
        while not (tmp_path / f"at-{cluster.pid('a')}").exists():
            time.sleep(0.01)
        cluster.kill("scheduler")
        error = future.exception(PATIENCE_S)
        (tmp_path / "go").touch()
    assert isinstance(error, LostError) and "is gone" in error.message


def test_work_without_workers_is_given_up_after_a_while(tmp_path, monkeypatch):
    monkeypatch.setattr(dask, "WORKERLESS_S", 0.0)
    with cluster_of(tmp_path / "c", "a") as cluster, connected(cluster.address, NOTHING) as executor:
        cluster.kill("a")
        with pytest.raises(LostError, match="no worker has been at"):
            list(in_order(executor, [os.getpid]))


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (("--cluster", "localhost"), 2, "is no address"),
        (("--cluster", "tcp://127.0.0.1:1"), 3, "no Dask scheduler answers at tcp://127.0.0.1:1"),
        (("--cluster", "tcp://127.0.0.1:1", "--workers", "2"), 2, "a cluster has the workers that it has"),
        (("--cluster", "tcp://127.0.0.1:1", "--on", "testbed"), 2, "is for sim and twin"),
    ],
)
def test_mistakes_have_a_remedy(monkeypatch, capsys, given, code, said):
    monkeypatch.setattr(dask, "CONNECT_S", 1.0)
    assert main([*SMALL, *given]) == code
    assert said in capsys.readouterr().err


def test_nothing_to_send_is_nothing():
    assert gathered([load_scenario("region")], ["lc", "greedy-do"]) == NOTHING == Materials()


def raises(error):
    raise error


def reads(scenario, names):
    """Where the files are, and what their policies say."""
    own, coin = (cast(Any, loading.load(name)[0]) for name in names)
    assert Path(scenario.workload.trace).read_text().startswith("time_s")
    return [scenario.workload.trace, *names], (own._decider.__globals__["CHOICE"], coin.probability)


def misreads(scenario, names):
    raise UsageError(f"{scenario.workload.trace}: not a table")
