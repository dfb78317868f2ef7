"""The file of hosts: what it may say, and where a mistake in it is told to be."""

import pytest

from testbed.hosts.hosts_file import COMMAND, DOCKER, KUBERNETES, SSH, SWARM, THIS_HOST, parse_hosts
from testbed.model.errors import ScenarioError

WHOLE = """\
launcher: 10.0.0.1
first_port: 24000
secret: launcher.key
hosts:
  - {name: here, address: 10.0.0.1, cores: 4, holds: [controller]}
  - {name: lab-2, address: 10.0.0.2, cores: 16, link: 1 Gbit/s, reach: {ssh: me@lab-2, python: ~/t/python}}
  - {name: lab-3, address: 10.0.0.3, cores: 8, reach: {docker: lab-3}}
  - {name: isle, address: 10.0.0.4, cores: 1, reach: {command: [ip, netns, exec, isle]}}
  - {name: task, cores: 2, reach: {swarm: node-1}}
  - {name: pod, cores: 2, reach: {kubernetes: agent-0}}
"""


def test_each_way_to_a_host_is_known():
    listed = parse_hosts(WHOLE, "far/hosts.yaml")
    ways = [host.reach.way for host in listed.hosts]
    assert ways == [THIS_HOST, SSH, DOCKER, COMMAND, SWARM, KUBERNETES]
    assert [host.reach.calls for host in listed.hosts][3:] == [False, True, True]
    assert listed.named("lab-2").link_bps == 1e9 and listed.secret == "far/launcher.key"
    assert (listed.launcher, listed.first_port) == ("10.0.0.1", 24000)


ONE = "hosts:\n  - {name: a, address: 10.0.0.1, cores: 4"
MISTAKES = [
    ("", 1, "the file is empty", "run-on-several-hosts"),
    ("hosts: []", 1, "no host is listed", "list at least one"),
    ("hosts: 3", 1, '"hosts" must be a list', "[a, b]"),
    ("cores: 3", 1, 'unknown field "cores" in the file of hosts', 'did you mean "hosts.0.cores"'),
    (f"{ONE}, adress: 7}}", 2, 'unknown field "adress"', 'did you mean "address"?'),
    ("hosts:\n  - {name: a, address: 10.0.0.1}", 2, 'lacks "cores"', 'add "cores"'),
    ("hosts:\n  - {name: a, cores: 4}", 2, "a has no address", "add address"),
    ("hosts:\n  - {name: a, cores: 0, address: x}", 2, '"0" is out of range', "more than 0"),
    (f"{ONE}}}\n  - {{name: a, address: x, cores: 1}}", 3, '"a" is listed twice', "name of its own"),
    ("hosts:\n  - {name: A/b, cores: 4, address: x}", 2, "is not a name of a host", "lower-case"),
    (f"{ONE}, reach: {{ssh: x, docker: y}}}}", 2, "is to be reached in two ways", "keep one"),
    (f"{ONE}, reach: {{ssh: -oProxyCommand=x}}}}", 2, "is no destination", "user@host"),
    (f"{ONE}, reach: {{image: x}}}}", 2, '"image" is for docker', "leave it out"),
    (f"{ONE}, reach: {{config: x}}}}", 2, '"config" is for ssh', "leave it out"),
    (f"{ONE}, reach: {{swarm: x}}}}", 1, "agents that call need a secret", "--swarm"),
    (f"{ONE}, holds: [es-1]}}\n  - {{name: b, address: x, cores: 1, holds: [es-1]}}", 3, "is placed twice", "on a"),
    ("first_port: 80\nhosts: []", 1, '"80" is out of range', "at least 1024"),
]


@pytest.mark.parametrize(("text", "line", "message", "remedy"), MISTAKES)
def test_a_mistake_is_told_by_line_and_with_a_remedy(text, line, message, remedy):
    with pytest.raises(ScenarioError) as caught:
        parse_hosts(text, "hosts.yaml")
    assert message in caught.value.message and remedy in caught.value.remedy
    assert (caught.value.file, caught.value.line) == ("hosts.yaml", line) and caught.value.exit_code == 2
