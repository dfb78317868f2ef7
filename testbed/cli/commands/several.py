"""Runs on several hosts: the file that lists them, and the plan of who carries what."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from testbed.cli.console import print_json, print_text, warn
from testbed.cli.layout import width
from testbed.cli.text_table import table
from testbed.experiments.runner import Order, planned, policy_of
from testbed.hosts.hosts_file import THIS_HOST, HostsFile, read_hosts
from testbed.hosts.link_check import slow_links
from testbed.hosts.placement import PlacedRun, placed
from testbed.live import host_costs
from testbed.live.preflight import cores
from testbed.model.errors import UsageError
from testbed.model.exit_codes import EXIT_OK
from testbed.model.fidelity import BUSY_LIMIT
from testbed.model.system import CONTROLLER, Plan
from testbed.policy import loading
from testbed.protocol.placement import processes_of

MOST_NAMES = 6


def listed(args: argparse.Namespace) -> HostsFile | None:
    """The hosts that ``args`` name, None if they name none. Raises `TestbedError` for what does not go with them."""
    if args.hosts is None:
        if args.dry_run:
            raise UsageError(
                "--dry-run shows what hosts would carry", "add --hosts FILE; for this host see the verb check"
            )
        return None
    if args.agents:
        raise UsageError("--agents is for containers, which do not go with --hosts", "leave one of them out")
    if args.speed == "auto":
        raise UsageError("--speed auto asks this host alone", "with --hosts give a number; --dry-run shows what fits")
    return read_hosts(Path(args.hosts))


def show(order: Order, *, as_json: bool) -> int:
    """Print who would carry what in the run that is ordered; returns the exit code."""
    plan, run = _placed(order)
    assert order.hosts is not None
    rates = {(host.name, "") for host in order.hosts.hosts if host.link_bps}
    known = _known_rates(order.hosts, run) if rates else {}
    warnings = [*_too_busy(run), *slow_links(plan, run, known)]
    if as_json:
        print_json({**msgspec.to_builtins(run), "speed": plan.emulation.speed, "warnings": warnings})
        return EXIT_OK
    print_text(f"at speed {plan.emulation.speed:g}, burn {plan.emulation.burn:g}:\n")
    print_text(_hosts_table(order.hosts, run))
    if run.links:
        print_text(f"\n{_links_table(run)}")
    print_text("\nhosts are not asked: a run measures clocks and links before it begins")
    for warning in warnings:
        warn(warning)
    return EXIT_OK


def _placed(order: Order) -> tuple[Plan, PlacedRun]:
    """The plan of the ordered run, and who lives where. Raises `UsageError` for a policy that cannot be sent along."""
    assert order.hosts is not None
    _, double = policy_of(order)
    plan = planned(order, double=double)
    return plan, placed(plan, processes_of(plan), order.hosts, host_costs.known_costs() or host_costs.HostCosts())


def refuse_own_policy(order: Order) -> None:
    """Raise `UsageError` if the policy is code of the user's and the controller lives elsewhere, where that is not."""
    if order.hosts is None or not loading.is_own(order.policy):
        return
    _, run = _placed(order)
    home = order.hosts.named(run.homes[CONTROLLER])
    if home.reach.way != THIS_HOST:
        why = f"--policy {order.policy}: the controller would live on {home.name}, and code is not sent along"
        raise UsageError(why, "let a host without reach hold it: holds: [controller]")


def _known_rates(hosts: HostsFile, run: PlacedRun) -> Mapping[tuple[str, str], float]:
    """What the file says of links: that between two hosts is as fast as the slower of theirs."""
    own = {host.name: host.link_bps for host in hosts.hosts if host.link_bps}
    ends = ((link.source, link.target) for link in run.links)
    return {pair: min(own[end] for end in pair if end in own) for pair in ends if own.keys() & set(pair)}


def _too_busy(run: PlacedRun) -> list[str]:
    return [
        f"{share.host} would be busy with {cores(share.busy)} of {share.cores:g} cores: give it less, or lower --speed"
        for share in run.hosts
        if share.busy > BUSY_LIMIT * share.cores
    ]


def _hosts_table(hosts: HostsFile, run: PlacedRun) -> str:
    rows = [
        (
            share.host,
            hosts.named(share.host).reach.way,
            f"{cores(share.busy)} of {share.cores:g}",
            str(len(share.processes)),
            _names(share.processes),
        )
        for share in run.hosts
    ]
    return table(("host", "by", "cores", "processes", ""), rows, width(sys.stdout))


def _names(processes: tuple[str, ...]) -> str:
    more = len(processes) - MOST_NAMES
    return ", ".join(processes[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _links_table(run: PlacedRun) -> str:
    rows = [
        (link.source, link.target, f"{link.rate_bps * 1e-6:.3g}", f"{link.payload_bps * 1e-6:.3g}")
        for link in run.links
    ]
    return table(("from", "to", "Mbit/s, at most", "of it payload"), rows, width(sys.stdout))
