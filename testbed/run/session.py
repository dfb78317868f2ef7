"""One run from its scenario to its summary, on whatever clock."""

import contextlib
import datetime
import importlib
import importlib.metadata
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from controller import policies
from testbed.model.decide import Policy
from testbed.model.errors import ScenarioError, UsageError
from testbed.model.printable import printable
from testbed.model.scenario import Resolved
from testbed.model.system import EPOCH_SLOT, Plan
from testbed.model.task import INTERRUPTED, NEVER_BEGAN_NS, Task
from testbed.node.recorder import Recorder
from testbed.run import costs, needs, payload, preflight, record, reward, rundir
from testbed.run.alive import birth
from testbed.run.encoding import readable
from testbed.run.grading import graded
from testbed.run.interrupt import stop_on_interrupt
from testbed.run.output import warn
from testbed.run.processes import processes_of
from testbed.run.progress import Progress
from testbed.run.record import Run
from testbed.run.summary import Summary, summarise
from testbed.run.virtual import SIM, TESTBED, TWIN, VIRTUAL, by_twin, refuse
from testbed.sim.book import Simulated
from testbed.sim.clock import Recorded, Simulation

PROGRESS_EVENTS = 2000


Observer = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Nobody watches."""


class Order(msgspec.Struct, frozen=True):
    """What to run: a resolved scenario, its workload, the strategy by name, the clock and where to record it.

    ``answers`` repeats recorded decisions instead of asking the policy (simulation only). With ``learn`` the policy
    goes on learning from what the run measures.
    """

    resolved: Resolved
    workload: tuple[Task, ...]
    policy: str
    backend: str = TESTBED
    out: str | None = None
    base: str = ""
    answers: Recorded | None = None
    second_offload: bool | None = None
    auto_speed: bool = False
    learn: bool = False
    notes: dict[str, Any] = {}


def execute(order: Order, progress: Observer = silent, started: Callable[[Path, Plan], None] | None = None) -> Run:
    """Run it and read it back; see `perform`."""
    return record.read_run(perform(order, progress, started))


def perform(order: Order, progress: Observer = silent, started: Callable[[Path, Plan], None] | None = None) -> Path:
    """Run it; returns its directory, which ``started`` hears before, with the plan. Raises `TestbedError`."""
    policy, double = _policy(order)
    if order.second_offload is not None:
        double = order.second_offload
    plan = planned(order, double)
    if order.backend == TWIN:
        refuse(plan)
    if order.backend == TESTBED:
        needs.provide(plan, len(processes_of(plan)))
    base = order.base or f"{rundir.slug(order.resolved.system.name)}-{rundir.slug(order.policy)}"
    path = rundir.create(base, order.out)
    meta = describe(order, plan, path)
    header = "\n".join(f"{key}: {meta[key]}" for key in ("run", "policy", "backend", "speed", "burn", "versions"))
    rundir.write_inputs(path, _sped(order.resolved, plan), order.workload, f"resolved from one run\n{header}")
    _note(path, meta)
    try:
        if started is not None:
            started(path, plan)
        if order.backend == SIM:
            _keep(_simulate(plan, policy, order.answers, progress), path, order.resolved)
        elif order.backend == TWIN:
            _keep(by_twin(plan, policy), path, order.resolved)
        else:
            _launch(msgspec.structs.replace(plan, policy=policies.kept(order.policy, path)), path, progress)
            _reward(path)
    except KeyboardInterrupt:
        _note(path, {"reason": INTERRUPTED, "end_ns": NEVER_BEGAN_NS})
    return path


def _policy(order: Order) -> tuple[Policy | None, bool]:
    """The policy, None where the clock does not ask it here, and whether second offload is on."""
    if order.answers is not None:
        return None, False
    if order.learn:
        _refuse_to_learn(order)
        return None, policies.load_to_learn(order.policy)
    return policies.load(order.policy)


def _refuse_to_learn(order: Order) -> None:
    """Raise `UsageError` or `ScenarioError` for what cannot be learned from."""
    if order.backend in VIRTUAL:
        raise UsageError("--learn learns from what a testbed measured", "add --backend testbed")
    if order.resolved.system.epoch != EPOCH_SLOT:
        raise ScenarioError("agent.epoch: --learn needs decisions in every slot", remedy="add --set agent.epoch=slot")
    if order.resolved.agent.reward != reward.HOLDING:
        kind = order.resolved.agent.reward
        raise ScenarioError(
            f'agent.reward "{kind}": --learn earns "{reward.HOLDING}"',
            remedy=f"add --set agent.reward={reward.HOLDING}",
        )


def summary_of(run: Run) -> Summary:
    """The summary of a run, with its fidelity."""
    return summarise(run, graded(run))


def planned(order: Order, double: bool) -> Plan:
    """The plan: automatic speed and burn fitted to this host."""
    live = order.backend not in VIRTUAL
    plan = order.resolved.plan(order.workload, order.policy, double, live)
    plan = msgspec.structs.replace(plan, learn=order.learn)
    if not live:
        return plan
    payload.refuse(plan)
    known = costs.kept() or (costs.measured(warn) if order.auto_speed else costs.Costs())
    return preflight.fitted(plan, known, order.auto_speed)


def _sped(resolved: Resolved, plan: Plan) -> Resolved:
    """The scenario as it is run: with the speed that was chosen."""
    given = resolved.scenario
    emulation = msgspec.structs.replace(given.emulation, speed=plan.emulation.speed)
    return msgspec.structs.replace(resolved, scenario=msgspec.structs.replace(given, emulation=emulation))


def describe(order: Order, plan: Plan, path: Path) -> dict[str, Any]:
    """What the record's ``meta`` says of a run."""
    simulated = order.backend in VIRTUAL
    found = {
        "run": printable(readable(path.resolve().name)),
        "scenario": plan.system.name,
        "policy": order.policy,
        "second_offload": plan.second_offload,
        "learn": plan.learn,
        "seed": plan.system.seed,
        "slots": plan.system.slots,
        "system": msgspec.json.encode(plan.system).decode(),
        "backend": order.backend,
        "speed": plan.emulation.speed,
        "advised_speed": 0.0 if simulated else preflight.advised_speed(plan, costs.kept() or costs.Costs()),
        "burn": 0.0 if simulated else plan.emulation.burn,
        "payload": "declared" if simulated else plan.emulation.payload,
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "launcher_pid": os.getpid(),
        "launcher_started": birth(os.getpid()),
        "versions": versions(),
        **order.notes,
    }
    return {key: readable(value) if isinstance(value, str) else value for key, value in found.items()}


def versions() -> dict[str, str]:
    """Versions of what a run's numbers depend on."""
    found = {"python": platform.python_version()}
    for name in ("edge-testbed", "msgspec", "pyzmq"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def _note(path: Path, meta: dict[str, Any]) -> None:
    Recorder(path / rundir.RECORD, meta).close(ended=False)


def _simulate(plan: Plan, policy: Policy | None, answers: Recorded | None, progress: Observer) -> Simulated:
    simulation = Simulation(plan, policy, answers)
    total = len(plan.workload)

    def observe(now_ns: int, finished: int) -> None:
        progress(Progress("simulating", now_ns, finished, total, 0, 0))

    simulation.observe(observe, PROGRESS_EVENTS)
    with stop_on_interrupt(lambda: simulation.stop(INTERRUPTED)):
        return simulation.run()


def _keep(made: Simulated, path: Path, resolved: Resolved) -> None:
    recorder = Recorder(path / rundir.RECORD)
    for rows in (made.tasks, made.slots, made.ue_slots, made.links, made.events):
        recorder.add(rows)
    recorder.add(reward.by_slot(made.tasks, resolved.system, resolved.agent.reward))
    recorder.put({"reason": made.reason, "end_ns": made.end_ns})
    recorder.close()


def _reward(path: Path) -> None:
    """Write the rewards of a live run, which are known when its last task has ended."""
    run = record.read_run(path)
    recorder = Recorder(path / rundir.RECORD)
    recorder.add(reward.by_slot(run.tasks, run.resolved.system, run.resolved.agent.reward))
    recorder.close()


def _launch(plan: Plan, path: Path, progress: Observer) -> None:
    launch = importlib.import_module("testbed.run.launch").launch
    launch(plan, path, progress)
