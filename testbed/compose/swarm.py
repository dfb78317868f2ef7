"""The stack file of a run over a Docker Swarm: a host agent on each labelled node, and the recorder (pure).

Each agent is a service of its own, so that it has a name by which it is found again at another address.
"""

from collections.abc import Mapping, Sequence

import msgspec
import yaml

AGENT, RECORDER_NAME, LABEL, DOOR = "agent", "recorder", "testbed-agent", 5550
LAUNCHER_KEYS, AGENT_KEYS = "launcher.keys", "agents.keys"
HOSTS_FILE, SCENARIO_FILE = "hosts.yaml", "scenario.yaml"
SCRATCH = {"type": "tmpfs", "target": "/tmp"}  # stacks do not know the key tmpfs
ETC, KEPT_RUNS = "/etc/testbed", "/data/runs"
SHARED_TEXT = """\
# {about}
# Made by `{command}`; beside it lie {files}.
"""


class SharedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run whose agents are of one service or set: by which ``command`` it is described, the ``image`` of all, how
    many ``nodes`` with how many ``cores`` each, the ``arguments`` of `testbed run` but for scenario and hosts, and the
    ``files`` that the recorder reads besides its keys, by their paths below `ETC`."""

    about: str
    command: str
    image: str
    nodes: int
    cores: float
    arguments: Sequence[str]
    files: Mapping[str, bytes]


def head(run: SharedRun, files: str) -> str:
    """The comment on top of what is written for ``run``."""
    return SHARED_TEXT.format(about=run.about, command=run.command, files=files)


def hosts_file(cores: float, way: str, service_of: Mapping[str, str]) -> str:
    """The file of hosts that the recorder reads: agents with so many ``cores`` each, who call it; ``service_of`` has
    the service or set of each by name. They are reached by name, as one that comes back may have another address."""
    lines = [
        "# Change cores to what the nodes have, and add holds: [...] to place cells.",
        f"door: {DOOR}",
        f"secret: {LAUNCHER_KEYS}",
        "hosts:",
    ]
    for name, service in service_of.items():
        address = name if name == service else f"{name}.{service}"
        lines.append(f"  - {{name: {name}, address: {address}, cores: {cores:g}, reach: {{{way}: {service}}}}}")
    return "\n".join(lines) + "\n"


def agent_names(nodes: int) -> list[str]:
    """The names of the agents, of their services and of their containers; the n-th is at the node with label n."""
    return [f"{AGENT}-{n + 1}" for n in range(nodes)]


def run_words(run: SharedRun) -> list[str]:
    """The recorder's command, after `testbed`."""
    return ["run", f"{ETC}/{SCENARIO_FILE}", "--hosts", f"{ETC}/{HOSTS_FILE}", "--plain", *run.arguments]


def agent_words(launcher: str) -> list[str]:
    """The command of an agent that calls ``launcher``; its name is its host name."""
    return ["python3", "-m", "testbed.hosts", "--call", f"{launcher}:{DOOR}", "--keys", f"{ETC}/{AGENT_KEYS}"]


def stack_file(run: SharedRun) -> str:
    """The stack: `docker stack deploy` takes it as it is."""
    configs = {f"file-{n}": name for n, name in enumerate(run.files)}
    hardened = {"read_only": True, "init": True, "cap_drop": ["ALL"], "user": "65534:65534"}
    agent = {
        "image": run.image,
        **hardened,
        "entrypoint": agent_words(RECORDER_NAME),
        "networks": ["run"],
        "volumes": [SCRATCH],
        "secrets": [_mounted("agents", AGENT_KEYS)],
    }
    agents = {
        name: {**agent, "hostname": name, "deploy": _deployed(f"node.labels.{LABEL} == {n + 1}", "any")}
        for n, name in enumerate(agent_names(run.nodes))
    }
    recorder = {
        "image": run.image,
        **hardened,
        "hostname": RECORDER_NAME,
        "entrypoint": ["python3", "-m", "testbed"],
        "command": run_words(run),
        "working_dir": "/data",
        "networks": ["run"],
        "volumes": [SCRATCH, f"runs:{KEPT_RUNS}"],
        "secrets": [_mounted("launcher", LAUNCHER_KEYS)],
        "configs": [_mounted(source, name) for source, name in configs.items()],
        "deploy": _deployed("node.role == manager", "none"),
    }
    document = {
        "version": "3.9",
        "services": {**agents, RECORDER_NAME: recorder},
        "networks": {"run": {"driver": "overlay", "internal": True}},
        "volumes": {"runs": {}},
        "secrets": {"agents": {"file": f"./{AGENT_KEYS}"}, "launcher": {"file": f"./{LAUNCHER_KEYS}"}},
        "configs": {source: {"file": f"./{name}"} for source, name in configs.items()},
    }
    return (
        head(run, f"{', '.join(run.files)} and two files of keys")
        + "# docker stack deploy -c stack.yaml testbed\n"
        + dumped(document)
    )


def dumped(document: object) -> str:
    """``document`` as YAML, in its own order; Compose and Kubernetes both read it."""
    return str(yaml.dump(document, Dumper=_Written, sort_keys=False, width=110))


def _lines(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """A text of several lines line by line."""
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, "|" if "\n" in text else None)


class _Written(yaml.SafeDumper):
    """Writes out what is the same in several places, as its readers expect, and texts so that they can be changed."""

    def ignore_aliases(self, data: object) -> bool:
        """See `yaml.representer.BaseRepresenter`."""
        return True


_Written.add_representer(str, _lines)


def _deployed(where: str, restart: str) -> dict[str, object]:
    """How a service's one container is placed, and on which end of it another one comes; its name is its address."""
    return {
        "replicas": 1,
        "endpoint_mode": "dnsrr",
        "placement": {"constraints": [where]},
        "restart_policy": {"condition": restart, "delay": "1s"},
    }


def _mounted(source: str, target: str) -> dict[str, object]:
    """A secret or config of the stack, only for the user of the containers."""
    return {"source": source, "target": f"{ETC}/{target}", "uid": "65534", "gid": "65534", "mode": 0o400}
