"""Panels of the overview: each a pure function from a `Snapshot` to something that rich can draw."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from testbed.analysis.parts import PART_COLOURS
from testbed.analysis.recovery import Recovery
from testbed.watch.glyphs import bar, chart, columns, number, percent, sparkline, stacked
from testbed.watch.snapshot import (
    CUT,
    DRAINING,
    ENDED,
    IDLE,
    RUNNING,
    SENDING,
    STARTING,
    STATE_LOCAL,
    STATE_LOST,
    WAITING,
    DelaySpread,
    EsState,
    Event,
    Snapshot,
    UeState,
)

UE_MARKS = {
    STATE_LOCAL: ("●", "green"),
    SENDING: ("▲", "yellow"),
    WAITING: ("◆", "magenta"),
    CUT: ("≠", "bold red"),
    STATE_LOST: ("✗", "bold red"),
    IDLE: ("·", "dim"),
}
MANY_UES = 24
ROOMY = 70
LATE_MS = 5.0
GRADE_STYLES = {"A": "bold green", "B": "green", "C": "yellow", "F": "bold red", "exact": "bold green"}
PHASES = {RUNNING: "bold green", DRAINING: "yellow", ENDED: "bold", STARTING: "dim"}
_KINDS = {
    "died": "bold red",
    "given_up": "bold red",
    "policy_error": "red",
    "dropped_frame": "red",
    "refused": "yellow",
    "silent": "yellow",
    "fault_began": "yellow",
    "fault_over": "green",
    "paused": "yellow",
    "resumed": "green",
    "learning_paused": "yellow",
    "fell_back": "yellow",
    "learning_resumed": "green",
    "restarted": "green",
    "heard": "green",
}


def header(shown: Snapshot, width: int, note: str = "") -> Text:
    """What runs, how far it is, and whether it can be trusted, in one line of ``width``; ``note`` of the screen."""
    clock = shown.backend if shown.honesty.exact else f"×{shown.speed:g}"
    roomy = width >= ROOMY
    text = Text.assemble(
        (f" {shown.scenario} ", "bold reverse"),
        f" {shown.policy.partition(':')[0]} {clock} ",
        (note or shown.phase, "bold yellow" if note else PHASES.get(shown.phase, "")),
        f" {shown.now_s:.1f} s · slot {shown.slot}/{shown.slots} " if roomy else f" {shown.slot}/{shown.slots}",
        no_wrap=True,
        overflow="ellipsis",
    )
    trust = grade(shown)
    trouble = lasting(shown)
    room = min(30, width - text.cell_len - trust.cell_len - len(trouble) - 2)
    if trouble and room < 0:
        trust = Text("")
    if roomy and room >= 6:
        text.append_text(bar(shown.slot / shown.slots if shown.slots else 0.0, room, "cyan"))
    text.append(" ")
    text.append_text(trust)
    text.append(trouble, style="bold yellow")
    if not shown.controller_alive:
        text.append("  controller lost", style="bold red")
    return text


def lasting(shown: Snapshot) -> str:
    """The fault that lasts, the last one to begin, and how many others do."""
    faults = [one.fault for one in shown.recovery if one.over_s is None] if shown.phase != ENDED else []
    more = f" +{len(faults) - 1}" if len(faults) > 1 else ""
    return f"  {faults[0]}{more}" if faults else ""


def brief(shown: Snapshot) -> Text:
    """What fits where nothing else does."""
    fates = shown.fates
    return Text.assemble(
        (f"{shown.slot}/{shown.slots}\n", PHASES.get(shown.phase, "")),
        f"{fates.finished} ended\n",
        (f"{fates.failed} failed", "bold red" if fates.failed else "dim"),
        no_wrap=True,
    )


def grade(shown: Snapshot) -> Text:
    """The grade, or that there is none yet, or that none is needed."""
    known = shown.honesty.grade
    if shown.honesty.exact or known == "exact":
        return Text("exact", style=GRADE_STYLES["exact"])
    if known is None:
        return Text("not graded" if shown.phase == ENDED else "graded at the end", style="dim")
    return Text(f"grade {known}", style=GRADE_STYLES.get(known, "bold"))


def region(shown: Snapshot, width: int) -> RenderableType:
    """Every cell: its server's load and queue, what it forwards, and what each of its UEs does."""
    bar_width = 10 if width >= ROOMY else 5
    rows = [[Text(title, style="dim") for title in ("server", "busy", "queue", "in/out", "UEs")]]
    by_cell: dict[int, list[UeState]] = {}
    for ue in shown.ues:
        by_cell.setdefault(ue.cell, []).append(ue)
    for cell, es in enumerate(shown.servers, start=1):
        busy = es.busy[-1] if es.busy and es.alive else 0.0
        queue = Text(f"{es.waiting:>3} ", style="yellow" if es.over_threshold else "")
        queue.append(f"{es.backlog_s:.1f} s", style="dim")
        name = Text(f"{es.name} ", style=_es_style(es))
        name.append(f"{es.ghz:g} GHz" if es.alive else "lost", style="dim" if es.alive else "bold red")
        load = bar(busy, bar_width, "red" if busy > 0.95 else "green")
        forwarded = Text(f"+{es.forwarded_in} −{es.forwarded_out}")
        rows.append([name, load, queue, forwarded, ue_marks(by_cell.get(cell, []))])
    return columns(rows)


def _es_style(es: EsState) -> str:
    return "bold red" if not es.alive else "bold yellow" if es.over_threshold else "bold"


def ue_marks(ues: Sequence[UeState]) -> Text:
    """A mark for each UE, or counts of each state where there are too many."""
    text = Text()
    if len(ues) <= MANY_UES:
        for ue in ues:
            mark, style = UE_MARKS[ue.state]
            text.append(f"{mark} ", style=style)
        return text
    for state, (mark, style) in UE_MARKS.items():
        count = sum(ue.state == state for ue in ues)
        if count:
            text.append(f"{mark}{count} ", style=style)
    return text


def legend() -> Text:
    """What the marks of UEs mean."""
    text = Text()
    for state, (mark, style) in UE_MARKS.items():
        text.append(f"{mark} ", style=style)
        text.append(f"{state}  ", style="dim")
    return text


def tasks(shown: Snapshot) -> RenderableType:
    """Tasks by fate, and the deadlines that were kept."""
    fates = shown.fates
    cells = [
        ("generated", str(fates.generated), ""),
        ("under way", str(fates.open), ""),
        ("completed", str(fates.completed), "green"),
        ("late", str(fates.late), "yellow" if fates.late else ""),
        ("failed", str(fates.failed), "bold red" if fates.failed else ""),
        ("offloaded", str(fates.offloaded), ""),
        ("forwarded", str(fates.forwarded), ""),
        ("recovered", str(fates.recovered), ""),
        ("fallback", str(fates.fallback), "yellow" if fates.fallback else ""),
        ("deadlines kept", percent(fates.deadlines_kept), ""),
    ]
    half = len(cells) // 2
    rows = []
    for pair in zip(cells[:half], cells[half:], strict=True):
        row = [(Text(name, style="dim"), Text(value, style=style or "bold")) for name, value, style in pair]
        rows.append([text for cell in row for text in cell])
    return columns(rows)


def delays(shown: Snapshot) -> RenderableType:
    """The distribution of delays: of all tasks and of the last ones."""
    rows = [[Text(title, style="dim") for title in ("delay s", "mean", "p50", "p95", "p99")]]
    for name, spread in (("all", shown.delay), ("recent", shown.recent)):
        rows.append([Text(name), *map(Text, _spread(spread))])
    return columns(rows, right=(1, 2, 3, 4))


def _spread(spread: DelaySpread | None) -> tuple[str, ...]:
    values = (spread.mean, spread.p50, spread.p95, spread.p99) if spread is not None else (None,) * 4
    return tuple(number(value) for value in values)


def overhead(shown: Snapshot, width: int, height: int) -> RenderableType:
    """Mean overhead slot by slot with the best baseline known as a line, and the reward of each slot."""
    room = max(8, width - 18)
    baseline = shown.baseline
    lines: list[RenderableType] = []
    rows = chart(shown.overhead_by_slot, room, max(1, height - 2), baseline.overhead if baseline else None)
    for n, row in enumerate(rows):
        label, value = ("overhead ", number(shown.overhead, 4)) if n == 0 else (" " * 9, "")
        row.pad_right(room - row.cell_len)
        lines.append(Text.assemble((label, "dim"), row, f" {value}", no_wrap=True))
    last = shown.reward_by_slot[-1] if shown.reward_by_slot else None
    spark = sparkline(shown.reward_by_slot, room).ljust(room)
    lines.append(Text.assemble(("reward   ", "dim"), (spark, "blue"), f" {number(last, 2)}", no_wrap=True))
    lines.append(against(shown))
    return Group(*lines)


def against(shown: Snapshot) -> Text:
    """The run's mean overhead against the best baseline that is known."""
    text = Text("baseline ", style="dim", no_wrap=True, overflow="ellipsis")
    if shown.baseline is None or shown.overhead is None:
        return text.append("none is known yet")
    change = 100.0 * (shown.overhead / shown.baseline.overhead - 1.0)
    text.append(f"{shown.baseline.policy} {shown.baseline.overhead:.4f}, this run ", style="default not dim")
    return text.append(f"{change:+.1f} %", style="not dim green" if change <= 0 else "not dim yellow")


def time_parts(shown: Snapshot, width: int) -> RenderableType:
    """Where a task's delay goes: one bar, and its largest parts in words."""
    total = sum(value for _, value in shown.parts)
    words = Text(no_wrap=True, overflow="ellipsis")
    for name, value in sorted(shown.parts, key=lambda part: -part[1])[:6]:
        words.append("■ ", style=PART_COLOURS[name])
        words.append(f"{name.replace('_', ' ')} {percent(value / total)}  ")
    return Group(stacked(shown.parts, max(10, width - 2), PART_COLOURS), words)


def energy(shown: Snapshot) -> Text:
    """The UEs' energy so far, by what it was spent on."""
    total = sum(joules for _, joules in shown.energy)
    parts = ", ".join(f"{name} {joules:.1f}" for name, joules in shown.energy)
    return Text.assemble(f"{total:.1f} J", (f": {parts}" if parts else "", "dim"))


def honesty(shown: Snapshot) -> RenderableType:
    """Fidelity so far: how late results came, what slipped, what the host took away."""
    state = shown.honesty
    if state.exact:
        return Text("exact: the model itself, without a clock or a host", style="green")
    p99 = state.late_p99_ms
    return Group(
        Text.assemble(grade(shown), ("  burn ", "dim"), f"{state.burn:g}", ("  payload ", "dim"), state.payload),
        Text.assemble(
            ("late by ", "dim"),
            f"p50 {number(state.late_p50_ms, 2)} ms, p99 ",
            (number(p99, 2), "yellow" if p99 is not None and p99 > LATE_MS else ""),
            " ms",
        ),
        Text.assemble(
            ("slips ", "dim"),
            (str(state.slipped), "yellow" if state.slipped else ""),
            ("  dropped ", "dim"),
            (str(state.dropped), "red" if state.dropped else ""),
            ("  steal ", "dim"),
            percent(state.steal),
        ),
    )


def events(shown: Snapshot, height: int) -> RenderableType:
    """How the region came back from the last faults, and the last events, newest first."""
    lines = [recovery_line(one) for one in shown.recovery[: max(0, height // 3)]]
    lines += [event_line(event) for event in shown.events[: max(1, height - len(lines))]]
    return Group(*lines) if lines else Text("nothing has happened", style="dim")


def recovery_line(one: Recovery) -> Text:
    """One fault and what it did, so far as is known."""
    dip, recovered, steady = one.words()
    what = f"dip {dip}, recovered {recovered}, steady {steady}"
    if one.goodput_dip is None:
        what = f"unknown: {one.unknown}"
    counts = (one.tasks_recovered, "back"), (one.tasks_lost, "lost")
    what += "".join(f", {count} {word}" for count, word in counts if count)
    return Text.assemble(
        (f"{one.began_s:8.2f} s ", "dim"),
        (one.fault, "bold" if one.over_s is not None else "bold yellow"),
        f": {what}",
        no_wrap=True,
        overflow="ellipsis",
    )


def event_line(event: Event) -> Text:
    """One event in words."""
    return Text.assemble(
        (f"{event.at_s:8.2f} s ", "dim"),
        (f"{event.source} ", "bold"),
        (event.kind.replace("_", " "), _KINDS.get(event.kind, "")),
        f" ({event.detail})" if event.detail else "",
        no_wrap=True,
        overflow="ellipsis",
    )
