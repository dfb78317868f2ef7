"""What deciding for a whole region takes the controller: ``python benchmarks/region_answers.py [--json]``.

CPU time of its core, sockets left out, from the last ask of a slot to the answers to all UEs; a network of the head
`regional` decides, asked in numpy and in compiled code, which must give the same answers before they are timed.
"""

import argparse
import time

import numpy as np

from controller.server import DecisionServer
from harness import report, table
from testbed.model.delay import MS_PER_NS
from testbed.model.system import System
from testbed.model.task import Task
from testbed.planning.answering import answering
from testbed.policy.network import REGIONAL, initial, layout
from testbed.policy.planned import Regional
from testbed.policy.regional import RegionalNetwork
from testbed.protocol.actions import Action, Send
from testbed.protocol.messages import Announce, Ask
from testbed.scenario.load import load_scenario
from testbed.trace import inputs

CELL = "{{es: {{cpu: {} GHz}}, ues: {}}}"
NETWORK = RegionalNetwork(initial(1, layout(REGIONAL)), double=True)
BACKLOG_NS, OWN_CYCLES = 300_000_000, 10**9


class Region:
    """`region` at ρ = 0.7 with so many UEs a cell, its servers as much faster, and its tasks by slot and UE."""

    def __init__(self, cell_ues: int, slots: int) -> None:
        cells = ", ".join(CELL.format(gigahertz * cell_ues / 5, cell_ues) for gigahertz in (4, 3, 2))
        resolved = inputs.resolve(load_scenario("region", [f"slots={slots}", "density=0.7", f"cells=[{cells}]"]))
        self.system: System = resolved.system
        self.slots = slots
        self._tasks: dict[tuple[int, int], list[Task]] = {}
        for task in inputs.generate(resolved.scenario, resolved.system):
            self._tasks.setdefault((-(-task.generated_ns // self.system.slot_ns), task.ue), []).append(task)

    def ask(self, ue: int, slot: int) -> Ask:
        """What a UE asks in a slot."""
        tasks = tuple(self._tasks.get((slot, ue), ()))
        return Ask(ue=self.system.ues[ue].name, slot=slot, at_ns=slot * self.system.slot_ns, queue_ns=0, tasks=tasks)

    def announces(self, slot: int) -> list[Announce]:
        """What its servers announce in a slot, as if they were always as busy."""
        waits = [(0,) * len(ues) for ues in self.system.ues_by_cell()]
        return [
            Announce(
                es=es.name,
                slot=slot,
                at_ns=slot * self.system.slot_ns,
                radio_wait_ns=wait,
                backlog_ns=BACKLOG_NS,
                own_cycles=OWN_CYCLES,
            )
            for es, wait in zip(self.system.edge_servers, waits, strict=True)
        ]


def played(region: Region, policy: Regional) -> tuple[list[int], list[object]]:
    """CPU time in ns of each slot's answers, and the answers."""
    server = DecisionServer(region.system, policy)
    spent: list[int] = []
    answers: list[Action] = []
    for slot in range(region.slots):
        *others, last = (region.ask(ue.index, slot) for ue in region.system.ues)
        for event in (*region.announces(slot), *others):
            server.handle(last.at_ns, event)
        begun = time.process_time_ns()
        actions = server.handle(last.at_ns, last)
        spent.append(time.process_time_ns() - begun)
        answers += actions
    return spent, [action.body for action in answers if isinstance(action, Send)]


def measured(cell_ues: int, slots: int) -> list[tuple[str, ...]]:
    """Rows of the table for so many UEs a cell; the first tenth of the slots is left out."""
    region = Region(cell_ues, slots)
    rows: list[tuple[str, ...]] = []
    known: list[object] = []
    for how, policy in (("numpy", NETWORK), ("compiled", answering(region.system, NETWORK))):
        spent, answers = played(region, policy)
        if known and answers != known:
            raise SystemExit("numpy and compiled code decide differently")
        known = answers
        p50, p99 = np.percentile(np.array(spent[slots // 10 :]) * MS_PER_NS, (50, 99))
        rows.append((str(3 * cell_ues), how, f"{len(answers) / slots:.0f}", f"{p50:.2f}", f"{p99:.2f}"))
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="deciding for a region")
    parser.add_argument("--slots", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows = [row for cell_ues in (5, 100) for row in measured(cell_ues, args.slots)]
    report(args, rows, table(("UEs", "network", "answers a slot", "p50 ms", "p99 ms"), rows))


if __name__ == "__main__":
    main()
