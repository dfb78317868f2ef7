"""Where a user's files are: what is missing, leads elsewhere or can be read only once is said as it is."""

import os

import pytest

from tests.command import call


@pytest.fixture(name="own")
def _own(tmp_path):
    """The name of a user's scenario in ``tmp_path``."""
    (tmp_path / "my site.yaml").write_text("{slots: 2, cells: [{ues: 1}]}")
    return "my site.yaml"


@pytest.mark.parametrize(
    ("verb", "policy", "made_by"),
    [
        (("run", "--backend", "sim"), "priced-do:nowhere.json", "tune 'my site.yaml' --policy"),
        (("compose",), "a3c:nowhere.npz", "train 'my site.yaml' --algorithm"),
        (("run", "--learn"), "a3c-do:nowhere.npz", "train 'my site.yaml' --algorithm"),
    ],
)
def test_the_remedy_of_a_missing_checkpoint_names_the_scenario_at_hand(tmp_path, own, verb, policy, made_by):
    output = call(verb[0], own, *verb[1:], "--policy", policy, cwd=tmp_path, code=2).stderr
    assert f"`testbed {made_by} {policy.partition(':')[0]}` makes one" in output


def test_a_comparison_names_the_scenario_at_hand_too(tmp_path, own):
    output = call("compare", own, "--policies", "lc,priced:gone.json", cwd=tmp_path, code=2).stderr
    assert f"`testbed tune '{own}' --policy priced` makes one" in output


def test_training_that_has_nothing_to_go_on_from_says_so(tmp_path, own):
    output = call("train", own, "--resume", "--updates", "1", cwd=tmp_path, code=2).stderr
    assert "a3c-do.npz: No such file" in output and "leave out --resume to train anew" in output
    output = call("train", own, "--on", "testbed", "--start", "gone.npz", cwd=tmp_path, code=2).stderr
    assert f"`testbed train '{own}' --algorithm a3c-do` makes one" in output


def test_containers_need_a_scenario_that_can_be_read_again(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    output = call("compose", "pipe", cwd=tmp_path, code=2).stderr
    assert "pipe can be read only once" in output and "save it in a file" in output


@pytest.mark.parametrize("verb", ["check", "verify"])
def test_a_directory_that_is_no_run_is_called_one(tmp_path, verb):
    (tmp_path / "nothere").mkdir()
    output = call(verb, "nothere", cwd=tmp_path, code=2).stderr
    assert "nothere is a directory without a scenario.yaml" in output


def test_what_a_link_leads_to_is_written_although_it_is_not_there_yet(tmp_path, own):
    call("run", own, "--backend", "sim", "--out", "r", cwd=tmp_path)
    (tmp_path / "page.html").symlink_to("later.html")
    call("report", "r", "--html", "page.html", cwd=tmp_path)
    assert (tmp_path / "page.html").is_symlink() and "<html" in (tmp_path / "later.html").read_text()
    (tmp_path / "lost.html").symlink_to("gone/page.html")
    output = call("report", "r", "--html", "lost.html", cwd=tmp_path, code=3).stderr
    assert "lost.html cannot be written: No such file or directory" in output


def test_links_that_lead_in_a_circle_are_called_that(tmp_path, own):
    call("run", own, "--backend", "sim", "--out", "r", cwd=tmp_path)
    (tmp_path / "a.csv").symlink_to("b.csv")
    (tmp_path / "b.csv").symlink_to("a.csv")
    for option in (("report", "r", "--html"), ("compose", own, "-o"), ("import", "csv", "r/workload.csv", "-o")):
        output = call(*option, "a.csv", cwd=tmp_path, code=3).stderr
        assert "a.csv cannot be written: Too many levels of symbolic links" in output
    (tmp_path / "traced.yaml").write_text("workload: {trace: a.csv}")
    assert 'there is no file "a.csv"' in call("check", "traced.yaml", cwd=tmp_path, code=2).stderr
