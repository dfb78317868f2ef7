"""What a screen shows of a run at one instant (pure data): every panel is a function of a `Snapshot` and nothing else.

Instants and durations are emulated seconds, energies joules, shares fractions from 0 to 1. NaN never appears: what is
not known yet is None.
"""

import msgspec

from testbed.analysis.recovery import Recovery

STATE_LOCAL, SENDING, WAITING, CUT, STATE_LOST, IDLE = "local", "sending", "waiting", "cut", "lost", "idle"
STARTING, RUNNING, DRAINING, ENDED = "starting", "running", "draining", "ended"


class Fates(msgspec.Struct, frozen=True, kw_only=True):
    """Tasks by what became of them; ``open`` are decided and still under way."""

    generated: int = 0
    open: int = 0
    completed: int = 0
    late: int = 0
    failed: int = 0
    local: int = 0
    offloaded: int = 0
    forwarded: int = 0
    rejected: int = 0
    recovered: int = 0
    fallback: int = 0

    @property
    def finished(self) -> int:
        """Tasks that ended with a result."""
        return self.completed + self.late

    @property
    def deadlines_kept(self) -> float | None:
        """The share of ended tasks that kept their deadline."""
        ended = self.finished + self.failed
        return self.completed / ended if ended else None


class DelaySpread(msgspec.Struct, frozen=True):
    """A distribution of durations, seconds."""

    mean: float
    p50: float
    p95: float
    p99: float


class EsState(msgspec.Struct, frozen=True, kw_only=True):
    """An edge server: at its last slot boundary, and so far.

    ``busy`` are shares of core time and ``waiting_by_slot`` numbers of tasks, one for each of the last slots.
    """

    name: str
    alive: bool
    ghz: float
    waiting: int = 0
    backlog_s: float = 0.0
    over_threshold: bool = False
    utilisation: float = 0.0
    executed: int = 0
    forwarded_in: int = 0
    forwarded_out: int = 0
    busy: tuple[float, ...] = ()
    waiting_by_slot: tuple[float, ...] = ()


class UeState(msgspec.Struct, frozen=True, kw_only=True):
    """A user equipment: what it does now, and its tasks so far."""

    name: str
    cell: int
    state: str
    open: int = 0
    ended: int = 0
    offloaded: int = 0
    late: int = 0
    failed: int = 0
    delay_s: float | None = None
    energy_j: float | None = None
    overhead: float | None = None


class TaskLife(msgspec.Struct, frozen=True, kw_only=True):
    """An ended task with the parts of its delay, seconds, in the order in which it went through them."""

    ue: str
    number: int
    state: str
    where: str
    delay_s: float
    deadline_s: float
    overhead: float
    parts: tuple[tuple[str, float], ...]


class Event(msgspec.Struct, frozen=True):
    """Something that happened to a process."""

    at_s: float
    source: str
    kind: str
    detail: str


class LearnerState(msgspec.Struct, frozen=True, kw_only=True):
    """What a learner says of itself, its last word first; the series are a point for each of its reports."""

    name: str
    updates: int
    version: int
    updates_per_s: float
    lag: float
    loss: tuple[float, ...]
    entropy: tuple[float, ...]
    reward: tuple[float, ...]


class Honesty(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the numbers can be trusted so far; ``grade`` is final, and None before the run has ended.

    ``late_p50_ms`` and ``late_p99_ms`` are wall milliseconds by which results came later than their ideal instant.
    """

    exact: bool
    grade: str | None = None
    burn: float = 0.0
    payload: str = "declared"
    late_p50_ms: float | None = None
    late_p99_ms: float | None = None
    slipped: int = 0
    dropped: int = 0
    steal: float | None = None


class BestBaseline(msgspec.Struct, frozen=True):
    """The best known mean overhead of this scenario and the policy that it is of."""

    policy: str
    overhead: float


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A run at one instant. Series have a point for each slot; one in which nothing ended repeats the last."""

    run: str
    scenario: str
    policy: str
    backend: str
    speed: float
    phase: str
    now_s: float
    slot: int
    slots: int
    fates: Fates
    delay: DelaySpread | None
    recent: DelaySpread | None
    overhead: float | None
    overhead_by_slot: tuple[float, ...]
    baseline: BestBaseline | None
    reward_by_slot: tuple[float, ...]
    parts: tuple[tuple[str, float], ...]
    energy: tuple[tuple[str, float], ...]
    controller_alive: bool
    servers: tuple[EsState, ...]
    ues: tuple[UeState, ...]
    tasks: tuple[TaskLife, ...]
    events: tuple[Event, ...]
    recovery: tuple[Recovery, ...]
    learners: tuple[LearnerState, ...]
    honesty: Honesty

    def graded(self, grade: str) -> "Snapshot":
        """The same with its grade, which is found out after the run."""
        return msgspec.structs.replace(self, honesty=msgspec.structs.replace(self.honesty, grade=grade))
