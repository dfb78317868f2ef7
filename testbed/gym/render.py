"""A region as text: what ``render()`` returns in the mode ``ansi``."""

from collections.abc import Callable, Sequence

from testbed.gym.options import UnknownOptionError
from testbed.model.delay import duration_ns
from testbed.model.mdp import CellView, EsView, UeView

RENDER_MODES = ("ansi",)


def render_mode_of(mode: str | None) -> str | None:
    """``mode`` if there is something to render in it, or none is wanted; raises `UnknownOptionError`.

    A `TypeError` too: Stable-Baselines3 tries ``rgb_array`` first, and without after a `TypeError`.
    """
    if mode is not None and mode not in RENDER_MODES:
        raise UnknownOptionError(f'unknown render_mode "{mode}"', f"known: {', '.join(RENDER_MODES)}")
    return mode


def rendered(mode: str | None, views: Callable[[], Sequence[CellView]]) -> str | None:
    """What an environment's ``render`` returns: its ``views`` as text in the mode ``ansi``, None without one."""
    return None if mode is None else drawn(views())


def drawn(views: Sequence[CellView]) -> str:
    """The views of all cells as lines: a heading, and for each cell its server and its UEs, times in seconds."""
    lines = [f"slot {views[0].slot}  workload {views[0].seed}"]
    for view in views:
        lines.append(_server(view.edge_servers[view.cell]))
        lines += [_user(ue) for ue in view.ues]
    return "\n".join(lines)


def _server(es: EsView) -> str:
    work = {"own": es.own_cycles, "forwarded": es.forwarded_cycles, "in the air": es.air_cycles}
    parts = [f"{name} {duration_ns(cycles, es.cpu_hz * es.cores) * 1e-9:.2f}" for name, cycles in work.items()]
    return f"{es.name}  backlog {es.backlog_ns * 1e-9:.2f} s  {'  '.join(parts)}"


def _user(ue: UeView) -> str:
    last = {0: "local", 1: "offload"}.get(ue.last_choice, "none" if ue.last_choice < 0 else "another server")
    waits = f"queue {ue.queue_ns * 1e-9:.2f} s  radio {ue.radio_wait_ns * 1e-9:.2f} s"
    return f"  {ue.name}  {waits}  undecided {len(ue.tasks)}  last decision {last}"
