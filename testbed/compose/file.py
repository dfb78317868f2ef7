"""The file that describes a run's containers to Compose, v2 and 1.29 alike (pure).

Every container is the project's own image: no privileges, a read-only root, an internal network. Each UE and ES has its
own user, by which the kernel tells the recorder who reports to it; secrets pass over that socket and lie in no file.
"""

import json
from collections.abc import Mapping, Sequence

import msgspec

from testbed.hosts.containers import RECORDER, UE_ROLES, containers_of, host_numbers_of, users_of
from testbed.model.system import CONTROLLER
from testbed.protocol.placement import Processes
from testbed.scenario.schema import ContainerLimits, LimitsSection

_FOLDER, SOCKET = "/run/testbed", "/run/testbed/agents"
DATA_PATH, _RUNS, SCENARIO_PATH = "/data", "/data/runs", "/data/scenario"
LEARNING_IMAGE = "learning"
_BASE, METRICS_PORT, PIDS = "python:3.11-slim-bookworm", 9464, 64
LEAST_PERIOD_US, LEAST_QUOTA_US = 10_000, 1_000
TASKS_BESIDE = 16
NETWORK_PREFIX = "${TESTBED_NETWORK:-10.213.7}"
AGENT_ENTRY = "    entrypoint: [python3, -m, testbed.hosts]\n"
NEVER_PULLED = (
    "  pull_policy: never # but built by the first that has it: Compose v2 builds once for each that says how\n"
)

TOP_OF_FILE = """\
# {about}
# Made by `{command}`; change the scenario and make it again rather than changing this file.
#
#   docker compose -f {file} up --build --exit-code-from recorder   runs it; ends with the summary
#   docker compose -f {file} down --volumes                         removes what is left of it
#   docker compose -f {file} run --rm watch                         the screen, while it runs
#   docker compose -f {file} --profile observe up                   with Prometheus and Grafana, http://localhost:3000
#
# `testbed up`, `testbed run --backend compose` and `testbed down` do the same. The record goes to {runs}.

x-container: &container
  init: true
  read_only: true
  cap_drop: [ALL]
  security_opt: ["no-new-privileges:true"]
  stop_grace_period: 2s

x-agent: &agent
  <<: *container
  image: {agent_image}
{never_pulled}  command: [--join, {socket}, --folder, /tmp/run, --outlast]
  volumes: ["control:{folder}:ro"]
  tmpfs: [/tmp]
  depends_on: {{{recorder}: {{condition: service_healthy}}}}

"""

RECORDER_SERVICE = """\
services:
  # Starts the processes of the run, records what they tell, prints the summary; its exit code is the run's.
  {recorder}:
    <<: *container
    image: {controller_image}
{controller_build}    container_name: {recorder}
    hostname: {recorder}
    networks: {{run: {{ipv4_address: "{recorder_address}"}}}}
    user: "0:0" # until it has become the owner of this folder, to whom the record shall belong
    cap_add: [CHOWN, SETGID, SETUID]
    entrypoint: [python3, /opt/as_owner.py, /data/owner, {runs_inside}, python3, -m, testbed]
    command: {command}
    volumes:
      - "control:{folder}"
      - "{runs}:{runs_inside}"
      - ".:/data/owner:ro"
{read_only_mounts}    tmpfs: [/tmp]
    healthcheck: {{test: [CMD, test, -S, {socket}], interval: 2s, timeout: 5s, retries: 60}}
    stop_grace_period: 20s
"""

REST_OF_FILE = """
  # docker compose run --rm watch
  watch:
    <<: *container
    profiles: [watch]
    network_mode: none
    image: {controller_image}
    user: "0:0"
    cap_add: [CHOWN, SETGID, SETUID]
    entrypoint: [python3, /opt/as_owner.py, /data/owner, {runs_inside}, python3, -m, testbed]
    command: [watch]
    volumes: ["{runs}:{runs_inside}", ".:/data/owner:ro"]
    tmpfs: [/tmp]
    tty: true
    stdin_open: true

  prometheus:
    profiles: [observe]
    image: prom/prometheus:v3.5.0
    networks: [run]
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    tmpfs: [/prometheus]
    command: [--config.file=/etc/prometheus/prometheus.yaml, --storage.tsdb.path=/prometheus]
    user: "65534:65534"
    volumes: ["{observe}/prometheus.yaml:/etc/prometheus/prometheus.yaml:ro"]

  grafana:
    profiles: [observe]
    image: grafana/grafana:12.1.1
    networks: [run, front]
    ports: ["127.0.0.1:3000:3000"]
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    environment: {{GF_AUTH_ANONYMOUS_ENABLED: "true", GF_ANALYTICS_REPORTING_ENABLED: "false"}}
    volumes:
      - "{observe}/grafana/provisioning:/etc/grafana/provisioning:ro"
      - "{observe}/grafana/dashboards:/var/lib/grafana/dashboards:ro"

networks:
  # What is not of the run gets its address from the upper half.
  run: {{internal: true, ipam: {{config: [{{subnet: "{network}.0/24", ip_range: "{network}.128/25"}}]}}}}
  front: {{}}

volumes:
  control: {{driver_opts: {{type: tmpfs, device: tmpfs, o: "size=1m,mode=1777"}}}}
"""


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What the file of a run says beside its containers: what stands on top, the ``command`` by which it was made, its
    own path and paths from its folder, the verb and arguments of the recorder; ``context`` is where images are built
    from, "" if they are there already. The recorder can read what is at the paths of ``read_only``, each by where it
    finds that. The image of a run that ``learns`` has torch."""

    about: str
    command: str
    file: str
    runs: str
    arguments: Sequence[str]
    version: str
    context: str = ""
    read_only: Mapping[str, str] = {}
    observe: str = "./observe"
    learns: bool = False


def compose_file(processes: Processes, limits: LimitsSection, shape: Shape) -> str:
    """The whole file for a run of ``processes``."""
    containers = containers_of(processes)
    numbers = host_numbers_of(containers)
    agent_image, controller_image = (_image(kind, shape.version) for kind in image_kinds(learns=shape.learns))
    words = {
        **msgspec.structs.asdict(shape),
        "agent_image": agent_image,
        "controller_image": controller_image,
        "never_pulled": NEVER_PULLED if shape.context else "",
        "controller_build": _build(shape, "controller", 4),
        "socket": SOCKET,
        "folder": _FOLDER,
        "recorder": RECORDER,
        "recorder_address": f"{NETWORK_PREFIX}.{numbers[RECORDER]}",
        "network": NETWORK_PREFIX,
        "runs_inside": _RUNS,
        "read_only_mounts": "".join(f"      - {_mounted(*one)}\n" for one in shape.read_only.items()),
    }
    recorder = RECORDER_SERVICE.format_map({**words, "command": _quoted(list(shape.arguments))})
    users = users_of(containers)
    services = []
    first = next(name for name in containers if name != CONTROLLER)
    for name, inside in containers.items():
        role, _ = processes[inside[0]]
        limit = limits.controller if name == CONTROLLER else limits.ue if role in UE_ROLES else limits.es
        own = _build(shape, "agent", 4) if name == first else ""
        if name == CONTROLLER:
            own = f"    image: {controller_image}\n{words['controller_build']}{AGENT_ENTRY}"
        services.append(_service(name, numbers[name], users[name], own, limited(limit, len(inside))))
    return "\n".join([TOP_OF_FILE.format_map(words) + recorder, "\n".join(services) + REST_OF_FILE.format_map(words)])


def image_kinds(*, learns: bool) -> tuple[str, str]:
    """The kinds of image of a run: of its agents, and of its controller and recorder."""
    return "agent", LEARNING_IMAGE if learns else "controller"


def _image(kind: str, version: str) -> str:
    return f"${{TESTBED_{kind.upper()}_IMAGE:-testbed-{kind}:{version}}}"


def _quoted(value: object) -> str:
    """``value`` as YAML in which Compose replaces nothing."""
    return json.dumps(value).replace("$", "$$")


def _mounted(target: str, source: str) -> str:
    """A file or folder of the host, only to be read; of the form in which a path may have any character."""
    return f"{{type: bind, source: {_quoted(source)}, target: {_quoted(target)}, read_only: true}}"


def _build(shape: Shape, target: str, indent: int) -> str:
    """The line that says how an image is built."""
    if not shape.context:
        return ""
    torch = ', TORCH: "1"' if target == "controller" and shape.learns else ""
    arguments = f'{{BASE: "${{TESTBED_BASE:-{_BASE}}}", PIP_INDEX_URL: "${{PIP_INDEX_URL:-}}"{torch}}}'
    built = (
        f"{{context: {_quoted(shape.context)}, dockerfile: compose/Dockerfile, target: {target}, args: {arguments}}}"
    )
    return f"{' ' * indent}build: {built}\n"


def _service(name: str, number: int, user: int, own: str, limits: Mapping[str, object]) -> str:
    """One container of the run; ``own`` are lines that only it has."""
    head = f"  {name}:\n    <<: *agent\n    container_name: {name}\n    hostname: {name}\n"
    head += f'    networks: {{run: {{ipv4_address: "{NETWORK_PREFIX}.{number}"}}}}\n'
    return f'{head}    user: "{user}:{user}"\n{own}' + "".join(f"    {key}: {value}\n" for key, value in limits.items())


def limited(limit: ContainerLimits, processes: int) -> Mapping[str, int]:
    """The limits of a container of ``processes``, as Compose has them.

    A quota stops message loops too: of a short period it stops them for a shorter time.
    """
    limits = {"pids_limit": PIDS + TASKS_BESIDE * processes}
    if limit.cpu > 0.0:
        cores = limit.cpu * processes
        period = max(LEAST_PERIOD_US, round(LEAST_QUOTA_US / cores))
        limits |= {"cpu_period": period, "cpu_quota": max(LEAST_QUOTA_US, round(period * cores))}
    if limit.memory_bits > 0:
        limits["mem_limit"] = limit.memory_bits // 8 * processes
    return limits
