"""A run while it goes: the live screen on a terminal, otherwise its progress in lines."""

import argparse
import contextlib
import sys
from pathlib import Path
from typing import Self

from testbed.cli import ports, run_text
from testbed.cli.children import METRICS_MODULE, Beside, Screen, screen_possible
from testbed.cli.console import print_text, warn
from testbed.cli.progress import ProgressDisplay
from testbed.cli.streaming import RunLines
from testbed.experiments.runner import Order
from testbed.live import host_costs, preflight
from testbed.live.progress import Progress
from testbed.model.printable import printable
from testbed.model.system import Plan
from testbed.record.backends import VIRTUAL

LAST_LOOK_S = 4.0


class Showing:
    """Shows the run of ``order`` as ``args`` ask; use it as a context. ``path`` is the run's directory, once known.

    Where it is told in ``lines`` on standard output, progress goes to standard error.
    What is to be said while the screen is open is said when it has closed.
    """

    def __init__(self, order: Order, args: argparse.Namespace, lines: RunLines | None = None) -> None:
        self._live, self._lines, self._tasks = order.backend not in VIRTUAL, lines, len(order.workload)
        self._aside = args.json or lines is not None
        self._wanted = self._live and not args.plain and not self._aside and screen_possible()
        metrics = getattr(args, "metrics", None)
        self._metrics = ports.parse(metrics, "--metrics") if metrics is not None else None
        if self._metrics is not None:
            ports.must_be_free(*self._metrics, "--metrics")
        plain = args.plain or (lines is not None and sys.stdout.isatty())
        self._display = ProgressDisplay(sys.stderr if self._aside else sys.stdout, plain=plain)
        self._beside = contextlib.ExitStack()
        self._screen: Screen | None = None
        self._unsaid: list[str] = []
        self._end_ns = 0
        self.path: Path | None = None

    def __enter__(self) -> Self:
        if not self._wanted:
            self._begin_display()
        return self

    def _begin_display(self) -> None:
        """Show progress in lines or a bar, from now on."""
        self._beside.enter_context(self._display)
        self._display(f"{'starting' if self._live else 'playing'} {self._tasks} tasks")

    def __exit__(self, kind: object, *error: object) -> None:
        if self._screen is not None and kind is None:
            self._screen.wait(LAST_LOOK_S)
        self._beside.close()
        self._say_the_rest()

    def started(self, path: Path, plan: Plan) -> None:
        """The run begins: open what looks at it."""
        self.path, self._end_ns = path, plan.system.end_ns
        if self._lines is not None:
            self._lines.started(path, plan)
        elif not self._aside:
            print_text(f"{printable(str(path))}: {len(plan.workload)} tasks in {plan.system.slots} slots", flush=True)
        if self._live:
            for warning in preflight.fit(plan, host_costs.known_costs() or host_costs.HostCosts()).warnings:
                self.warn(f"this host has too little {warning}")
        if self._metrics is not None:
            address, port = self._metrics
            self._beside.enter_context(Beside(METRICS_MODULE, [str(path), address, str(port)]))
            warn(f"metrics: http://{address}:{port}/metrics")
        if self._wanted:
            self._screen = self._beside.enter_context(Screen(path, ["--own"]))

    def warn(self, text: str) -> None:
        """Say ``text``, now or when the screen has closed."""
        if self._screen is not None and self._screen.open:
            self._unsaid.append(text)
        else:
            warn(text)

    def progress(self, progress: Progress) -> None:
        """The run has come so far."""
        if self._lines is not None:
            self._lines.watch(progress)
        if self.path is None or (self._screen is not None and self._screen.open):
            return
        if self._screen is not None:
            self._screen = None
            self._say_the_rest()
            self._begin_display()
        self._display(run_text.text(progress, self._end_ns), run_text.share(progress, self._end_ns))

    def _say_the_rest(self) -> None:
        unsaid, self._unsaid = self._unsaid, []
        for text in unsaid:
            warn(text)
