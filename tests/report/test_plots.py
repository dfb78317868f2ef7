"""Plots for a paper: four files each, one column wide, the same bytes again, and data that is what is drawn."""

import csv
import re
from typing import Any

import pytest

from testbed.model.errors import StartError
from testbed.report import plots, series
from tests.report.runs import listed, recorded

pytest.importorskip("matplotlib", reason="plots need the extra plots")


def test_every_plot_comes_in_three_formats_with_its_data(tmp_path):
    files = plots.write(listed(recorded("greedy-do"), recorded("lc")), tmp_path / "new" / "figures")
    stems = {file.stem for file in files}
    assert {"delay_cdf", "overhead", "reward", "delay_parts", "queues_greedy-do", "queues_lc", "ue_energy"} <= stems
    assert {file.name for file in files} == {f"{stem}.{end}" for stem in stems for end in ("svg", "pdf", "png", "csv")}
    assert sorted(files) == sorted((tmp_path / "new" / "figures").iterdir())
    magic = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}
    assert all(file.read_bytes().startswith(magic.get(file.suffix, b"")) for file in files)
    (width,) = re.findall(
        rb'<svg [^>]*?width="([\d.]+)pt"', (tmp_path / "new" / "figures" / "delay_cdf.svg").read_bytes()
    )
    assert float(width) == pytest.approx(72 * plots.COLUMN_INCHES[0], abs=1)


def test_the_data_is_what_is_drawn(tmp_path):
    (one,) = listed(recorded())
    plots.write([one], tmp_path)
    rows = list(csv.reader((tmp_path / "delay_cdf.csv").open()))
    assert rows[0] == ["line", "delay (s)", "share of tasks"] and rows[-1][2] == "1.0"
    assert float(rows[-1][1]) == max(row.measured_ns for row in one.done) * 1e-9
    parts = list(csv.reader((tmp_path / "delay_parts.csv").open()))[1:]
    assert sum(float(value) for _, _, value in parts) == pytest.approx(one.summary.delay_s.mean)
    assert "nan" not in "".join(file.read_text().lower() for file in tmp_path.glob("*.csv"))


def test_the_same_run_makes_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        plots.write(listed(recorded()), tmp_path / name)
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes(), file.name


def test_a_run_without_tasks_leaves_out_what_has_no_data(tmp_path):
    written = plots.write(listed(recorded(density=0.0, slots=5)), tmp_path)
    assert "delay_cdf.png" not in {file.name for file in written}
    assert "nan" not in "".join(file.read_text().lower() for file in tmp_path.glob("*.csv"))


def test_labels_that_are_no_file_names_get_some_that_differ(tmp_path):
    runs = listed(recorded(name="a$b$"), recorded(slots=40, name="a b"), recorded(slots=41, name="a?b"))
    names = {file.name for file in plots.write(runs, tmp_path)}
    assert sum(name.startswith("queues_") and name.endswith(".svg") for name in names) == 3
    assert all(re.fullmatch(r"[\w.-]+", name) for name in names)
    assert "a$b$" in (tmp_path / "overhead.csv").read_text()


def test_what_learned_is_drawn_too(tmp_path, monkeypatch):
    from testbed.protocol.rows import UpdateRow

    (one,) = listed(recorded())
    names = ("learner", "version", "updates", "at_ns", "loss", "entropy", "reward", "lag", "rate")
    for n in range(20):
        values: dict[str, Any] = dict.fromkeys(names, float(n)) | {
            "learner": "learner",
            "at_ns": n * 10**9,
            "version": n,
            "updates": n,
        }
        values["loss"] = float("nan") if n == 3 else 1.0 / (n + 1)
        one.run.record.updates.append(UpdateRow(**values))
    plots.write([one], tmp_path)
    assert len((tmp_path / "learning_loss.csv").read_text().splitlines()) == 20
    assert (tmp_path / "learning_entropy.pdf").exists()


def test_each_worker_that_learned_has_a_line_of_its_own(tmp_path):
    from testbed.protocol.rows import UpdateRow

    (one,) = listed(recorded())
    numbers = dict.fromkeys(("loss", "entropy", "reward", "lag", "rate"), 1.0)
    one.run.record.updates += [
        UpdateRow(at_ns=n * 10**9, learner=f"learner-{n % 2 + 1}", version=n, updates=n, **numbers) for n in range(6)
    ]
    lines = series.learning_series(one, "version")
    assert [line.name for line in lines] == [f"{one.label} learner-1", f"{one.label} learner-2"]
    assert [line.y for line in lines] == [(0.0, 2.0, 4.0), (1.0, 3.0, 5.0)]
    plots.write([one], tmp_path)
    assert len((tmp_path / "learning_loss.csv").read_text().splitlines()) == 7


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match="cannot be written"):
        plots.write(listed(recorded()), tmp_path / "file")
