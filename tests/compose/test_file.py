"""The file for Compose: the shipped one is what the command makes, nothing in it is a secret or a privilege."""

import re
from pathlib import Path

import pytest
import yaml

from testbed.cli.main import main
from testbed.compose.file import limited
from testbed.hosts.containers import RECORDER
from testbed.scenario.schema import ContainerLimits
from tests.command import ROOT, call

SHIPPED = ROOT / "compose" / "compose.yaml"
ASIDE = {"watch", "prometheus", "grafana"}


def compose_file(capsys, *arguments):
    assert main(["compose", *arguments]) == 0
    text = capsys.readouterr().out
    return text, yaml.safe_load(text)


def members(services):
    return {name: one for name, one in services.items() if name not in ASIDE}


def test_the_shipped_file_is_what_the_command_in_it_makes(monkeypatch, tmp_path):
    made_by = re.search(r"Made by `testbed (.*?)`", SHIPPED.read_text())
    assert made_by is not None
    command = made_by[1].split()
    remaining = SHIPPED.read_text()
    assert command == ["compose", "region", "-o", "compose/compose.yaml"]
    monkeypatch.chdir(ROOT)
    try:
        assert main(command) == 0
        assert SHIPPED.read_text() == remaining, "run: testbed compose region -o compose/compose.yaml"
    finally:
        SHIPPED.write_text(remaining)


def test_each_process_of_a_run_has_a_container_of_its_name(capsys):
    _, result = compose_file(capsys, "region")
    ues = {f"ue-{cell}-{ue}" for cell in (1, 2, 3) for ue in range(1, 6)}
    assert set(members(result["services"])) == ues | {"es-1", "es-2", "es-3", "controller", RECORDER}
    assert all(one["container_name"] == name for name, one in members(result["services"]).items())


def test_containers_have_no_privileges_and_reach_nobody_else(capsys):
    _, result = compose_file(capsys, "region")
    assert result["networks"]["run"]["internal"] is True
    users = [one["user"] for name, one in members(result["services"]).items() if name != RECORDER]
    assert len(set(users)) == len(users) and not any(user.startswith("0:") for user in users)
    for name, one in members(result["services"]).items():
        assert one["cap_drop"] == ["ALL"] and one["read_only"] and list(one["networks"]) == ["run"], name
        assert one["security_opt"] == ["no-new-privileges:true"] and "ports" not in one and "environment" not in one
        assert not any("docker.sock" in volume for volume in one["volumes"])
    added = {name for name, one in result["services"].items() if "cap_add" in one}
    assert added == {RECORDER, "watch"}


def test_addresses_are_fixed_and_apart_from_those_that_an_engine_hands_out(capsys):
    _, result = compose_file(capsys, "region", "--set", "cells=[{ues: 500}]", "--slots", "3")
    [config] = result["networks"]["run"]["ipam"]["config"]
    addresses = [one["networks"]["run"]["ipv4_address"] for one in members(result["services"]).values()]
    assert len(set(addresses)) == len(addresses)
    numbers = [int(address.rpartition(".")[2]) for address in addresses]
    assert config["ip_range"].endswith(".128/25") and min(numbers) >= 2 and max(numbers) < 128


def test_agents_start_when_the_recorder_is_healthy_and_only_it_is_asked(capsys):
    _, result = compose_file(capsys, "region")
    asked = {name for name, one in result["services"].items() if "healthcheck" in one}
    assert asked == {RECORDER}
    for name, one in members(result["services"]).items():
        if name != RECORDER:
            assert one["depends_on"] == {RECORDER: {"condition": "service_healthy"}}


def test_limits_of_the_scenario_are_those_of_the_containers(capsys):
    limits = "emulation.limits={es: {cpu: 0.5, memory: 64 MB}, ue: {cpu: 0.05}}"
    _, result = compose_file(capsys, "region", "--set", limits)
    es, ue, controller = (result["services"][name] for name in ("es-1", "ue-1-1", "controller"))
    assert (es["cpu_quota"] / es["cpu_period"], es["mem_limit"]) == (0.5, 64_000_000)
    assert ue["cpu_quota"] / ue["cpu_period"] == 0.05 and "mem_limit" not in ue
    assert "cpu_quota" not in controller


@pytest.mark.parametrize("cpu", [0.01, 0.1, 0.3, 1.0, 7.5])
def test_quotas_are_such_as_the_kernel_takes_and_stop_a_loop_for_no_longer_than_they_must(cpu):
    result = limited(ContainerLimits(cpu=cpu), 1)
    assert result["cpu_quota"] >= 1000 and 1000 <= result["cpu_period"] <= 1_000_000
    assert result["cpu_quota"] / result["cpu_period"] == pytest.approx(cpu)
    assert result["cpu_period"] == max(10_000, round(1000 / cpu))


def test_a_scenario_of_ones_own_is_mounted_and_options_are_passed_on(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "town.yaml").write_text("cells: [{ues: 2}]\n")
    text, result = compose_file(capsys, "mine/town.yaml", "--policy", "lc", "--slots", "9", "--set", "density=0.5")
    recorder = result["services"][RECORDER]
    assert {"type": "bind", "source": "./mine", "target": "/data/scenario", "read_only": True} in recorder["volumes"]
    assert recorder["command"][:2] == ["run", "/data/scenario/town.yaml"]
    for option in (["--policy", "lc"], ["--slots", "9"], ["--set=density=0.5"]):
        assert " ".join(option) in " ".join(recorder["command"])
    assert "testbed compose mine/town.yaml" in text


def test_many_ues_share_containers(capsys):
    _, result = compose_file(capsys, "region", "--set", "cells=[{ues: 500}]", "--slots", "3")
    assert len(members(result["services"])) <= 101


def test_a_policy_of_ones_own_code_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "mine.py").write_text("class P:\n    def decide(self, cell, rng):\n        return {}\n")
    result = call("compose", "smoke", "--policy", "mine:P", cwd=tmp_path, code=2)
    assert "without containers" in result.stderr and "code of users" in result.stderr


@pytest.mark.parametrize("name", ["tuned.json", "a/b$c: d/tuned.json"])
def test_a_checkpoint_is_mounted_to_be_read_where_the_record_names_it(capsys, monkeypatch, tmp_path, name):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('{"policy": "priced", "beta": 0.1, "beta0": 0.0}')
    for arguments, inside in (
        (name, f"/data/{name}"),
        (str(file), str(file)),
        (f"../{tmp_path.name}/{name}", str(file)),
    ):
        _, result = compose_file(capsys, "smoke", "--policy", f"priced-do:{arguments}")
        [mount] = [one for one in result["services"][RECORDER]["volumes"] if isinstance(one, dict)]
        assert mount["type"] == "bind" and mount["read_only"] is True
        assert mount["target"] == inside.replace("$", "$$")
        source = mount["source"].replace("$$", "$")
        assert source.startswith(".") and (tmp_path / source).samefile(file)
        command = result["services"][RECORDER]["command"]
        named = command[command.index("--policy") + 1].replace("$$", "$").removeprefix("priced-do:")
        assert str(Path("/data") / named) == inside


@pytest.mark.parametrize("policy", ["priced-do:nowhere.json", "a3c:nowhere.npz", "lc:x", "priced"])
def test_a_checkpoint_that_is_not_there_is_told_before_anything_starts(tmp_path, policy):
    result = call("run", "smoke", "--backend", "compose", "--policy", policy, cwd=tmp_path, code=2)
    assert policy.partition(":")[0] in result.stderr and not (tmp_path / "runs").exists()


def test_a_run_that_learns_has_images_with_torch_of_their_own(capsys):
    asked = ("--policy", "a3c-do", "--learn", "--workers", "2", "--mode", "a3c")
    _, result = compose_file(capsys, "region", *asked)
    _, plain = compose_file(capsys, "region")
    services = result["services"]
    command = " ".join(services[RECORDER]["command"])
    assert "--learn" in command and "--workers 2" in command and "--mode a3c" in command
    for name in (RECORDER, "controller", "watch"):
        assert (
            "testbed-learning:" in services[name]["image"] and "testbed-controller:" in plain["services"][name]["image"]
        )
    assert services["controller"]["build"]["args"]["TORCH"] == "1"
    assert "TORCH" not in plain["services"]["controller"]["build"]["args"]
    assert "testbed-agent:" in services["es-1"]["image"]
    assert services["controller"]["pids_limit"] > plain["services"]["controller"]["pids_limit"]


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (("--learn",), "cannot learn in a run"),
        (("--mode", "a3c"), "--learn"),
        (("--policy", "a3c-do", "--learn", "--workers", "7"), "at most --workers 1"),
        (("--policy", "a3c-do", "--learn", "--set", "agent.epoch=arrival"), "agent.epoch"),
    ],
)
def test_what_cannot_learn_is_told_before_anything_starts(tmp_path, asked, why):
    result = call("up", "smoke", *asked, cwd=tmp_path, code=None)
    assert result.returncode == 2 and why in result.stderr and not (tmp_path / "runs").exists()


def test_every_stage_that_fetches_packages_knows_the_mirror():
    """An argument of a stage is not one of the stages that are made from it."""
    stages = re.split(r"^FROM ", (ROOT / "compose" / "Dockerfile").read_text(), flags=re.MULTILINE)
    fetching = [stage for stage in stages if "install.sh /" in stage]
    assert len(fetching) == 3 and all("ARG PIP_INDEX_URL=" in stage for stage in fetching)
    assert "PIP_INDEX_URL" in yaml.safe_load(SHIPPED.read_text())["services"]["controller"]["build"]["args"]


def test_each_image_is_built_by_one_agent_or_by_what_runs_the_controllers(capsys):
    """Compose v2 sends the context once for each service that says how to build; the others pull nothing meanwhile."""
    services = compose_file(capsys, "region")[1]["services"]
    building = {name for name, one in services.items() if "build" in one}
    assert building == {RECORDER, "controller", "es-1"}
    assert services["es-1"]["build"]["target"] == "agent" and services["es-1"]["image"] == services["ue-3-5"]["image"]
    assert all(one["pull_policy"] == "never" for name, one in members(services).items() if name not in building)
