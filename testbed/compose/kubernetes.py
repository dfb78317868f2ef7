"""The manifests of a run on Kubernetes, and the same as a Helm chart (pure).

A StatefulSet of host agents, whose pods have names that stay, spread over the nodes; a job that records; a policy by
which nobody else reaches either; secrets for the keys. Agents and recorder need nothing of the cluster's API.
"""

import base64
import re
from collections.abc import Mapping

from testbed.compose.swarm import (
    AGENT_KEYS,
    DOOR,
    ETC,
    KEPT_RUNS,
    LAUNCHER_KEYS,
    RECORDER_NAME,
    SharedRun,
    agent_words,
    dumped,
    head,
    run_words,
)

AGENTS, RECORDER_POD, RUNS_CLAIM, FILES_MAP = "testbed-agents", "testbed-recorder", "testbed-runs", "testbed-files"
PART_OF = {"app.kubernetes.io/part-of": "testbed"}
NOBODYS_ID, MOST_RUNS = 65534, "5Gi"
Manifest = dict[str, object]


def pod_names(nodes: int) -> list[str]:
    """The names of the agents' pods."""
    return [f"{AGENTS}-{n}" for n in range(nodes)]


def manifests(run: SharedRun, keys: tuple[bytes, bytes]) -> dict[str, str]:
    """The text of each manifest by the name of its file; ``keys`` are the launcher's and the agents'."""
    documents = {
        "secrets.yaml": [_secret("launcher", LAUNCHER_KEYS, keys[0]), _secret("agents", AGENT_KEYS, keys[1])],
        "config.yaml": [_config(run.files)],
        "network.yaml": [_policy(), _service(AGENTS, AGENTS), _service(RECORDER_POD, RECORDER_POD)],
        "agents.yaml": [_agents(run)],
        "recorder.yaml": [_claim(), _recorder(run)],
    }
    top = head(run, "the other manifests; kubectl apply -f . takes all of them")
    return {name: top + "---\n".join(map(dumped, each)) for name, each in documents.items()}


def chart(run: SharedRun, version: str) -> dict[str, str]:
    """The files of a Helm chart by their paths, but for its folder ``files``: keys, and what the recorder reads."""
    templates = {
        "network.yaml": dumped(_policy()) + "---\n" + dumped(_service(AGENTS, AGENTS)),
        "agents.yaml": dumped(_agents(run)),
        "recorder.yaml": dumped(_claim()) + "---\n" + dumped(_recorder(run)),
    }
    templates["network.yaml"] += "---\n" + dumped(_service(RECORDER_POD, RECORDER_POD))
    asked = {
        f"replicas: {run.nodes}\n": "replicas: {{ .Values.nodes }}\n",
        f"image: {run.image}\n": "image: {{ .Values.image | quote }}\n",
        f"cpu: '{run.cores:g}'\n": "cpu: {{ .Values.cores | quote }}\n",
        f"storage: {MOST_RUNS}\n": "storage: {{ .Values.storage }}\n",
    }
    for old, new in asked.items():
        templates = {name: text.replace(old, new) for name, text in templates.items()}
    data = "data:\n"
    secret = data + '  {}: {{{{ .Files.Get "files/{}" | b64enc }}}}\n'
    config = "binaryData:\n" + "".join(
        f'  {_key(n, name)}: {{{{ .Files.Get "files/{name}" | b64enc }}}}\n' for n, name in enumerate(run.files)
    )
    key_files = (("launcher", LAUNCHER_KEYS), ("agents", AGENT_KEYS))
    secrets = [dumped(_named("Secret", f"testbed-{who}")) + secret.format(file, file) for who, file in key_files]
    templates["files.yaml"] = "---\n".join([*secrets, dumped(_named("ConfigMap", FILES_MAP)) + config])
    about = {"apiVersion": "v2", "name": "testbed", "description": run.about, "version": version, "type": "application"}
    values = {"image": run.image, "nodes": run.nodes, "cores": run.cores, "storage": MOST_RUNS}
    texts = {"Chart.yaml": dumped(about), "values.yaml": dumped(values)}
    return texts | {f"templates/{name}": text for name, text in templates.items()}


def _named(kind: str, name: str, api: str = "v1") -> Manifest:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "labels": dict(PART_OF)}}


def _labels(app: str) -> dict[str, str]:
    return {"app": app, **PART_OF}


def _secret(who: str, file: str, content: bytes) -> Manifest:
    return {**_named("Secret", f"testbed-{who}"), "data": {file: base64.b64encode(content).decode()}}


def _key(n: int, name: str) -> str:
    """Under which key the map has the recorder's n-th file: its name, unless that holds what keys may not."""
    return name if re.fullmatch(r"[-._a-zA-Z0-9]+", name) else f"file-{n}"


def _config(files: Mapping[str, bytes]) -> Manifest:
    """Text is written as it is, for whoever changes the manifest; whatever else in base64."""
    text, other = {}, {}
    for n, (name, content) in enumerate(files.items()):
        try:
            text[_key(n, name)] = content.decode()
        except UnicodeDecodeError:
            other[_key(n, name)] = base64.b64encode(content).decode()
    return {**_named("ConfigMap", FILES_MAP), "data": text, **({"binaryData": other} if other else {})}


def _policy() -> Manifest:
    """Only pods of the run reach each other; beyond that they may only ask for names."""
    own = {"podSelector": {"matchLabels": dict(PART_OF)}}
    names = {"ports": [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]}
    spec = {
        "podSelector": {"matchLabels": dict(PART_OF)},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [own]}],
        "egress": [{"to": [own]}, names],
    }
    return {**_named("NetworkPolicy", "testbed", "networking.k8s.io/v1"), "spec": spec}


def _service(name: str, app: str) -> Manifest:
    """A name for pods without an address of its own: processes are reached at those of their pods."""
    spec = {
        "clusterIP": "None",
        "publishNotReadyAddresses": True,
        "selector": {"app": app},
        "ports": [{"name": "door", "port": DOOR}],
    }
    return {**_named("Service", name), "spec": spec}


def _agents(run: SharedRun) -> Manifest:
    volumes = [_kept("keys", "secret", "testbed-agents")]
    mounts: list[Manifest] = [{"name": "keys", "mountPath": ETC, "readOnly": True}]
    container = _container("agent", run, agent_words(RECORDER_POD), mounts)
    container["resources"] = {"requests": {"cpu": f"{run.cores:g}"}}
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": AGENTS}},
    }
    spec = {
        "serviceName": AGENTS,
        "replicas": run.nodes,
        "podManagementPolicy": "Parallel",
        "selector": {"matchLabels": {"app": AGENTS}},
        "template": _pod(AGENTS, container, volumes, {"topologySpreadConstraints": [spread]}),
    }
    return {**_named("StatefulSet", AGENTS, "apps/v1"), "spec": spec}


def _recorder(run: SharedRun) -> Manifest:
    items = [{"key": _key(n, name), "path": name} for n, name in enumerate(run.files)]
    projected: Manifest = {
        "name": "files",
        "projected": {
            "defaultMode": 0o440,
            "sources": [
                {"secret": {"name": "testbed-launcher"}},
                {"configMap": {"name": FILES_MAP, "items": items}},
            ],
        },
    }
    claim: Manifest = {"name": "runs", "persistentVolumeClaim": {"claimName": RUNS_CLAIM}}
    mounts: list[Manifest] = [
        {"name": "files", "mountPath": ETC, "readOnly": True},
        {"name": "runs", "mountPath": KEPT_RUNS},
    ]
    container = _container(RECORDER_NAME, run, ["python3", "-m", "testbed", *run_words(run)], mounts)
    container["workingDir"] = "/data"
    template = _pod(RECORDER_POD, container, [projected, claim], {"restartPolicy": "Never"})
    return {**_named("Job", RECORDER_POD, "batch/v1"), "spec": {"backoffLimit": 0, "template": template}}


def _claim() -> Manifest:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": MOST_RUNS}}}
    return {**_named("PersistentVolumeClaim", RUNS_CLAIM), "spec": spec}


def _kept(name: str, kind: str, source: str) -> Manifest:
    return {"name": name, kind: {"secretName": source, "defaultMode": 0o440}}


def _pod(app: str, container: Manifest, volumes: list[Manifest], more: Manifest) -> Manifest:
    spec = {
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": NOBODYS_ID,
            "runAsGroup": NOBODYS_ID,
            "fsGroup": NOBODYS_ID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [*volumes, {"name": "scratch", "emptyDir": {}}],
        **more,
    }
    return {"metadata": {"labels": _labels(app)}, "spec": spec}


def _container(name: str, run: SharedRun, command: list[str], mounts: list[Manifest]) -> Manifest:
    return {
        "name": name,
        "image": run.image,
        "command": command,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [*mounts, {"name": "scratch", "mountPath": "/tmp"}],
    }
