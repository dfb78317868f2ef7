"""`testbed run` on processes: start them, give them one epoch, record what they tell, act out faults, end cleanly."""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from testbed.model.errors import StartError
from testbed.model.system import LEARNER, Plan
from testbed.model.task import DRAIN_LIMIT, INTERRUPTED
from testbed.node.clock import Clock
from testbed.node.line import LAUNCHER, WORDS
from testbed.node.process import ORDERS, Orders
from testbed.node.recorder import Recorder
from testbed.node.socket import Mailbox, envelope
from testbed.protocol.codec import Envelope
from testbed.protocol.messages import Body, Hello, Rows, Start, Stop
from testbed.protocol.rows import EventRow
from testbed.run.children import Nursery
from testbed.run.faults import Faults
from testbed.run.host import HostLoad
from testbed.run.interrupt import collected_signals
from testbed.run.liveness import Liveness
from testbed.run.progress import Ledger, Progress

READY_TIMEOUT_NS = 60_000_000_000
STOP_TIMEOUT_NS = 5_000_000_000
HEAD_START_NS = 150_000_000
SOCKET_LIMIT = 100


class Ended(msgspec.Struct, frozen=True):
    """How a run ended: ``reason`` "" (drained), "drain limit" or "interrupted"; seconds until all were ready."""

    reason: str
    end_ns: int
    ready_s: float


def launch(
    plan: Plan, run_dir: Path, progress: Callable[[Progress], None] | None = None,
    meta: Mapping[str, object] | None = None,
) -> Ended:  # fmt: skip
    """Run ``plan`` on processes, recording into ``run_dir``; raises `StartError` when they cannot be started."""
    with collected_signals() as interrupted, _prepared(run_dir) as here:
        return Launcher(plan, run_dir, here, progress, meta or {}, interrupted).run()


@contextlib.contextmanager
def _prepared(run_dir: Path) -> Iterator[str]:
    """The run's private folders; yields a short path to the run directory (socket paths are limited to 107 bytes)."""
    link = None
    try:
        for name, mode in (("sock", 0o700), ("node", 0o700), ("logs", 0o755)):
            (run_dir / name).mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError as error:
        raise StartError(f"{run_dir} cannot be written: {error.strerror or error}") from None
    here = min(os.path.relpath(run_dir), str(run_dir.resolve()), key=len)
    if len(here) > SOCKET_LIMIT - len("/sock/launcher"):
        link = tempfile.mkdtemp(prefix="testbed-")
        here = os.path.join(link, "run")
        os.symlink(run_dir.resolve(), here)
    try:
        yield here
    finally:
        shutil.rmtree(run_dir / "sock", ignore_errors=True)
        shutil.rmtree(run_dir / "node", ignore_errors=True)
        if link is not None:
            shutil.rmtree(link, ignore_errors=True)


def processes_of(plan: Plan) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Every process of a run: name → (role, names of its cores); ``ues_per_process`` UEs share one."""
    found: dict[str, tuple[str, tuple[str, ...]]] = {"controller": ("controller", ("controller",))}
    found |= {es.name: ("edge_server", (es.name,)) for es in plan.system.ess}
    names = [ue.name for ue in plan.system.ues]
    pack = plan.emulation.ues_per_process
    for first in range(0, len(names), pack):
        group = tuple(names[first : first + pack])
        found[group[0] if pack == 1 else f"ues-{first // pack + 1}"] = ("ue_agent", group)
    if plan.learn:
        found[LEARNER] = ("controller.live", (LEARNER,))
    return found


class Launcher:
    """One run; `launch` is the way to use it."""

    def __init__(
        self, plan: Plan, run_dir: Path, here: str, progress: Callable[[Progress], None] | None,
        meta: Mapping[str, object], interrupted: list[int],
    ) -> None:  # fmt: skip
        self.plan, self.run_dir, self.interrupted = plan, run_dir, interrupted
        self.processes = processes_of(plan)
        self._show = progress or (lambda _: None)
        self._began_ns = time.monotonic_ns()
        self.recorder = Recorder(run_dir / "run.db", meta)
        self.ledger = Ledger(plan)
        self._write_orders()
        addresses = {name: f"ipc://{here}/sock/{name}" for name in self.processes}
        self.mailbox = Mailbox(f"ipc://{here}/sock/{LAUNCHER}", addresses, real_payload=False)
        self.clock = Clock(2**62, plan.emulation.speed)
        self._load = HostLoad()
        self.liveness = Liveness(self.mailbox, self._keep, self._now)

    def _write_orders(self) -> None:
        cores = {name: cores for name, (_, cores) in self.processes.items()}
        addresses = {name: f"ipc://sock/{process}" for process, names in cores.items() for name in (process, *names)}
        addresses[LAUNCHER] = f"ipc://sock/{LAUNCHER}"
        orders = Orders(self.plan, addresses, cores)
        (self.run_dir / ORDERS).write_bytes(msgspec.msgpack.encode(orders))

    def run(self) -> Ended:
        """Start, run, stop; whatever happens, no process is left and the record is closed."""
        reason, ready_s = INTERRUPTED, 0.0
        nursery: Nursery | None = None
        try:
            nursery = Nursery(self.run_dir)
            self.faults = Faults(self, nursery)
            if self._start(nursery):
                ready_s = (time.monotonic_ns() - self._began_ns) * 1e-9
                self.recorder.put({"ready_s": ready_s})
                reason = self._work()
            self._stop(nursery, reason)
        finally:
            if nursery is not None:
                nursery.close()
            self.mailbox.close()
            end_ns = self._now()
            self._finish(reason, end_ns)
        return Ended(reason, end_ns, ready_s)

    def _finish(self, reason: str, end_ns: int) -> None:
        """Write the failed tasks' rows, the host's load and how the run ended."""
        self.recorder.add(self.ledger.failed_rows(self.faults_absences(), end_ns, reason))
        self.recorder.add([EventRow(end_ns, LAUNCHER, "host", self._load.to_json(), self._load.steal())])
        self.recorder.put({"reason": reason, "end_ns": end_ns})
        self.recorder.close()

    def faults_absences(self) -> dict[str, list[tuple[int, int]]]:
        """Intervals of absence of every core so far."""
        return self.faults.absences if hasattr(self, "faults") else {}

    # Starting --------------------------------------------------------------------------------------------------------

    def _start(self, nursery: Nursery) -> bool:
        """Start every process and give them the epoch; False if interrupted meanwhile."""
        for name, (role, _) in self.processes.items():
            if name != LEARNER:
                nursery.start(role, name)
        limit = time.monotonic_ns() + READY_TIMEOUT_NS
        while not all(child.ready for child in nursery.children.values()):
            if self.interrupted:
                return False
            if time.monotonic_ns() > limit:
                late = [child.name for child in nursery.children.values() if not child.ready]
                raise StartError(f"not ready after 60 s: {', '.join(late[:5])}", f"see {self.run_dir / 'logs'}")
            nursery.wait(self.mailbox.fd, 100)
            self._receive(nursery)
            for name in nursery.dead():
                raise StartError(f"{name} died while starting", self._last_words(name))
            ready = sum(child.ready for child in nursery.children.values())
            self._show(Progress("starting", 0, 0, 0, ready, len(nursery.children)))
        self.clock = Clock(time.monotonic_ns() + HEAD_START_NS, self.plan.emulation.speed)
        self.recorder.put({"epoch_monotonic_ns": self.clock.epoch_ns})
        for name in self.processes:
            if name != LEARNER:
                self.tell(name, Start(self.clock.epoch_ns, self.clock.speed))
        if self.plan.learn:
            self.faults.join(LEARNER)
        return True

    def _last_words(self, name: str) -> str:
        log = self.run_dir / "logs" / f"{name}.log"
        lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
        return f"{lines[-1]} (see {log})" if lines else f"see {log}"

    # Working ---------------------------------------------------------------------------------------------------------

    def _work(self) -> str:
        """Until drained ("") or the reason why not."""
        end_ns = self.plan.system.end_ns
        limit = self.plan.emulation.drain_limit_ns
        limit = limit if limit >= 0 else 2 * end_ns
        nursery = self.faults.nursery
        while True:
            if self.interrupted:
                return INTERRUPTED
            now = self.clock.now_ns()
            if now >= end_ns and self.ledger.drained(self.faults.absences):
                return ""
            if now > end_ns + limit:
                return DRAIN_LIMIT
            nursery.wait(self.mailbox.fd, self.faults.milliseconds())
            self._receive(nursery)
            self.faults.act()
            self.recorder.commit_when_due()
            alive, silent = len(nursery.children), tuple(self.liveness.silent)
            self._show(self.ledger.progress(now, alive, len(self.processes), silent))

    def _receive(self, nursery: Nursery) -> None:
        """Empty the inbox; then see who has not spoken."""
        while (received := self.mailbox.receive()) is not None:
            body = received.body
            if isinstance(body, Rows):
                self.ledger.take(body.rows)
                self.recorder.add(body.rows)
            elif isinstance(body, WORDS):
                self._hear(nursery, received)
            else:
                self.mailbox.drop(f"{type(body).__name__} of {received.source}: not for the launcher")
        self.liveness.act(nursery.children.values())

    def _hear(self, nursery: Nursery, received: Envelope) -> None:
        child, body = nursery.children.get(received.source), received.body
        self.liveness.take(received)
        if isinstance(body, Hello) and child is not None and child.pid == body.pid and not child.ready:
            child.ready = True
            nursery.write_table()
            self._keep(EventRow(self._now(), child.name, "ready", body.role, body.pid))

    def _keep(self, row: EventRow) -> None:
        self.recorder.add([row])

    def _now(self) -> int:
        return max(0, self.clock.now_ns()) if self.clock.epoch_ns < 2**62 else 0

    def tell(self, name: str, body: Body, at_ns: int = 0) -> None:
        """Send a notice to the process (or to the process of the core) ``name``."""
        self.mailbox.send(envelope(LAUNCHER, 0, name, body, at_ns))

    # Stopping --------------------------------------------------------------------------------------------------------

    def _stop(self, nursery: Nursery, reason: str) -> None:
        """Let everyone flush and leave; a second interrupt hurries."""
        for name in nursery.children:
            self.tell(name, Stop(self._now(), reason))
        limit = time.monotonic_ns() + STOP_TIMEOUT_NS
        known = len(self.interrupted)
        while nursery.children and time.monotonic_ns() < limit and len(self.interrupted) <= known:
            nursery.wait(self.mailbox.fd, 50)
            self._receive(nursery)
            for name in nursery.dead():
                nursery.forget(name)
        self._receive(nursery)
        if self.mailbox.dropped:
            row = EventRow(self._now(), LAUNCHER, "dropped_frame", self.mailbox.last_error, self.mailbox.dropped)
            self.recorder.add([row])
