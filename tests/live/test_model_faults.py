"""Faults asked for while a run goes on, on a clock of the test: what is told of them, and when."""

from types import SimpleNamespace

import pytest

from testbed.live.model_faults import ModelFaults
from testbed.live.pauses import Pauses
from testbed.model.delay import NS_PER_S
from testbed.protocol.placement import processes_of
from testbed.record.fault_requests import FaultRequest
from testbed.scenario.dump import dump_resolved
from testbed.scenario.load import parse_scenario
from testbed.trace import inputs
from tests.live.fake_supervisor import FakeSupervisor

S = NS_PER_S


class FakeClock:
    """Stands where the test puts it."""

    at_ns, speed = 0, 1.0

    def now_ns(self):
        return self.at_ns


class Launcher:
    """A run that goes on; telling everybody of a change takes it ``busy_ns``."""

    def __init__(self, run_dir, busy_ns=0):
        resolved = inputs.resolve(parse_scenario("name: calm\nslots: 60\n"))
        tasks = inputs.generate(resolved.scenario, resolved.system)
        self.plan = resolved.plan(tasks, "offload-do", second_offload=True, live=True)
        self.run_dir, self.processes, self._busy_ns = run_dir, processes_of(self.plan), busy_ns
        self.told: list[tuple[str, str]] = []
        (run_dir / "scenario.yaml").write_text(dump_resolved(resolved, ""), encoding="utf-8")
        self.clock = FakeClock()
        self.recorder = SimpleNamespace(add=lambda rows: self.told.extend((row.kind, row.detail) for row in rows))

    def follow(self, plan, revision):
        self.plan = plan
        self.clock.at_ns += self._busy_ns


def asking(launcher):
    """Ask at an instant, then look on a second later; gives why not, and what was told meanwhile."""
    faults = ModelFaults(launcher, Pauses(FakeSupervisor(), lambda *_: None), lambda _: True)

    def ask(at_ns, do, name):
        launcher.clock.at_ns = at_ns
        faults.act(at_ns)
        launcher.told.clear()
        why = faults.change(FaultRequest(do, name))
        faults.act(launcher.clock.at_ns + S)
        return why, list(launcher.told)

    return ask


@pytest.mark.parametrize("busy_ns", [0, 400_000_000])
def test_what_begins_or_ends_while_everybody_is_being_told_is_told_all_the_same(tmp_path, busy_ns):
    ask = asking(Launcher(tmp_path, busy_ns))
    assert ask(3 * S, "slow", "es-2 to 50%") == (
        "",
        [("fault_asked", "slow es-2 to 50%"), ("fault_began", "slow es-2 to 0.5")],
    )
    assert ask(6 * S, "lift", "es-2") == ("", [("fault_asked", "lift es-2"), ("fault_over", "slow es-2 to 0.5")])


@pytest.mark.parametrize("then", [("lift", "overload cell 1"), ("overload", "cell 1 x 2")])
def test_an_overload_in_which_no_slot_has_begun_can_be_lifted_or_replaced(tmp_path, then):
    launcher = Launcher(tmp_path)
    ask = asking(launcher)
    assert ask(3 * S + S // 10, "overload", "cell 1 x 3")[0] == ""
    launcher.clock.at_ns = 3 * S + S // 2
    why, told = ask(3 * S + S // 2, *then)
    assert why == "" and ("fault_over", "overload cell 1 x 3") in told
    assert [one.what for one in launcher.plan.disturbances] == (
        ["overload cell 1 x 2"] if then[0] == "overload" else []
    )
