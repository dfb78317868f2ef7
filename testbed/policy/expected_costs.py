"""Costs that heuristics compare, as scalar functions; `testbed.policy.heuristics` applies them to a cell's view."""

from testbed.model.delay import duration_ns, spread


def es_wait_ns(backlog_ns: int, sent_cycles: int, hz: int, cores: int, travel_ns: int) -> int:
    """Expected wait at the ES on arrival: announced backlog plus what was sent since, less the time under way.

    ``max(0, backlog + sent/F − (arrival − kΔ))``, with ``travel_ns`` = arrival − kΔ.
    """
    wait = backlog_ns + spread(duration_ns(sent_cycles, hz), cores) - travel_ns
    return wait if wait > 0 else 0


def price(beta: float, beta0: float, occupied_ns: int, execution_ns: int) -> float:
    """The price on occupying an ES: ``β·w·c/F + β₀`` with the wait w and c/F in seconds."""
    return beta * (occupied_ns * 1e-9) * (execution_ns * 1e-9) + beta0


def occupied_ns(backlog_ns: int, forwarded_cycles: int, air_cycles: int, hz: int, cores: int) -> int:
    """The wait that own and in-the-air work stand for: announced backlog without waiting forwarded tasks, plus air."""
    wait = backlog_ns - spread(duration_ns(forwarded_cycles, hz), cores) + spread(duration_ns(air_cycles, hz), cores)
    return wait if wait > 0 else 0
