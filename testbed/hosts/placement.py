"""Which host each process of a run lives on, and what each host and each link between two will carry (pure).

A cell stays together, an ES with its UEs, and so do controller and learners, who share memory: then only what is asked,
decided and announced crosses a link, and what ESs send on to each other. What the file of hosts places is placed so;
the rest goes, largest first, to the host that is least busy afterwards.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from testbed.hosts.hosts_file import HostsFile, ListedHost
from testbed.live.host_costs import MESSAGES_A_TASK, HostCosts
from testbed.live.preflight import MOST_BURN, SHARE_FOR_BURNING
from testbed.model.delay import duration_ns
from testbed.model.errors import UsageError, did_you_mean
from testbed.model.fidelity import BUSY_LIMIT
from testbed.model.learning import is_learner
from testbed.model.system import CONTROLLER, LAUNCHER, REAL, Plan
from testbed.protocol.placement import Processes

LAUNCHER_HOST = "this host"
_ASK_BITS, _TASK_BITS = 8 * 400.0, 8 * 1500.0  # of messages with their envelopes: an ask and its answer, all of a task


class HostShare(msgspec.Struct, frozen=True, kw_only=True):
    """What a host will carry: its processes by name, and cores busy with messages, payload and burning at the run's
    speed, of those it has."""

    host: str
    processes: tuple[str, ...]
    cores: float
    busy: float


class LinkShare(msgspec.Struct, frozen=True, kw_only=True):
    """What goes from one host to another, in bit/s of wall time at most; ``payload`` of it is of tasks that are sent
    on or uploaded, whose size is ``piece_bits`` on average and which the emulated link carries at ``emulated_bps``."""

    source: str
    target: str
    rate_bps: float
    payload_bps: float = 0.0
    piece_bits: float = 0.0
    emulated_bps: float = 0.0


class PlacedRun(msgspec.Struct, frozen=True, kw_only=True):
    """Who lives where, by name of the process, and what follows for hosts and for links between them."""

    homes: Mapping[str, str]
    hosts: tuple[HostShare, ...]
    links: tuple[LinkShare, ...]

    def processes(self, host: str) -> tuple[str, ...]:
        """What lives on ``host``."""
        return next(share.processes for share in self.hosts if share.host == host)


def placed(plan: Plan, processes: Processes, listed: HostsFile, costs: HostCosts) -> PlacedRun:
    """The placement of ``processes`` of ``plan``; raises `UsageError` for what the file places and the run has not."""
    busy = _busy(plan, processes, costs)
    homes = _homes(_groups(plan, processes), _held(plan, processes, listed), listed, busy)
    shares = tuple(
        HostShare(
            host=host.name,
            processes=tuple(name for name in processes if homes[name] == host.name),
            cores=host.cores,
            busy=sum(busy[name] for name in processes if homes[name] == host.name),
        )
        for host in listed.hosts
    )
    return PlacedRun(homes=homes, hosts=shares, links=tuple(_links(plan, processes, homes)))


def auto_burn(plan: Plan, processes: Processes, listed: HostsFile, costs: HostCosts) -> Plan:
    """``plan`` with its burnt share chosen if that was left to the hosts: what the busiest of them can spare."""
    if plan.emulation.burn >= 0.0:
        return plan
    idle, burning = (_with_burn(plan, share) for share in (0.0, 1.0))
    homes = placed(idle, processes, listed, costs)
    messages, all_burnt = (_busy(one, processes, costs) for one in (idle, burning))
    share = MOST_BURN
    for host in homes.hosts:
        spent = sum(messages[name] for name in host.processes)
        room = min(SHARE_FOR_BURNING * host.cores, BUSY_LIMIT * host.cores - spent)
        asked = sum(all_burnt[name] for name in host.processes) - spent
        share = min(share, room / asked if asked > 0.0 else share)
    return _with_burn(plan, max(0.0, math.floor(100.0 * share) / 100.0))


def _with_burn(plan: Plan, burn: float) -> Plan:
    return msgspec.structs.replace(plan, emulation=msgspec.structs.replace(plan.emulation, burn=burn))


def _homes(
    groups: Sequence[tuple[str, ...]], held: Mapping[str, str], listed: HostsFile, busy: Mapping[str, float]
) -> dict[str, str]:
    """The host of each process: as held, then whole groups, the largest first."""
    homes = dict(held)
    load: defaultdict[str, float] = defaultdict(float)
    for name, host in held.items():
        load[host] += busy[name]

    def after(host: ListedHost, more: float) -> float:
        return (load[host.name] + more) / host.cores

    left = [tuple(name for name in group if name not in held) for group in groups]
    for group in sorted(left, key=lambda group: -sum(busy[name] for name in group)):
        more = sum(busy[name] for name in group)
        best = min(listed.hosts, key=lambda host: after(host, more))
        homes |= dict.fromkeys(group, best.name)
        load[best.name] += more
    return homes


def _groups(plan: Plan, processes: Processes) -> list[tuple[str, ...]]:
    """What stays together: the controller and who learns, and each cell; a process of UEs of several cells is with the
    first of them."""
    cell_of = {ue.name: ue.cell for ue in plan.system.ues}
    cells = [[es.name] for es in plan.system.edge_servers]
    deciding = []
    for name, (_, cores) in processes.items():
        if name == CONTROLLER or is_learner(name):
            deciding.append(name)
        elif cores[0] in cell_of:
            cells[cell_of[cores[0]]].append(name)
    return [tuple(deciding), *map(tuple, cells)]


def _held(plan: Plan, processes: Processes, listed: HostsFile) -> dict[str, str]:
    """The host of each process that the file places: by its own name, or by that of its cell, which counts less."""
    groups = _groups(plan, processes)
    meant: dict[str, tuple[str, ...]] = {CONTROLLER: groups[0]}
    meant |= {f"cell-{index + 1}": group for index, group in enumerate(groups[1:])}
    single = {core: name for name, (_, cores) in processes.items() for core in cores if name not in groups[0]}
    single |= {name: name for name in processes if name not in groups[0]}
    homes: dict[str, str] = {}
    for of_group in (True, False):
        for host in listed.hosts:
            for what in host.holds:
                if what in meant and of_group:
                    homes |= dict.fromkeys(meant[what], host.name)
                elif what in single and not of_group:
                    homes[single[what]] = host.name
                elif what not in meant and what not in single:
                    known = did_you_mean(what, [*meant, *single])
                    raise UsageError(f'{host.name} is to hold "{what}", and the run has none', known)
    return homes


def _busy(plan: Plan, processes: Processes, costs: HostCosts) -> dict[str, float]:
    """Cores that each process keeps busy at the run's speed: half of each message's cost is at either end."""
    system, emulation, speed = plan.system, plan.emulation, plan.emulation.speed
    a_slot, seconds = 1.0 / (system.slot_ns * 1e-9), system.end_ns * 1e-9
    per_bit = costs.byte_s / 8.0 if emulation.payload == REAL else 0.0
    burn = max(0.0, emulation.burn)
    core: defaultdict[str, float] = defaultdict(float)
    for es in system.edge_servers:
        core[es.name] += 3.0 * a_slot * costs.message_s * speed + burn * es.cores
    for ue in system.ues:
        core[ue.name] += a_slot * costs.message_s * speed
        core[CONTROLLER] += a_slot * costs.message_s * speed
    for task in plan.workload:
        ue = system.ues[task.ue]
        half = (MESSAGES_A_TASK * costs.message_s + task.input_bits * per_bit) / 2.0 / seconds * speed
        core[ue.name] += half + burn * min(1.0, duration_ns(task.cycles, ue.cpu_hz) / system.end_ns)
        core[system.edge_servers[ue.cell].name] += half
    return {name: sum(core[one] for one in cores) for name, (_, cores) in processes.items()}


def _links(plan: Plan, processes: Processes, homes: Mapping[str, str]) -> Iterator[LinkShare]:
    """What goes between hosts: uploads from UEs that are not with their ES, tasks that ESs may send on, messages."""
    system, speed = plan.system, plan.emulation.speed
    home = {core: homes[name] for name, (_, cores) in processes.items() for core in cores} | {LAUNCHER: LAUNCHER_HOST}
    rate: defaultdict[tuple[str, str], float] = defaultdict(float)
    payload: defaultdict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    fastest: defaultdict[tuple[str, str], float] = defaultdict(float)
    seconds, real = system.end_ns * 1e-9, plan.emulation.payload == REAL
    asks = len(system.ues) and _ASK_BITS / (system.slot_ns * 1e-9) * speed
    for ue in system.ues:
        rate[home[ue.name], home[CONTROLLER]] += asks
        rate[home[CONTROLLER], home[ue.name]] += asks
    names = [es.name for es in system.edge_servers]
    for task in plan.workload:
        ue, es = system.ues[task.ue], names[system.ues[task.ue].cell]
        rate[home[ue.name], LAUNCHER_HOST] += _TASK_BITS / seconds * speed
        rate[home[ue.name], home[es]] += _TASK_BITS / seconds * speed
        if not real:
            continue
        _carry(payload, fastest, (home[ue.name], home[es]), (task.input_bits, 1.0, ue.rate_bps))
        for other in names if plan.second_offload else ():
            if other != es:
                way = (task.input_bits, 1.0 / (len(names) - 1), system.backhaul.rate_bps)
                _carry(payload, fastest, (home[es], home[other]), way)
    for (source, target), _ in sorted({**rate, **payload}.items()):
        if source != target:
            bits, pieces = payload.get((source, target), [0.0, 0.0])
            yield LinkShare(
                source=source,
                target=target,
                rate_bps=rate[source, target] + bits / seconds * speed,
                payload_bps=bits / seconds * speed,
                piece_bits=bits / pieces if pieces else 0.0,
                emulated_bps=fastest[source, target],
            )


def _carry(
    payload: defaultdict[tuple[str, str], list[float]],
    fastest: defaultdict[tuple[str, str], float],
    ends: tuple[str, str],
    way: tuple[float, float, float],
) -> None:
    """Add a task of (bits, share of it that comes by, emulated rate) to what goes between ``ends``."""
    bits, share, emulated_bps = way
    payload[ends][0] += bits * share
    payload[ends][1] += share
    fastest[ends] = max(fastest[ends], emulated_bps)
