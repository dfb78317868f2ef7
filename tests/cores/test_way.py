"""What stands for a task on its way, from the workload to the record: no more than ARCHITECTURE.md tells."""

import ast
import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from testbed.model.delay import NS_PER_S
from testbed.model.system import Plan
from testbed.model.task import LOCAL, OFFLOAD
from testbed.policy.heuristics import FixedChoice
from testbed.protocol import messages
from testbed.sim.simulation import Simulation
from tests.support import system, task_of
from tools.code_counts import ways

ROOT = Path(__file__).resolve().parents[2]
CORES = ("ue_agent", "edge_server", "controller", "testbed/protocol")
MOST = 9
MESSAGES = {message.__name__ for message in get_args(messages.Body)}
# Events that carry a job, what would have to be said anew of one if the plan changed, what a learner is told, and
# what stands for messages to and from the UEs of a crowd.
BESIDE_THE_WAY = {"Arrived", "TakenBack", "Answer", "Onward", "Seen", "Outcome", "Asks", "Returns"}
NOTICES = {"Moved", "Announce"}


def structs():
    """Every struct of the cores and of what passes between them: name → (file, the types of its fields as text)."""
    for package in CORES:
        for path in sorted((ROOT / package).glob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef) and any(
                    ast.unparse(base).endswith(("Struct", "Message")) for base in node.bases
                ):
                    types = [ast.unparse(field.annotation) for field in node.body if isinstance(field, ast.AnnAssign)]
                    yield node.name, (str(path.relative_to(ROOT)), types)


@pytest.mark.parametrize("kind", ["local", "offloaded", "forwarded"])
def test_a_task_takes_at_most_nine_shapes(kind):
    count, way = ways()[kind]
    assert len(set(way)) == count <= MOST


def test_no_other_struct_of_a_core_or_a_message_holds_a_task():
    told = {shape for _, way in ways().values() for shape in way}
    carriers = {
        name
        for name, (_, types) in structs()
        if any(re.search(r"\b(Task|Job|Flight|Ask|Decision|Post|Forward|Result)\b", kind) for kind in types)
    }
    assert carriers - told == BESIDE_THE_WAY
    assert told - MESSAGES == {"Task", "Flight", "Job", "TaskRow"}


def test_every_shape_is_where_the_page_says():
    table = dict(re.findall(r"^\| `(\w+)` \| `([\w/]+\.py)` \|", (ROOT / "ARCHITECTURE.md").read_text("utf-8"), re.M))
    homes = {name: path for name, (path, _) in structs()} | {"Task": "testbed/model/task.py"}
    assert table == {shape: homes[shape] for _, way in ways().values() for shape in way}


class Sent(Simulation):
    """A simulation that notes what is sent about each task, by UE and number."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.about = {}

    def _send(self, source, send):
        body = send.body
        tasks = getattr(body, "tasks", ()) or ((body.task,) if hasattr(body, "task") else ())
        numbers = {task.number for task in tasks} | ({body.number} if hasattr(body, "number") else set())
        if isinstance(body, messages.Decision):
            numbers = {body.slot}
        for number in numbers:
            self.about.setdefault(number, []).append(type(body).__name__)
        super()._send(source, send)


@pytest.mark.parametrize(
    ("kind", "choice", "threshold_ns"),
    [("local", LOCAL, NS_PER_S), ("offloaded", OFFLOAD, 10 * NS_PER_S), ("forwarded", OFFLOAD, 0)],
)
def test_what_is_sent_about_a_task_is_what_the_page_tells(kind, choice, threshold_ns):
    """Tasks of slots 0 and 1, each decided in its own slot; the second finds its ES busy with the first."""
    region = system((1, 1), (NS_PER_S // 4, NS_PER_S), slots=4)
    region = msgspec.structs.replace(region, threshold_ns=threshold_ns)
    tasks = tuple(task_of(0, number, at=number * NS_PER_S, cycles=NS_PER_S, bits=80_000) for number in (0, 1))
    plan = Plan(system=region, workload=tasks, policy=kind, second_offload=True)
    simulation = Sent(plan, FixedChoice(choice))
    rows = simulation.run().tasks
    assert rows[1].forwarded == (kind == "forwarded") and rows[1].finished_ns > 0
    sent = [name for name in simulation.about[1] if name not in NOTICES]
    assert sent == [shape for shape in ways()[kind][1] if shape in MESSAGES]
