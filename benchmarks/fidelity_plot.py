"""A drawing of what `testbed verify` found: what was asked of links and executions against what they took."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

from harness import Entry

KINDS = {"transfer": "o", "latency": "s", "shared radio": "^", "trace": "D", "cycles": "x"}


def draw(checks: Sequence[Entry], path: Path) -> None:
    """Write the picture: above, seconds asked against seconds achieved; below, the relative error."""
    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "fidelity"
    figure, (above, below) = plt.subplots(2, 1, figsize=(7, 6.5), sharex=True, height_ratios=(2, 1), dpi=110)
    timed = [check for check in checks if check["kind"] in KINDS and check["asked"] > 0]
    ends = [min(check["asked"] for check in timed) * 0.8, max(check["asked"] for check in timed) * 1.25]
    above.plot(ends, ends, color="0.7", linewidth=1, zorder=0, label="asked = achieved")
    for kind, marker in KINDS.items():
        of_kind = [check for check in timed if check["kind"] == kind]
        asked = [check["asked"] for check in of_kind]
        above.plot(asked, [check["measured"] for check in of_kind], marker, markersize=5, fillstyle="none", label=kind)
        below.plot(
            asked, [max(1e-3, 100 * check["error"]) for check in of_kind], marker, markersize=5, fillstyle="none"
        )
    above.set(xscale="log", yscale="log", ylabel="achieved, s (median)", title="Asked against achieved")
    below.set(xscale="log", yscale="log", xlabel="asked, s", ylabel="error, %")
    above.legend(frameon=False)
    for axes in (above, below):
        axes.grid(visible=True, which="major", color="0.92")
        axes.set_axisbelow(True)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
