"""A hundred thousand mutated frames at every decoder; `python -m tests.protocol.fuzz` tries ten million."""

from testbed.protocol.validation import Validator
from tests.protocol import fuzz


def test_mutated_frames_are_refused_in_a_line_or_borne():
    sums = fuzz.Fuzzer(fuzz.a_plan()).block(0)
    assert sums.failures == []
    for outcome in ("refused by the decoder", "refused by the validator", "let pass"):
        assert sums.outcomes[f"message: {outcome}"] > 500
    for other in ("host agent's line", "request", "orders"):
        assert sums.outcomes[f"{other}: refused"] > 500


def test_the_fuzzer_notices_a_validator_that_believes_everything(monkeypatch):
    monkeypatch.setattr(Validator, "refusal", lambda self, envelope, now_ns: "")
    assert fuzz.Fuzzer(fuzz.a_plan()).block(0).failures


def test_it_goes_on_where_it_was_ended(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fuzz, "BLOCK", 300)
    out = ["--out", str(tmp_path / "fuzz.jsonl")]
    assert fuzz.main(["600", *out]) == 0
    first = (tmp_path / "fuzz.jsonl").read_text()
    assert fuzz.main(["900", *out]) == 0
    assert (tmp_path / "fuzz.jsonl").read_text().startswith(first)
    assert "900 frames, 0 failures" in capsys.readouterr().out
