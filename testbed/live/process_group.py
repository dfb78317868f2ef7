"""The processes that play a plan together: started, told one epoch, heard, and never outliving who started them."""

import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import zmq

from testbed.live import needs
from testbed.live.liveness import Liveness
from testbed.live.local_supervisor import LOCAL_DEPLOYMENT
from testbed.live.places import Places, new_token
from testbed.live.progress import Progress
from testbed.live.supervisor import Deployment, Supervisor
from testbed.model.delay import NEVER, NS_PER_S
from testbed.model.errors import LostError, StartError
from testbed.model.revision import Revision
from testbed.model.system import Plan
from testbed.node.assignment import Assignment, pieces, policy_bytes
from testbed.node.clock import Clock
from testbed.node.credentials import Credentials, private_folder
from testbed.node.launcher_session import LAUNCHER, WORDS
from testbed.node.socket import Mailbox, envelope
from testbed.protocol.codec import Envelope
from testbed.protocol.messages import Body, Hello, Orders, Ready, Revise, Start, Stop
from testbed.protocol.placement import Processes
from testbed.protocol.rows import EventRow
from testbed.record.files import replacing

HEAD_START_NS = 150_000_000
AGAIN_NS = 10_000_000_000
EPISODE_LOOK_MS = 100
SOCKET_LIMIT = 107  # bytes of the path of a Unix socket, see unix(7)
LONGEST_NAME = len("/sock/ues-1000000")
DECIDING = ("controller", "controller.online")


@contextlib.contextmanager
def prepared(run_dir: Path) -> Iterator[str]:
    """The run's private folders; yields a short path to the run directory, for sockets (`SOCKET_LIMIT`)."""
    try:
        for folder in (run_dir / "sock", run_dir / "node"):
            if folder.is_dir() and not folder.is_symlink():
                shutil.rmtree(folder)  # what an earlier run left
            private_folder(folder)
        (run_dir / "logs").mkdir(exist_ok=True)
    except OSError as error:
        raise StartError(f"{run_dir} cannot be written: {error.strerror or error}") from None
    descriptor = os.open(run_dir, os.O_PATH | os.O_DIRECTORY)
    try:
        yield _short(run_dir, descriptor)
    finally:
        os.close(descriptor)
        shutil.rmtree(run_dir / "sock", ignore_errors=True)
        shutil.rmtree(run_dir / "node", ignore_errors=True)


def _short(run_dir: Path, descriptor: int) -> str:
    """A path to ``run_dir`` that sockets can have: as it is if short and plain, otherwise by an open ``descriptor``."""
    here = min(os.path.relpath(run_dir), str(run_dir.resolve()), key=len)
    return here if here.isascii() and len(here) <= SOCKET_LIMIT - LONGEST_NAME else f"/proc/self/fd/{descriptor}"


class ProcessGroup:
    """``processes`` of ``plan`` in ``run_dir`` (``here`` is a short path to it); cores called ``mine`` are played here.

    Whoever extends it says what to do with messages that are not about being alive (`take`), and with events (`note`).
    """

    def __init__(
        self,
        plan: Plan,
        run_dir: Path,
        here: str,
        processes: Processes,
        mine: Sequence[str] = (),
        warm_up: Plan | None = None,
        deployment: Deployment = LOCAL_DEPLOYMENT,
    ) -> None:
        self.plan, self.run_dir, self.processes, self._mine = plan, run_dir, processes, mine
        self.episode = 0
        self._ordered: dict[str, int] = {}
        self._supervisor: Supervisor | None = None
        self._stayed: set[str] = set()
        needs.provide(plan, len(processes), elsewhere=deployment.endpoints is not None)
        self.set_orders(warm_up)
        self._token = new_token()
        listed = {name: (name, *cores) for name, (_, cores) in processes.items()} | {LAUNCHER: (LAUNCHER, *mine)}
        emulation = plan.emulation
        places = Places(listed, emulation.transport, deployment.endpoints, plain_payload=emulation.plain_payload)
        places.write(run_dir)
        by_name = places.by_name(f"{here}/")
        try:
            self.mailbox = Mailbox(by_name[LAUNCHER], by_name, Credentials(self._token, places.key_of(LAUNCHER)))
        except (zmq.ZMQError, OSError) as error:
            raise StartError(f"sockets cannot be opened in {run_dir}: {error.strerror or error}") from None
        self.clock = Clock(NEVER, plan.emulation.speed)
        self.liveness = Liveness(self.mailbox, self.note, self.now_ns)
        self._ready: dict[str, int] = {}
        self._supervise, self._patience_s = deployment.supervise, deployment.ready_s

    def take(self, received: Envelope) -> None:
        """A message that is not about being alive."""
        self.mailbox.drop(f"{type(received.body).__name__} of {received.source}: not for the launcher")

    def note(self, row: EventRow) -> None:
        """Something happened to a process."""

    def follow(self, plan: Plan, revision: Revision) -> None:
        """``plan`` is played from some instant to come on: every process is told by what it changes, one that starts
        later by its orders."""
        self.plan = plan
        self._encode_orders()
        encoded = msgspec.msgpack.encode(revision)
        for name in self._ordered:
            if name in self.supervisor.table() and name not in plan.learners:
                for piece in pieces(encoded, Revise):
                    self.tell(name, piece)

    def set_orders(self, warm_up: Plan | None = None) -> None:
        """What the processes are told before the next epoch, or before a ``warm_up``; see `Assignment`."""
        self._encode_orders(warm_up)
        for name in self._ordered:
            self._order(name)

    def _encode_orders(self, warm_up: Plan | None = None) -> None:
        cores = {name: cores for name, (_, cores) in self.processes.items()}
        episode = self.episode + (warm_up is not None)
        orders = Assignment(plan=self.plan, processes=cores, episode=episode, warm_up=warm_up)
        policy = policy_bytes(self.plan, self.run_dir)
        deciding = msgspec.structs.replace(orders, policy=policy) if policy else orders
        self._orders = {decides: msgspec.msgpack.encode(deciding if decides else orders) for decides in (False, True)}

    def _order(self, name: str) -> None:
        """Tell a process what to play."""
        for piece in pieces(self._orders[self.processes[name][0] in DECIDING], Orders):
            self.tell(name, piece)

    @property
    def supervisor(self) -> Supervisor:
        """Who starts the processes; made when first asked for."""
        if self._supervisor is None:
            self._supervisor = self._supervise(self.run_dir, self._token)
        return self._supervisor

    def start_all(self, names: Sequence[str], stopped: Callable[[], object], show: Callable[[Progress], None]) -> bool:
        """Start the processes called ``names`` and wait until all are ready; False if ``stopped`` meanwhile.

        Raises `StartError` if one dies, or is not ready in time.
        """
        supervisor = self.supervisor
        for name in names:
            supervisor.start(self.processes[name][0], name)
            self.receive()
        limit = time.monotonic_ns() + self._patience_s * NS_PER_S
        while late := [name for name in names if not self.is_ready(name)]:
            if stopped():
                return False
            if time.monotonic_ns() > limit:
                names_late = ", ".join(late[:5])
                raise StartError(f"not ready after {self._patience_s} s: {names_late}", self.log_tail(late[0]))
            self.wait(100)
            self.receive()
            for name in supervisor.dead():
                raise StartError(f"{name} died while starting", self.log_tail(name))
            ready = sum(map(self.is_ready, names))
            show(Progress(phase="starting", now_ns=0, finished=0, total=0, alive=ready, processes=len(names)))
        return True

    def is_ready(self, name: str, incarnation: int | None = None) -> bool:
        """Whether the process ``name`` lives and has said that it is ready; in ``incarnation``, if that is given."""
        child = self.supervisor.table().get(name)
        if child is None or self._ready.get(name) != child.incarnation:
            return False
        return incarnation is None or child.incarnation == incarnation

    def write_table(self) -> None:
        """``processes.json``: name, role and pid of every process that is ready, replaced atomically."""
        children = [child for child in self.supervisor.table().values() if self.is_ready(child.name)]
        rows = [{"name": child.name, "role": child.role, "pid": child.pid} for child in children]
        path = self.run_dir / "processes.json"
        with replacing(path, through_links=False, durable=False) as beside:
            beside.write_text(json.dumps(rows, indent=1) + "\n")

    def begin(self, names: Sequence[str]) -> None:
        """Give the processes called ``names`` an epoch, shortly ahead."""
        self.set_clock(names, HEAD_START_NS, self.plan.emulation.speed)

    def set_clock(self, names: Sequence[str], ahead_ns: int, speed: float, *, warm_up: bool = False) -> None:
        """Give the processes called ``names`` an epoch ``ahead_ns`` from now."""
        self.clock = Clock(time.monotonic_ns() + ahead_ns, speed)
        for name in names:
            epoch_ns = self.clock.epoch_ns + self.supervisor.ahead_ns(name)
            self.tell(name, Start(epoch_ns, speed, warm_up=warm_up))

    def call_off(self, names: Sequence[str], reason: str) -> None:
        """End the episode that ``names`` play: they await another epoch, and drop what is still said in this one.

        Raises `LostError` if a process has died, or does not answer in ten seconds.
        """
        self._stayed.clear()
        for name in names:
            self.tell(name, Stop(self.now_ns(), reason, again=True))
        limit = time.monotonic_ns() + AGAIN_NS
        while silent := [name for name in names if name not in self._stayed]:
            if time.monotonic_ns() > limit:
                raise LostError(f"{silent[0]} does not answer", self.log_tail(silent[0]))
            self.look(EPISODE_LOOK_MS)
        self.episode += 1

    def look(self, wait_ms: int) -> None:
        """Take what has come, after waiting for it; raises `LostError` if a process has died."""
        if wait_ms:
            self.wait(wait_ms)
        self.receive()
        for name in self.supervisor.dead():
            raise LostError(f"{name} died during the episode", self.log_tail(name))

    def log_tail(self, name: str) -> str:
        """The last line of a process's log, and where it is."""
        place = f"see {self.supervisor.log_place(name)}"
        lines = self.supervisor.log_tail(name)
        return f"{lines[-1]} ({place})" if lines else place

    def receive(self) -> None:
        """Take what has come, for no longer than a turn; then, if that was all, see who has not spoken."""
        for received in self.mailbox.take():
            if isinstance(received.body, WORDS) and received.to not in self._mine:
                self._hear(received)
            elif isinstance(received.body, Ready):
                self._take_ready(received)
            elif isinstance(received.body, Stop) and received.to == LAUNCHER:
                self._stayed.add(received.source)
            else:
                self.take(received)
        if self.mailbox.drained:
            self.liveness.act(self.supervisor)

    def wait(self, milliseconds: int) -> None:
        """Sleep until a message, a death, a signal or the timeout; not at all if there are messages left."""
        self.supervisor.wait(self.mailbox.fd, milliseconds if self.mailbox.drained else 0)

    def _hear(self, received: Envelope) -> None:
        child, body = self.supervisor.table().get(received.source), received.body
        self.liveness.take(received)
        if not isinstance(body, Hello) or child is None or child.incarnation != body.incarnation:
            return
        if self._ordered.get(child.name) != child.incarnation:
            self._ordered[child.name] = child.incarnation
            self._order(child.name)

    def _take_ready(self, received: Envelope) -> None:
        """A process has its orders."""
        child = self.supervisor.table().get(received.source)
        if child is None or child.incarnation != received.incarnation:
            return self.mailbox.pass_over(received, "of a life that is over")
        if self.is_ready(child.name):
            return
        self._ready[child.name] = child.incarnation
        self.write_table()
        self.note(EventRow(self.now_ns(), child.name, "ready", child.role, child.pid))

    def now_ns(self) -> int:
        """Emulated time, 0 before the epoch."""
        return max(0, self.clock.now_ns()) if self.clock.epoch_ns < NEVER else 0

    def tell(self, name: str, body: Body, at_ns: int = 0) -> None:
        """Send a notice to the process (or to the process of the core) ``name``."""
        self.mailbox.send(envelope(LAUNCHER, self.episode, name, body, at_ns))

    def shutdown(self) -> None:
        """End every process that still runs; may be called again."""
        if self._supervisor is not None:
            self._supervisor.close()
            self._supervisor = None
        self.mailbox.close()
