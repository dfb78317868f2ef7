"""``testbed train`` for networks: what it prints, keeps and refuses; going on exactly where it stopped."""

import json
import re
import signal

import numpy as np
import pytest

from controller.learn import options
from controller.learn.learner import TrainConfig
from controller.learn.train import Budget, Report
from testbed.cli import main, training_text
from testbed.cli.commands import train as verb
from testbed.cli.progress import ProgressDisplay
from testbed.experiments import train
from testbed.experiments.train import Baseline
from testbed.policy import checkpoint
from testbed.scenario.load import load_scenario
from testbed.trace import inputs
from testbed.twin import build
from tests.command import PATIENCE_S, document, start

SMALL = ("train", "smoke", "--set", "slots=20")


def trained_by(capsys, *args, code=0):
    """``testbed train`` in this process: the JSON document, or what it said on standard error."""
    result = main.main([*SMALL, "--out", "ck", "--json", *args])
    captured = capsys.readouterr()
    assert result == code, captured.err
    return json.loads(captured.out) if code == 0 else captured.err


def arrays(path):
    with np.load(path) as file:
        return {name: file[name] for name in file.files if name != "about"}


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("algorithm", ["a3c-do", "dqn"])
def test_a_trained_checkpoint_is_a_policy_everywhere(place, capsys, algorithm):
    result = trained_by(capsys, "--algorithm", algorithm, "--updates", "3")
    assert (result["algorithm"], result["updates"], result["ended"]) == (algorithm, 3, "updates")
    assert result["overhead"] > 0 and min(result["validation_seeds"]) >= 1_000_000
    policy = f"{algorithm}:{result['checkpoint']}"
    assert main.main(["run", "smoke", "--slots", "10", "--backend", "sim", "--policy", policy, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["policy"] == policy
    for clock in ("sim", "twin"):
        assert (
            main.main(["compare", "smoke", "--slots", "10", "--seeds", "2", "--on", clock, "--policies", policy]) == 0
        )
    assert list((place / "ck" / "tensorboard" / f"{algorithm}-001").glob("events.out.tfevents.*"))


def test_training_that_was_cut_short_goes_on_bit_for_bit(place, capsys, monkeypatch):
    asked = ("--algorithm", "a3c-do", "--updates", "40")
    trained_by(capsys, *asked)
    whole = arrays("ck/a3c-do.npz")
    (place / "ck" / "a3c-do.npz").unlink()
    monkeypatch.setattr(ProgressDisplay, "__call__", _interrupt)
    assert "interrupted" in trained_by(capsys, *asked, code=130)
    monkeypatch.undo()
    monkeypatch.chdir(place)
    assert 0 < arrays("ck/a3c-do.npz")["progress"][0] < 40
    trained_by(capsys, *asked, "--resume")
    resumed = arrays("ck/a3c-do.npz")
    assert all(np.array_equal(whole[name], resumed[name]) for name in ("current", "square", "progress", "rng"))


def test_options_are_kept_in_the_checkpoint_and_demanded_when_it_is_resumed(place, capsys):
    asked = ("--updates", "2", "--terminal", "--option", "memory=4", "--option", "gamma=0.95", "--option", "worlds=2")
    trained_by(capsys, *asked)
    _, about = checkpoint.read(place / "ck" / "a3c-do.npz")
    assert (about["memory"], about["worlds"], about["slots"]) == (4, 2, 20)
    assert (about["settings"]["gamma"], about["settings"]["terminal"], about["settings"]["gae"]) == (0.95, True, 0.8)
    trained_by(capsys, *asked, "--resume")
    other = ("--resume", *asked, "--option", "gamma=0.9")
    assert 'made with gamma "0.95", this training has "0.9"' in trained_by(capsys, *other, code=2)
    assert 'made with memory "4", this training has "0"' in trained_by(capsys, "--resume", "--updates", "2", code=2)


def test_a_training_goes_on_from_the_network_of_another(place, capsys):
    first = trained_by(capsys, "--updates", "2", "--out", "first")["checkpoint"]
    asked = ("--updates", "2", "--start", first)
    trained_by(capsys, *asked, "--option", "rate=1e-9")
    network, begun = (arrays(path)["parameters"] for path in ("ck/a3c-do.npz", first))
    assert np.allclose(network, begun, atol=1e-6)
    trained_by(capsys, *asked)
    trained_by(capsys, *asked, "--resume")
    assert "made with start" in trained_by(capsys, "--updates", "2", "--resume", code=2)
    other = trained_by(capsys, *asked, "--option", "memory=4", code=2)
    assert 'its memory is "0", this training\'s "4"' in other and "leave out --start" in other


def test_the_help_names_every_option():
    resolved = inputs.resolve(load_scenario("smoke"))
    source = build.generator(load_scenario("smoke"), resolved.system, endless=True)
    for algorithm in ("a3c", "dqn"):
        config = TrainConfig(system=resolved.system, source=source, double=True, algorithm=algorithm)
        output = verb.OPTIONS_HELP.partition(f"{algorithm}: ")[2].partition(". dqn")[0]
        named = re.findall(r"([a-z_]+)(?:,| \(|$)", re.sub(r"\([^)]*\)", "()", output))
        assert sorted(named) == sorted(options.names_of(config))


def _interrupt(*shown, **how):
    """Ctrl-C at the first verdict, which alone knows what is left; the heuristics are let play."""
    if "left_s" in how:
        raise KeyboardInterrupt


def test_a_checkpoint_of_another_training_is_refused_with_what_differs(place, capsys):
    assert "No such file" in trained_by(capsys, "--resume", "--updates", "2", code=2)
    trained_by(capsys, "--updates", "2")
    message = trained_by(capsys, "--resume", "--updates", "3", code=2)
    assert 'updates "2", this training has "3"\n  the learning rate falls over the ' in message
    other = ("--resume", "--updates", "2", "--set", "density=0.1")
    assert 'made with density "0.8", this training has "0.1"' in trained_by(capsys, *other, code=2)
    assert 'seed "0", this training has "4"' in trained_by(capsys, "--resume", "--updates", "2", "--seed", "4", code=2)
    path = place / "ck" / "a3c-do.npz"
    path.write_bytes(path.read_bytes()[:5000])
    assert "truncated" in trained_by(capsys, "--resume", "--updates", "2", code=2)
    np.savez(path, about=np.array(json.dumps({"format": checkpoint.FORMAT})), parameters=np.zeros(3))
    assert "made with algorithm" in trained_by(capsys, "--resume", "--updates", "2", code=2)


@pytest.mark.parametrize(
    ("args", "output"),
    [
        (("--workers", "0"), "--workers 0"),
        (("--workers", "100000"), "each is a process"),
        (("--updates", "0"), "--updates 0"),
        (("--seed", "-1"), "--seed -1"),
        (("--wall", "10"), "unit"),
        (("--wall", "0s"), "--wall 0s"),
        (("--head", "hydra"), "sequential"),
        (("--option", "gama=0.9"), 'did you mean "gamma"?'),
        (("--option", "gamma=1.5"), "gamma=1.5: Expected float <= 1.0"),
        (("--option", "vtrace=perhaps"), "vtrace=perhaps: Expected bool"),
        (("--option", "rate=nan"), "rate=nan"),
        (("--option", "memory"), "--option gamma=0.95"),
        (("--option", "memory=99"), "a memory of 99"),
        (("--algorithm", "dqn", "--terminal"), "--terminal is for a3c"),
        (("--algorithm", "dqn", "--synchronous"), "synchronously"),
        (("--algorithm", "priced", "--option", "gamma=1"), "`testbed tune smoke --policy priced`"),
        (("--start", "x.npz"), "x.npz: No such file"),
        (("--seeds", "2", "--start", "x.npz"), "one process trains each seed"),
        (("--option", "average=1"), "average is a number, at least 0, at most 0.99999"),
        (("--workers", "2", "--option", "average=0.9"), "2 workers are not averaged"),
        (("--on", "testbed", "--updates", "5"), "--updates is for --on twin"),
        (("--on", "testbed", "--head", "joint"), "--head is for --on twin"),
        (("--mode", "a3c"), "--mode is for --on testbed"),
        (("--on", "testbed", "--workers", "3"), "each needs cells of its own, of which there are 1"),
        (("--on", "testbed", "--workers", "2", "--synchronous"), "nobody waits for another"),
        (("--on", "testbed", "--mode", "replay", "--synchronous"), "leave out one"),
        (("--on", "testbed", "--start", "x.npz", "--resume"), "leave out one"),
        (("--on", "testbed", "--start", "x.npz"), "x.npz: No such file"),
        (("--on", "testbed", "--resume"), "give --start CHECKPOINT"),
        (("--on", "testbed", "--slots", "32"), "--slots 33 is the least"),
        (("--on", "testbed", "--wall", "1s", "--speed", "4"), "slots=16: too short to learn from"),
        (("--on", "testbed", "--speed", "fast"), "--speed:"),
        (("--speed", "4"), "--speed is for --on testbed"),
        (("--for", "60s"), "give wall time instead, like --wall 60s"),
        (("--on", "testbed", "--for", "32s", "--set", "slot=1 s"), "slots=32: too short"),
        (("--on", "testbed", "--for", "40s", "--wall", "9s"), "give one of them"),
        (("--on", "testbed", "--slots", "9", "--wall", "9s"), "give one of them"),
        (("--on", "testbed", "--algorithm", "dqn"), "not trained on the testbed"),
        (("--on", "testbed", "--set", "agent.reward=paper"), "agent.reward"),
        (("--set", "agent.epoch=arrival"), "epoch"),
    ],
)
def test_mistakes_have_a_remedy(place, capsys, args, output):
    assert output in trained_by(capsys, *args, code=2)


def test_the_best_baseline_is_the_best_stable_heuristic(place):
    scenario = load_scenario("smoke", ["slots=30"])
    job = train.TrainingJob(scenario=scenario, algorithm="a3c", seed=0, budget=Budget(updates=1), folder=place)
    result = train.Training(job).baseline()
    assert result.policy in ("lc", "offload", "random", "greedy", "priced")
    assert 0 < result.overhead < 10


def test_what_a_user_has_tuned_is_left_alone_when_a_network_is_trained(place, capsys):
    (place / "ck").mkdir()
    (place / "ck" / "priced-do.json").write_text("mine")
    trained_by(capsys, "--updates", "2")
    assert (place / "ck" / "priced-do.json").read_text() == "mine"


def test_training_ends_on_a_plateau(place, capsys, monkeypatch):
    monkeypatch.setattr("controller.learn.train._PATIENCE", 3)
    monkeypatch.setattr("controller.learn.train.Evaluator.evaluate", _no_gain)
    job = train.TrainingJob(
        scenario=load_scenario("smoke"),
        algorithm="a3c-do",
        seed=0,
        budget=Budget(seconds=0.0, updates=100, workers=1, every_s=0.0, every_updates=2, early_stop=True),
        folder=place,
    )
    result = train.Training(job).run(Baseline(), lambda report: None, lambda text: None)
    assert (result.ended, result.updates) == ("plateau", 8)


def _no_gain(evaluator, flat):
    evaluator._stale = 0 if np.isinf(evaluator.best) else evaluator._stale + 1
    evaluator.best, evaluator.best_flat = 0.5, flat.copy()
    return 0.5


REPORT = Report(
    seconds=10.0, updates=500, rate=50.0, lag=0.5, slots=1000, overhead=0.66, best=0.63, entropy=0.4, reward=-6.0
)


def test_progress_tells_overhead_against_the_baseline_pace_and_time_left():
    output = training_text.text(REPORT, Baseline("priced-do", 0.70))
    assert output == "overhead 0.6600, best 0.6300 (-10.0 % against priced-do's 0.7000), 50 updates/s, lag 0.5"
    assert training_text.line(REPORT, Baseline("priced-do", 0.70)) == f"10 s: {output}"
    assert (
        training_text.brief(REPORT, Baseline("priced-do", 0.70)) == "best 0.6300 (-10.0 % to priced-do), 50/s, lag 0.5"
    )
    assert training_text.against(0.63, Baseline()) == ""
    assert training_text.left_s(REPORT, Budget(seconds=60)) == 50.0
    assert training_text.left_s(REPORT, Budget(seconds=0, updates=1000)) == 10.0
    assert training_text.left_s(REPORT, Budget(seconds=15, updates=1000)) == 5.0
    assert training_text.done(REPORT, Budget(seconds=20, updates=1000)) == 0.5


@pytest.mark.live
@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_interrupted_training_ends_with_an_evaluation_and_a_checkpoint(tmp_path, workers):
    process = start("train", "smoke", "--wall", "600s", "--workers", workers, "--out", "c", cwd=tmp_path)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if "updates/s" in line:
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130 and "(interrupted)" in out and "Traceback" not in out + err
    assert "--resume goes on" in err and (tmp_path / "c" / "a3c-do.npz").exists()


def test_asynchronous_workers_stop_at_the_updates_asked_for(tmp_path):
    content = document("train", "smoke", "--updates", "40", "--workers", "2", "--out", "c", cwd=tmp_path)
    assert content["ended"] == "updates" and 40 <= content["updates"] <= 41
