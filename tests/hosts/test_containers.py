"""Who lives in which container, as whom, and where others reach it."""

from testbed.hosts.containers import containers_of, endpoints_in, home_of, users_of


def processes(ues, learners=0):
    items = {"controller": ("controller", ("controller",)), "es-1": ("edge_server", ("es-1",))}
    items |= {f"ue-1-{n}": ("ue_agent", (f"ue-1-{n}",)) for n in range(1, ues + 1)}
    return items | {f"learner-{n}": ("controller.online", (f"learner-{n}",)) for n in range(1, learners + 1)}


def test_each_process_has_a_container_of_its_name_and_learners_live_with_the_controller():
    containers = containers_of(processes(3, learners=2))
    assert containers == {
        "controller": ("controller", "learner-1", "learner-2"),
        "es-1": ("es-1",),
        **{f"ue-1-{n}": (f"ue-1-{n}",) for n in (1, 2, 3)},
    }
    home = home_of(containers)
    assert (home("learner-2"), home("ue-1-3"), home("launcher")) == ("controller", "ue-1-3", "recorder")


def test_beyond_the_most_containers_several_ues_share_one():
    containers = containers_of(processes(1000))
    assert len(containers) <= 100
    inside = [name for names in containers.values() for name in names]
    assert sorted(inside) == sorted(processes(1000)) and containers["ue-1-1"][:2] == ("ue-1-1", "ue-1-2")


def test_processes_of_one_container_have_ports_of_their_own():
    containers = containers_of(processes(1, learners=1))
    reached = endpoints_in(containers, lambda: "10.0.7")(["launcher", "controller", "learner-1", "ue-1-1"])
    assert {name: address for name, (_, address) in reached.items()} == {
        "launcher": "tcp://10.0.7.2:5555",
        "controller": "tcp://10.0.7.3:5555",
        "learner-1": "tcp://10.0.7.3:5556",
        "ue-1-1": "tcp://10.0.7.5:5555",
    }
    assert reached["learner-1"][0] == "tcp://*:5556"


def test_no_two_containers_are_the_same_user():
    users = users_of(containers_of(processes(50)))
    assert len(set(users.values())) == len(users) == 52 and 0 not in users.values()
