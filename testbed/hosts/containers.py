"""Which container a process of a run lives in, as which user, and at which port others reach it there (pure)."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping

from testbed.model.learning import is_learner
from testbed.model.system import CONTROLLER, LAUNCHER
from testbed.protocol.placement import CROWD_ROLE, Processes

MOST_CONTAINERS = 100
RECORDER, UE_ROLES = "recorder", ("ue_agent", CROWD_ROLE)
FIRST_PORT, FIRST_USER, RECORDER_HOST, FIRST_HOST = 5555, 50_001, 2, 3


def containers_of(processes: Processes, most: int = MOST_CONTAINERS) -> dict[str, tuple[str, ...]]:
    """The containers of a run and the processes in each: one each, named alike.

    Learners live with the controller, whose memory they share. Where there would be more than ``most``, several
    processes of UEs share a container, which has the name of the first.
    """
    ues = [name for name, (role, _) in processes.items() if role in UE_ROLES]
    others = [name for name in processes if name not in ues and not is_learner(name)]
    each = -(-len(ues) // max(1, most - len(others)))
    cores_of: dict[str, tuple[str, ...]] = {name: (name,) for name in others}
    cores_of |= {ues[first]: tuple(ues[first : first + each]) for first in range(0, len(ues), each)}
    cores_of[CONTROLLER] = (CONTROLLER, *(name for name in processes if is_learner(name)))
    return cores_of


def home_of(containers: Mapping[str, Collection[str]]) -> Callable[[str], str]:
    """Who lives where: the container of a process, by its name; the launcher's is the `RECORDER`."""
    homes = {process: name for name, inside in containers.items() for process in inside} | {LAUNCHER: RECORDER}
    return homes.__getitem__


def users_of(containers: Collection[str]) -> dict[str, int]:
    """The user id of each container, by which the kernel tells the launcher who reports to it."""
    return {name: FIRST_USER + index for index, name in enumerate(containers)}


def host_numbers_of(containers: Collection[str]) -> dict[str, int]:
    """The last part of each container's address, the recorder's included.

    Addresses are fixed, not looked up: a name of a container that is dead takes seconds not to be found, and whoever
    looks for it says nothing meanwhile.
    """
    return {RECORDER: RECORDER_HOST} | {name: FIRST_HOST + index for index, name in enumerate(containers)}


def endpoints_in(
    containers: Mapping[str, Collection[str]], network: Callable[[], str]
) -> Callable[[Collection[str]], dict[str, tuple[str, str]]]:
    """Finds what each process binds, and where it is reached: at the address of its container in ``network()``, which
    is the first three parts of all addresses."""
    home, numbers = home_of(containers), host_numbers_of(containers)

    def find(names: Collection[str]) -> dict[str, tuple[str, str]]:
        prefix, taken = network(), Counter[str]()
        endpoints = {}
        for name in names:
            port = FIRST_PORT + taken[home(name)]
            taken[home(name)] += 1
            endpoints[name] = (f"tcp://*:{port}", f"tcp://{prefix}.{numbers[home(name)]}:{port}")
        return endpoints

    return find
