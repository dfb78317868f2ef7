"""What a run that learns, or plays a closed loop, cannot be; and what a closed loop leaves as its workload."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from testbed.analysis import run_reward
from testbed.model.errors import ScenarioError, UsageError
from testbed.model.system import EPOCH_SLOT, Plan, System
from testbed.model.task import Task, TaskTable
from testbed.protocol.rows import TaskRow
from testbed.record import directory
from testbed.record.backends import TWIN, VIRTUAL
from testbed.record.files import keep
from testbed.scenario import workload as tables
from testbed.scenario.closed_loop import realised
from testbed.scenario.resolve import Resolved


def refuse_to_learn(resolved: Resolved, backend: str, workers: int) -> None:
    """Raise `UsageError` or `ScenarioError` for what cannot be learned from."""
    if backend in VIRTUAL:
        raise UsageError("--learn learns from what a testbed measured", "add --backend testbed")
    if resolved.system.epoch != EPOCH_SLOT:
        raise ScenarioError("agent.epoch: --learn needs decisions in every slot", remedy="add --set agent.epoch=slot")
    if resolved.scenario.agent.reward != run_reward.HOLDING:
        kind = resolved.scenario.agent.reward
        raise ScenarioError(
            f'agent.reward "{kind}": --learn earns "{run_reward.HOLDING}"',
            remedy=f"add --set agent.reward={run_reward.HOLDING}",
        )
    cells = len(resolved.system.edge_servers)
    if workers > cells:
        raise UsageError(
            f"--workers {workers}: each needs cells of its own, of which there are {cells}",
            f"give at most --workers {cells}",
        )


def refuse_closed_loop(plan: Plan, backend: str) -> None:
    """Raise `UsageError` for what cannot be played in a closed loop."""
    if backend == TWIN:
        raise UsageError(
            "--closed-loop: the twin plays tasks at instants known before", "add --on sim, or --on testbed"
        )
    if plan.system.epoch != EPOCH_SLOT:
        raise UsageError("--closed-loop needs decisions in every slot", "add --set agent.epoch=slot")
    ues = {ue.name for ue in plan.system.ues}
    if killed := next((fault.name for fault in plan.faults if fault.name in ues), ""):
        raise UsageError(f"--closed-loop: {killed} is killed, and would not know where it was", "add --no-faults")


def keep_came(path: Path, workload: Sequence[Task], rows: Iterable[TaskRow], system: System) -> TaskTable:
    """The tasks that came in the closed loop of the run at ``path``, which become its workload."""
    tasks = realised(workload, [(row.ue, row.number, row.generated_ns) for row in rows], system)
    keep(path / directory.WORKLOAD, tables.format_csv(tasks, system).encode())
    return tasks
