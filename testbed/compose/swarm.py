"""The stack file of a run over a Docker Swarm: a service of host agents, one task a node, and the recorder (pure)."""

from collections.abc import Mapping, Sequence

import msgspec
import yaml

AGENT, RECORDER_NAME, DOOR = "agent", "recorder", 5550
LAUNCHER_KEYS, AGENT_KEYS = "launcher.keys", "agents.keys"
HOSTS_FILE, SCENARIO_FILE = "hosts.yaml", "scenario.yaml"
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


def hosts_file(cores: float, names: Sequence[str], way: str, service: str) -> str:
    """The file of hosts that the recorder reads: agents called ``names``, with so many ``cores`` each, who call it."""
    lines = [
        "# Change cores to what the nodes have, and add holds: [...] to place cells.",
        f"door: {DOOR}",
        f"secret: {LAUNCHER_KEYS}",
        "hosts:",
    ]
    lines += [f"  - {{name: {name}, cores: {cores:g}, reach: {{{way}: {service}}}}}" for name in names]
    return "\n".join(lines) + "\n"


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
        "hostname": f"{AGENT}-{{{{.Task.Slot}}}}",
        "entrypoint": agent_words(RECORDER_NAME),
        "networks": ["run"],
        "tmpfs": ["/tmp"],
        "secrets": [_mounted("agents", AGENT_KEYS)],
        "deploy": {
            "replicas": run.nodes,
            "endpoint_mode": "dnsrr",
            "placement": {"max_replicas_per_node": 1},
            "restart_policy": {"condition": "any", "delay": "1s"},
        },
    }
    recorder = {
        "image": run.image,
        **hardened,
        "hostname": RECORDER_NAME,
        "entrypoint": ["python3", "-m", "testbed"],
        "command": run_words(run),
        "working_dir": "/data",
        "networks": ["run"],
        "tmpfs": ["/tmp"],
        "volumes": [f"runs:{KEPT_RUNS}"],
        "secrets": [_mounted("launcher", LAUNCHER_KEYS)],
        "configs": [_mounted(source, name) for source, name in configs.items()],
        "deploy": {
            "replicas": 1,
            "endpoint_mode": "dnsrr",
            "placement": {"constraints": ["node.role == manager"]},
            "restart_policy": {"condition": "none"},
        },
    }
    document = {
        "version": "3.9",
        "services": {AGENT: agent, RECORDER_NAME: recorder},
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


def _mounted(source: str, target: str) -> dict[str, object]:
    """A secret or config of the stack, only for the user of the containers."""
    return {"source": source, "target": f"{ETC}/{target}", "uid": "65534", "gid": "65534", "mode": 0o400}
