"""A policy of your own is a plain function: what a cell's agent sees goes in, 0 (local) or 1 (offload) a UE comes out.

    testbed run --policy examples.own_policy:decide_do           # the name's end switches second offload on
    testbed compare region --policies lc,greedy-do,examples.own_policy:decide_do --on twin

This one compares delays only: a UE offloads what would be done sooner at the edge. It counts what the UEs before it
send in the same slot, and stays away from a server that is busy for longer than `PATIENCE_S`.
"""

from random import Random

from testbed.model.mdp import CellView

PATIENCE_S = 1.5


def decide(cell: CellView, rng: Random) -> dict[str, int]:
    server, sent = cell.edge_servers[cell.cell], 0
    choices: dict[str, int] = {}
    for ue in (ue for ue in cell.ues if ue.tasks):
        bits, cycles = (sum(getattr(task, name) for task in ue.tasks) for name in ("input_bits", "cycles"))
        local_s = ue.queue_ns * 1e-9 + cycles / ue.cpu_hz
        arrival_s = (ue.radio_wait_ns + cell.latency_ns) * 1e-9 + bits / ue.rate_bps
        busy_s = server.backlog_ns * 1e-9 + (server.air_cycles + sent) / server.cpu_hz
        edge_s = max(arrival_s, busy_s) + cycles / server.cpu_hz + cell.return_latency_ns * 1e-9
        choices[ue.name] = int(edge_s < local_s and busy_s < PATIENCE_S)
        sent += cycles * choices[ue.name]
    return choices


decide_do = decide
