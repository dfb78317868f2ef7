"""The views beside the overview, each a pure function from a `Snapshot` to something that rich can draw."""

from rich.console import Group, RenderableType
from rich.text import Text

from testbed.analysis.parts import PART_COLOURS, PARTS
from testbed.watch import panels
from testbed.watch.glyphs import columns, number, percent, sparkline, stacked
from testbed.watch.snapshot import LearnerState, Snapshot

STATES = {"completed": "green", "late": "yellow", "failed": "bold red"}


def servers(shown: Snapshot, width: int) -> RenderableType:
    """Edge servers: load and queue over time."""
    room = max(10, (width - 40) // 2)
    blocks: list[RenderableType] = []
    for es in shown.servers:
        state = ("", "")
        if not es.alive:
            state = ("lost", "bold red")
        elif es.over_threshold:
            state = ("over threshold", "yellow")
        blocks += [
            Text.assemble(
                (f"{es.name} ", "bold"),
                f"{es.ghz:g} GHz  busy {percent(es.utilisation)}  executed {es.executed}  "
                f"forwarded in {es.forwarded_in}, out {es.forwarded_out}  ",
                state,
            ),
            Text.assemble(
                ("  busy  ", "dim"),
                (sparkline(es.busy, room, 0.0, 1.0), "green"),
                ("   queue ", "dim"),
                (sparkline(es.waiting_by_slot, room, 0.0), "magenta"),
                f" {es.waiting} waiting, {es.backlog_s:.2f} s",
            ),
            Text(""),
        ]
    return Group(*blocks)


def learning(shown: Snapshot, width: int) -> RenderableType:
    """What is learned: overhead beside each learner's own numbers."""
    blocks: list[RenderableType] = [panels.overhead(shown, width, 10), Text("")]
    if not shown.learners:
        return Group(*blocks, Text("this run does not learn: start one with --learn", style="dim"))
    for learner in shown.learners:
        named = f"{learner.name}: " if len(shown.learners) > 1 else ""
        blocks += _learner(learner, named, max(10, width - 30))
    return Group(*blocks)


def _learner(learner: LearnerState, named: str, room: int) -> list[RenderableType]:
    """One learner's numbers: a line that begins with ``named``, and its series."""
    lines: list[RenderableType] = [
        Text(
            f"{named}{learner.updates} updates, {learner.updates_per_s:.1f} a second; version {learner.version}; "
            f"decided by a policy {learner.lag:.1f} versions old"
        )
    ]
    for name, series in (("loss", learner.loss), ("entropy", learner.entropy), ("reward", learner.reward)):
        lines.append(
            Text.assemble(
                (f"{name:8}", "dim"), (sparkline(series, room), "cyan"), f" {number(series[-1] if series else None, 4)}"
            )
        )
    return lines


def tasks(shown: Snapshot, width: int, height: int) -> RenderableType:
    """The last tasks that ended, the life of each as a bar of the parts of its delay."""
    height = max(1, height - 2)
    longest = max((task.delay_s for task in shown.tasks[:height]), default=1.0) or 1.0
    rows = [[Text(title, style="dim") for title in ("task", "where", "state", "delay s", "deadline", "life")]]
    room = max(10, width - 58)
    for task in shown.tasks[:height]:
        life = stacked(task.parts, max(1, round(task.delay_s / longest * room)), PART_COLOURS)
        state = Text(task.state, style=STATES.get(task.state, ""))
        numbers = Text(number(task.delay_s)), Text(number(task.deadline_s, 2))
        rows.append([Text(f"{task.ue}#{task.number}"), Text(task.where), state, *numbers, life])
    seen = {part for task in shown.tasks[:height] for part, _ in task.parts}
    key = Text(no_wrap=True, overflow="ellipsis")
    for part in PARTS:
        if part in seen:
            key.append("■ ", style=PART_COLOURS[part])
            key.append(f"{part.replace('_', ' ')}  ", style="dim")
    return Group(key, columns(rows, right=(3, 4)))
