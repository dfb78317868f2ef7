"""The tables of a page as HTML (pure). Whatever is shown is escaped here."""

import math
from collections.abc import Sequence
from html import escape

from testbed.analysis.parts import PART_COLOURS, PARTS
from testbed.analysis.recovery import NO_NUMBER
from testbed.model.delay import S_PER_NS
from testbed.protocol.rows import TaskRow
from testbed.report import series
from testbed.report.reported import Reported
from testbed.report.side_by_side import Change, Figure, Standing
from testbed.report.svg import words

MOST_EVENTS, MOST_DIGITS = 200, 6
TASK_FORMATS = ("", "", ".3f", ".2f", "", "", ".1f")
RUN_FORMATS = ("", ".4g", ".3f", ".4g", ".1%", ".4g", ".1%")
Cell = str | int | float


def table(head: Sequence[str], rows: Sequence[Sequence[Cell]], formats: Sequence[str]) -> str:
    """A table that sorts by its columns' titles; ``formats`` say how each column's numbers are written."""
    body = ["".join(_cell(value, how) for value, how in zip(row, formats, strict=True)) for row in rows]
    return _table(head, body, formats)


def number(value: float, how: str = ".4g") -> str:
    """A number as text; a dash where nothing was measured."""
    return format(value, how).replace("%", " %") if math.isfinite(value) else NO_NUMBER


def around(figure: Figure) -> str:
    """A mean with the half-width of its interval, both to the latter's second digit; alone where it has none."""
    if not math.isfinite(figure.half_width):
        return number(figure.mean)
    digits = 1 - math.floor(math.log10(figure.half_width)) if figure.half_width > 0.0 else MOST_DIGITS
    digits = min(max(0, digits), MOST_DIGITS)
    return f"{figure.mean:.{digits}f} ± {figure.half_width:.{digits}f}"


def servers(one: Reported) -> str:
    """Every edge server of a run."""
    head = (
        "server",
        "busy",
        "idle while other over",
        "executed",
        "in",
        "out",
        "rejected",
        "mean wait, s",
        "most waiting",
        "energy, J",
    )
    rows = [
        (
            name,
            es.utilisation,
            es.idle_while_other_over_threshold,
            es.executed,
            es.forwarded_in,
            es.forwarded_out,
            es.rejected,
            es.mean_wait_s,
            es.max_waiting,
            es.energy_j,
        )
        for name, es in one.summary.es.items()
    ]
    return table(head, rows, ("", ".1%", ".1%", "d", "d", "d", "d", ".3f", "d", ".1f"))


def ues(one: Reported) -> str:
    """Every user equipment of a run."""
    head = ("UE", "cell", "tasks", "offloaded", "mean delay, s", "deadlines kept", "mean energy, J", "mean overhead")
    rows = [
        (row.ue, row.cell, row.tasks, row.offloaded, row.delay_s, row.kept, row.energy_j, row.overhead)
        for row in series.ue_figures(one.run)
    ]
    return table(head, rows, ("", "d", "d", ".0%", ".3f", ".1%", ".3f", ".4f"))


def slowest(one: Reported) -> str:
    """The slowest tasks, the life of each as a bar of its parts."""
    rows = series.slowest(one)
    if not rows:
        return '<p class="dim">no task finished</p>'
    longest = max(1, rows[0].measured_ns)
    head = ("task", "life", "delay, s", "deadline, s", "state", "executed at", "generated, s")
    body = []
    for row in rows:
        where = row.es if row.es and not row.local_execution_ns else row.ue
        cells = (
            _cell(f"{row.ue} #{row.number}", ""),
            f'<td class="life" data-value="{row.measured_ns}">{_life(row, longest)}</td>',
            _cell(row.measured_ns * S_PER_NS, ".3f"),
            _cell(row.deadline_ns * S_PER_NS, ".2f"),
            _cell(row.state, ""),
            _cell(where, ""),
            _cell(row.generated_ns * S_PER_NS, ".1f"),
        )
        body.append("".join(cells))
    used = [part for part in PARTS if any(getattr(row, f"{part}_ns") > 0 for row in rows)]
    keys = "".join(f'<span><i style="background:{PART_COLOURS[part]}"></i>{words(part)}</span>' for part in used)
    return f'{_table(head, body, TASK_FORMATS)}<div class="legend">{keys}</div>'


def _life(row: TaskRow, longest_ns: int) -> str:
    spans = []
    for part in PARTS:
        ns = max(0, getattr(row, f"{part}_ns"))
        if ns:
            style = f"width:{100 * ns / longest_ns:.2f}%;background:{PART_COLOURS[part]}"
            spans.append(f'<span style="{style}" title="{words(part)}: {ns * S_PER_NS:.3f} s"></span>')
    return "".join(spans)


def recovery(one: Reported) -> str:
    """What each fault of a run did to the service, and when that was over; at least one is there."""
    head = ("fault", "from, s", "to, s", "goodput dip", "recovered after, s", "steady after, s", "tasks back", "lost")
    rows = [
        (
            fault.fault,
            fault.began_s,
            _number(fault.over_s),
            _number(fault.goodput_dip),
            _number(fault.recovered_after_s),
            _number(fault.steady_after_s),
            fault.tasks_recovered,
            fault.tasks_lost,
        )
        for fault in one.summary.recovery[:MOST_EVENTS]
    ]
    more = len(one.summary.recovery) - MOST_EVENTS
    rest = f'<p class="dim">and {more} more</p>' if more > 0 else ""
    return table(head, rows, ("", ".1f", ".1f", ".0%", ".1f", ".1f", "d", "d")) + rest


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def events(markers: Sequence[series.Marker]) -> str:
    """What happened to processes, the first of it where it is too much."""
    rows = [(marker.at_s, marker.source, words(marker.kind), marker.detail) for marker in markers[:MOST_EVENTS]]
    more = f'<p class="dim">and {len(markers) - MOST_EVENTS} more</p>' if len(markers) > MOST_EVENTS else ""
    return table(("at, s", "process", "event", "detail"), rows, (".2f", "", "", "")) + more


def standings(ranked: Sequence[Standing]) -> str:
    """Runs beside their baseline."""
    head = (
        "run",
        "mean delay, s",
        "p95, s",
        "mean energy, J",
        "deadlines kept",
        "mean overhead",
        "overhead against the baseline",
    )
    body = []
    for one in ranked:
        unstable = "" if one.stable else " (UNSTABLE)"
        cells = (
            _sorted(one.delay_s.mean, around(one.delay_s)),
            _cell(one.delay_p95_s, ".3f"),
            _sorted(one.energy_j.mean, around(one.energy_j)),
            _cell(one.deadline_hit_rate, ".1%"),
            _sorted(one.overhead.mean, around(one.overhead)),
            _against(one),
        )
        body.append(f"<td>{escape(one.label)}{unstable}</td>{''.join(cells)}")
    return _table(head, body, RUN_FORMATS)


def _against(one: Standing) -> str:
    change = one.overhead_change
    if one.label == one.baseline:
        return _sorted(0.0, "baseline")
    style = "" if not _is_clear(change) else "better" if change.value < 0.0 else "worse"
    note = "" if one.same_tasks else " (other tasks)"
    return _sorted(change.value, f"{percents(change)}{note}", style)


def percents(change: Change) -> str:
    """A change in percent with its interval, if it has one."""
    if not math.isfinite(change.value):
        return NO_NUMBER
    bounds = f" [{100 * change.low:+.1f}, {100 * change.high:+.1f}]" if math.isfinite(change.low) else ""
    return f"{100 * change.value:+.1f} %{bounds}"


def _is_clear(change: Change) -> bool:
    """Whether the interval leaves out no change at all."""
    return math.isfinite(change.low) and change.low * change.high > 0.0


def facts(head: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    """A column for each of ``head`` and a row for each fact; it does not sort."""
    titles = "".join(f"<th>{escape(title)}</th>" for title in ("", *head)) if len(head) > 1 else ""
    body = "".join(
        f"<tr><th>{escape(name)}</th>{''.join(f'<td>{escape(value)}</td>' for value in values)}</tr>"
        for name, values in rows
    )
    return _scrolled("facts", f"<thead><tr>{titles}</tr></thead><tbody>{body}</tbody>")


def _table(head: Sequence[str], body: Sequence[str], formats: Sequence[str]) -> str:
    """A table that sorts; the titles of text, which has no format, stand to the left as text does."""
    titles = "".join(
        f"<th>{escape(title)}</th>" if how else f'<th class="text">{escape(title)}</th>'
        for title, how in zip(head, formats, strict=True)
    )
    rows = "".join(f"<tr>{row}</tr>" for row in body)
    return _scrolled("sortable", f"<thead><tr>{titles}</tr></thead><tbody>{rows}</tbody>")


def _scrolled(kind: str, inner: str) -> str:
    return f'<div class="scroll"><table class="{kind}">{inner}</table></div>'


def _cell(value: Cell, how: str) -> str:
    if isinstance(value, str):
        return f'<td class="text">{escape(value)}</td>'
    return _sorted(value, number(value, how))


def _sorted(value: float, shown: str, style: str = "") -> str:
    """A cell that sorts by ``value``, which comes last if it is no number."""
    key = repr(value) if math.isfinite(value) else ""
    kind = f' class="{style}"' if style else ""
    return f'<td data-value="{key}"{kind}>{escape(shown)}</td>'
