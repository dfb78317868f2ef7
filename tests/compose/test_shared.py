"""What is written for Docker Swarm and Kubernetes: read by their own tools where these are there; no secret in it."""

import base64
import shutil
import stat
import subprocess

import numpy as np
import pytest
import yaml

from testbed.cli.main import main
from testbed.hosts.calls import read_keys
from testbed.hosts.hosts_file import KUBERNETES, SWARM, read_hosts
from testbed.policy.checkpoint import load_policy, read, save
from testbed.policy.learned import Learned
from testbed.policy.network import SEQUENTIAL, initial
from testbed.scenario.load import load_scenario, shipped
from tests.command import call

KEYS = ("launcher.keys", "agents.keys")
REQUESTS = shipped()["recorded"].with_name("requests.csv").read_text()


def written(folder, way, *more):
    assert main(["compose", "region", f"--{way}", str(folder), "--nodes", "3", *more]) == 0
    return folder


def documents(folder):
    return [one for path in sorted(folder.glob("*.yaml")) for one in yaml.safe_load_all(path.read_text())]


def of_kind(folder, kind):
    return [one for one in documents(folder) if isinstance(one, dict) and one.get("kind") == kind]


def private(path):
    return stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_stack_has_agents_that_call_a_recorder_that_lists_them(tmp_path):
    folder = written(tmp_path / "s", SWARM, "--slots", "20")
    stack = yaml.safe_load((folder / "stack.yaml").read_text())
    agents = {name: service for name, service in stack["services"].items() if name != "recorder"}
    recorder = stack["services"]["recorder"]
    for n, (name, agent) in enumerate(agents.items()):
        assert agent["hostname"] == name and agent["deploy"]["endpoint_mode"] == "dnsrr"
        assert agent["deploy"]["placement"]["constraints"] == [f"node.labels.testbed-agent == {n + 1}"]
    assert recorder["command"][-2:] == ["--slots", "20"]
    listed = read_hosts(folder / "hosts.yaml")
    assert [host.name for host in listed.hosts] == [host.address for host in listed.hosts] == list(agents)
    assert (
        all(f"recorder:{listed.door}" in agent["entrypoint"] for agent in agents.values())
        and stack["networks"]["run"]["internal"]
    )
    for service in (*agents.values(), recorder):
        assert service["read_only"] and service["cap_drop"] == ["ALL"] and "privileged" not in service
    launcher, callers = (read_keys(folder / name) for name in KEYS)
    assert launcher.secret != callers.secret and all(private(folder / name) for name in KEYS)
    assert launcher.secret not in (folder / "stack.yaml").read_text()


def test_docker_reads_the_stack(tmp_path):
    if shutil.which("docker") is None:
        pytest.skip("there is no command `docker`")
    folder = written(tmp_path / "s", SWARM)
    done = subprocess.run(
        ["docker", "stack", "config", "-c", str(folder / "stack.yaml")], capture_output=True, text=True, check=False
    )
    if "unknown" in done.stderr or "is not a docker command" in done.stderr:
        pytest.skip("this docker has no `stack config`")
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout)["services"].keys() == {"agent-1", "agent-2", "agent-3", "recorder"}


def test_manifests_have_a_set_of_agents_a_job_that_records_and_nobody_else_comes_in(tmp_path):
    folder = written(tmp_path / "k", KUBERNETES)
    [agents], [job], [policy] = (of_kind(folder, kind) for kind in ("StatefulSet", "Job", "NetworkPolicy"))
    assert agents["spec"]["replicas"] == 3 and len(of_kind(folder, "Secret")) == 2
    name = agents["metadata"]["name"]
    [files] = of_kind(folder, "ConfigMap")
    hosts = yaml.safe_load(files["data"]["hosts.yaml"])["hosts"]
    assert [host["name"] for host in hosts] == [f"{name}-{n}" for n in range(3)]
    assert [host["address"] for host in hosts] == [f"{name}-{n}.{agents['spec']['serviceName']}" for n in range(3)]
    for one in (agents, job):
        pod = one["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] and pod["automountServiceAccountToken"] is False
        assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"]
        labels = one["spec"]["template"]["metadata"]["labels"]
        assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    assert policy["spec"]["ingress"] == [{"from": [{"podSelector": policy["spec"]["podSelector"]}]}]
    assert private(folder / "secrets.yaml") and all(private(folder / "chart" / "files" / one) for one in KEYS)


def test_manifests_keep_to_the_schemas_of_kubernetes(tmp_path):
    schemas = pytest.importorskip("kubernetes_validate", reason="pip install kubernetes-validate brings the schemas")
    for one in documents(written(tmp_path / "k", KUBERNETES)):
        schemas.validate(one, schemas.latest_version(), strict=True)


def test_the_chart_asks_its_values_for_what_clusters_differ_in(tmp_path):
    chart = written(tmp_path / "k", KUBERNETES) / "chart"
    values = yaml.safe_load((chart / "values.yaml").read_text())
    templates = "\n".join(path.read_text() for path in (chart / "templates").iterdir())
    assert values["nodes"] == 3
    for name in values:
        assert f".Values.{name}" in templates
    for path in (chart / "files").iterdir():
        assert f'.Files.Get "files/{path.name}"' in templates


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("--nodes", "2"), "--nodes is for --swarm and --kubernetes"),
        (("--swarm", "s", "--nodes", "0"), "a run needs a node"),
        (("--swarm", "s", "-o", "x"), "-o is for a file of Compose"),
        (("--swarm", "s", "--set", "workload.trace=aside.csv"), "aside.csv is not sent"),
        (("--swarm", "s", "--policy", "priced-do:large.json"), "policy/large.json most of them"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path, more, why):
    (tmp_path / "aside.csv").write_text(REQUESTS)
    (tmp_path / "large.json").write_text('{"policy": "priced", "beta": 0.1, "beta0": 0.0}' + " " * 500_000)
    assert why in call("compose", "region", *more, cwd=tmp_path, code=2).stderr
    assert not list((tmp_path / "s").glob("*"))


def test_what_the_scenario_names_and_the_checkpoint_are_sent_at_their_places(tmp_path):
    (tmp_path / "day").mkdir()
    (tmp_path / "day" / "requests.csv").write_text(REQUESTS)
    (tmp_path / "own.yaml").write_text("workload: {trace: day/requests.csv}\nslots: 20\n")
    trained = tmp_path / "trained.npz"
    save(trained, {"parameters": initial(1), "rng": np.zeros(4, np.uint64)}, {"algorithm": "a3c", "head": SEQUENTIAL})
    policy = ("--policy", f"a3c:{trained}")
    folder = tmp_path / "s"
    assert main(["compose", str(tmp_path / "own.yaml"), "--swarm", str(folder), *policy]) == 0
    stack = yaml.safe_load((folder / "stack.yaml").read_text())
    recorder = stack["services"]["recorder"]
    mounted = {one["target"]: folder / stack["configs"][one["source"]]["file"] for one in recorder["configs"]}
    assert mounted["/etc/testbed/day/requests.csv"].read_text() == REQUESTS
    assert recorder["command"][-1] == "a3c:/etc/testbed/policy/trained.npz"
    sent = mounted["/etc/testbed/policy/trained.npz"]
    assert isinstance(load_policy(sent, "a3c"), Learned) and read(sent)[0].keys() == {"parameters"}
    assert load_scenario(folder / "scenario.yaml").workload.trace == str(folder / "day" / "requests.csv")

    cluster = tmp_path / "k"
    assert main(["compose", str(tmp_path / "own.yaml"), "--kubernetes", str(cluster), *policy]) == 0
    [config], [job] = of_kind(cluster, "ConfigMap"), of_kind(cluster, "Job")
    [source] = [one for one in job["spec"]["template"]["spec"]["volumes"] if "projected" in one]
    places = {one["path"]: one["key"] for one in source["projected"]["sources"][1]["configMap"]["items"]}
    assert config["data"][places["day/requests.csv"]] == REQUESTS
    assert base64.b64decode(config["binaryData"][places["policy/trained.npz"]]) == sent.read_bytes()
    assert (cluster / "chart" / "files" / "policy" / "trained.npz").read_bytes() == sent.read_bytes()


def test_helm_renders_the_chart_to_the_same_objects(tmp_path):
    helm = pytest.importorskip("helm_python.chart", reason="pip install helm-python-sdk brings Helm")
    folder = written(tmp_path / "k", KUBERNETES)
    texts = helm.Chart.load(str(folder / "chart")).render().values()
    rendered = [one for text in texts for one in yaml.safe_load_all(text) if one]
    assert helm.lint(str(folder / "chart"))["errors"] == []

    def named(one):
        return one["kind"], one["metadata"]["name"]

    by_name = {named(one): one for one in documents(folder)}
    assert by_name.keys() == {named(one) for one in rendered}
    for one in rendered:
        if one["kind"] != "ConfigMap":  # text there, base64 here
            assert {**one, "data": None} == {**by_name[named(one)], "data": None}
